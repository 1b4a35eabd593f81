"""What a command costs: wall and CPU seconds of a whole process, and the most memory that it held."""

import subprocess
import sys
import time
from typing import NamedTuple

_MEASURE = (
    "import resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "print(used.ru_maxrss, used.ru_utime + used.ru_stime)\n"
    "sys.stderr.buffer.write(done.stderr)\n"
    "sys.exit(done.returncode)"
)


class Cost(NamedTuple):
    """Seconds, seconds and megabytes (Linux counts in kB)."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def cost_of(command: list[str]) -> Cost:
    """Run ``command`` once. Raises `RuntimeError` with the last line it wrote where it fails."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _MEASURE, *command], capture_output=True, text=True)
    wall_s = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    peak_kb, cpu_s = done.stdout.split()
    return Cost(wall_s, float(cpu_s), int(peak_kb) / 1024)


def median_cost(command: list[str], runs: int) -> Cost:
    """The median of each figure over ``runs`` runs."""
    costs = [cost_of(command) for _ in range(runs)]
    return Cost(*(sorted(column)[runs // 2] for column in zip(*costs, strict=True)))
