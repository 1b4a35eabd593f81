"""A Dask scheduler and two workers in processes of their own, on loopback; and work for them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ALLOWED_FAILURES = 1
"""A call that kills so many workers and one more is given up."""


@contextmanager
def dask_cluster(folder: Path) -> Iterator[Path]:
    """The scheduler's file of a cluster that ends with the block."""
    from distributed import Client

    file = folder / "scheduler.json"
    modules = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "PYTHONPATH": modules,
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(ALLOWED_FAILURES),
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s",
    }
    common = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    commands = {
        "scheduler": ["--port", "0"],
        "worker": ["--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder)],
    }
    with ExitStack() as stack:
        for name, options in commands.items():
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *common, *options]
            log = stack.enter_context(open(folder / f"{name}.log", "w"))
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(process.wait, 10)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.05)
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, 30)
        time.sleep(1)  # a nanny whose worker is killed while it starts gives up
        yield file


def address_of(file: Path) -> str:
    return str(json.loads(file.read_text())["address"])


def process_of_worker(item: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def square_and_die_once(item: tuple[int, str]) -> int:
    """The call number 7 kills the worker that makes it, unless the mark is there."""
    number, mark = item
    time.sleep(0.02)
    if number == 7 and not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def die_on_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
