"""Interrupt commands at random moments, run them to their end, and look for what is lost or left.

    python -m tests.interrupts --times 200

Each command is run whole first; those that keep times, twice: what two whole runs differ in is not compared.
Then it is begun in a new folder, interrupted up to three times, and let through, always by the same command.
After that its files have to be those of the whole run, and no temporary file may be left, neither beside them
nor in the system's folder for such files. The inputs have to be as they were.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_xeno_canto import KEY, FakeXenoCanto, row

REPOSITORY = Path(__file__).resolve().parent.parent
CHAIN = 3
TEMPORARY = ("*.partial", ".partial-*", "spool-*", "*.mark", ".segments.json", "*.rows")
_TROUBLE = re.compile(r"Traceback|Error|Exception|Warning|avianvox:")
SAID = (
    "avianvox: interrupted",
    "avianvox: interrupted; with --output, --resume goes on from what is finished",
    "avianvox: interrupted; --resume goes on from what is finished",
    "avianvox: interrupted; the same command goes on from what is finished",
)

COMMANDS = {
    "features build": "features build {sounds} --out {out}/store --jobs 1",
    "features build, 2 jobs": "features build {sounds} --out {out}/store --jobs 2",
    "classify": "classify {sounds} --by window --output {out}/a.csv --resume -q --jobs 1",
    "classify, 2 jobs": "classify {sounds} --by window --output {out}/a.parquet --resume -q --jobs 2",
    "train": "train {sounds} --out {out}/run --epochs 3 --validation 0 --resume -q",
    "crossval": "crossval {sounds} --models session_lookup,gnb_mfcc --folds 2 --out {out}/run",
    "download": "data download gen:Vireo --rate 40 --out {out}/sounds",
    "segments": "segments {table} --out {out}/review --per-species 2",
}
"""What is interrupted; every call is also the one that goes on."""

VARYING = ("train", "crossval")
"""Commands that keep times, which are others in every run."""


@dataclass
class Row:
    """What came of the tries with one command."""

    runs: int = 0
    interrupts: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    noise: list[str] = field(default_factory=list)  # what was said beside the one line
    lost: list[str] = field(default_factory=list)  # runs that did not come to their end
    left: list[str] = field(default_factory=list)  # temporary files
    differing: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.noise or self.lost or self.left or self.differing) and set(self.codes) <= {1}


class Ground:
    """A folder with inputs, a server, and room for outputs."""

    def __init__(self, folder: Path, server: FakeXenoCanto) -> None:
        from avianvox.audio.synth import synthesize_dataset

        self.folder, self.server = folder, server
        self.sounds, self.table, self.scratch = folder / "sounds", folder / "table.csv", folder / "tmp"
        self.scratch.mkdir()
        synthesize_dataset(
            self.sounds, n_species=3, n_recordings=6, duration_s=(8.0, 16.0), no_bird=3, audio_format="flac"
        )
        rows = [
            f"{path},{begin},{begin + 2},{path.parent.name}\n"
            for path in sorted(self.sounds.rglob("*.flac"))
            for begin in (1, 4)
        ]
        self.table.write_text(f"path,begin_s,end_s,scientific_name\n{''.join(rows)}")
        self.inputs = contents(self.sounds)

    def begin(self, call: str, out: Path) -> "subprocess.Popen[str]":
        places = {"sounds": self.sounds, "table": self.table, "out": out}
        command = [sys.executable, "-m", "avianvox", *(part.format(**places) for part in call.split())]
        more = {"XC_API": self.server.address, "XC_API_KEY": KEY, "TMPDIR": str(self.scratch)}
        more |= {"PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.Popen(
            command,
            env=os.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, call: str, out: Path) -> tuple[int, str, float]:
        """Exit code, what was said, and seconds."""
        begin = time.monotonic()
        process = self.begin(call, out)
        said = process.communicate(timeout=600)[1]
        return process.returncode, said, time.monotonic() - begin


@contextmanager
def ground() -> Iterator[Ground]:
    rows = [row(number) for number in range(1, 25)]
    sounds = {r["id"]: noise(int(r["id"])) for r in rows}
    with (
        tempfile.TemporaryDirectory(prefix="interrupts-") as name,
        FakeXenoCanto(rows, sounds=sounds) as server,
    ):
        yield Ground(Path(name).resolve(), server)


def noise(seed: int) -> bytes:
    """Two seconds as WAV."""
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 44100, 0, "NONE", ""))
        sound.writeframes(random.Random(seed).randbytes(4 * 44100))
    return file.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def trial(ground: Ground, name: str, times: int, chance: random.Random, signals: tuple[str, ...]) -> Row:
    """Interrupt one command ``times`` times."""
    call, result = COMMANDS[name], Row()
    whole, seconds = _whole(ground, call, name)
    while result.interrupts < times:
        result.runs += 1
        out = ground.folder / f"{name}-{result.runs}"
        out.mkdir()
        for _ in range(min(chance.randint(1, CHAIN), times - result.interrupts)):
            number = getattr(signal, chance.choice(signals))
            took_s = _interrupt(ground, call, out, number, seconds * chance.random(), result)
            if took_s is not None:
                seconds = min(
                    seconds, max(took_s, 0.5)
                )  # it was done before; this machine may be less busy now
                break
        else:
            code, said, _ = ground.finish(call, out)
            if code != 0:
                result.lost.append(f"run {result.runs} ended with {code}: {said[-300:]}")
        found = contents(out)
        wrong = [file for file in whole if found.get(file) != whole[file]]
        result.differing += [f"run {result.runs}: {file}" for file in wrong]
        places = [p for pattern in TEMPORARY for p in out.rglob(pattern)] + list(ground.scratch.iterdir())
        result.left += [f"run {result.runs}: {path}" for path in places]
        if contents(ground.sounds) != ground.inputs:
            result.lost.append(f"run {result.runs}: an input was changed")
        for path in list(ground.scratch.iterdir()):
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(out)
    return result


def _whole(ground: Ground, call: str, name: str) -> tuple[dict[str, bytes], float]:
    """The files of a whole run that are the same in another one, and how long one takes."""
    out, found, seconds = ground.folder / f"{name} whole", [], 0.0
    for _ in range(2 if name in VARYING else 1):
        out.mkdir()
        code, said, seconds = ground.finish(call, out)
        assert code == 0, said
        found.append(contents(out))
        shutil.rmtree(out)
    return {file: data for file, data in found[0].items() if found[-1].get(file) == data}, seconds


def _interrupt(
    ground: Ground,
    call: str,
    out: Path,
    number: signal.Signals,
    after_s: float,
    result: Row,
) -> float | None:
    """Begin and interrupt; None, or the seconds of a command that came to its end before."""
    begin = time.monotonic()
    process = ground.begin(call, out)
    while process.poll() is None and not _is_ready(process.pid):
        time.sleep(0.001)
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, after_s - (time.monotonic() - begin)))
    took_s = time.monotonic() - begin
    if process.poll() is None:
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
    said = process.communicate(timeout=300)[1]
    code = process.returncode
    if code == 0:
        return took_s
    result.interrupts += 1
    result.codes[code] += 1
    last = (said.splitlines() or [""])[-1]
    if number != signal.SIGKILL and (last not in SAID or _TROUBLE.search(said.removesuffix(f"{last}\n"))):
        result.noise.append(f"run {result.runs}, {number.name}, {code}: {said[-2000:]}")
    return None


def _is_ready(pid: int) -> bool:
    """Whether Python has started and `avianvox.signals` is at work: it catches SIGTERM."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def table(results: Mapping[str, Row]) -> str:
    lines = [
        "| command | runs | interrupts | exit codes | noise | lost | left | differing |",
        "|---|" + "--:|" * 7,
    ]
    for name, r in results.items():
        codes = ", ".join(f"{code}: {n}" for code, n in sorted(r.codes.items()))
        counts = " | ".join(str(len(found)) for found in (r.noise, r.lost, r.left, r.differing))
        lines.append(f"| {name} | {r.runs} | {r.interrupts} | {codes} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=200, help="interrupts of all commands together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--commands", default=",".join(COMMANDS).replace(", 2", "; 2"), help="some of: %(default)s"
    )
    parser.add_argument(
        "--signals", default="SIGINT,SIGTERM", help="[default: %(default)s]; SIGHUP and SIGKILL too"
    )
    options = parser.parse_args()
    names = [name.replace("; 2", ", 2") for name in options.commands.split(",")]
    results: dict[str, Row] = {}
    with ground() as here:
        for i, name in enumerate(names):
            times = options.times * (i + 1) // len(names) - options.times * i // len(names)
            chance = random.Random(f"{options.seed} {name}")
            results[name] = trial(here, name, times, chance, tuple(options.signals.split(",")))
            print(table({name: results[name]}).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(results))
    for name, result in results.items():
        for line in (*result.noise, *result.lost, *result.left, *result.differing):
            print(f"{name}: {line}")
    sys.exit(0 if all(result.is_good for result in results.values()) else 1)


if __name__ == "__main__":
    main()
