"""Runs the cases of one kind in a process of its own, which may crash, hang or run out of memory.

The worker says what it begins and how it ended, a line of JSON each; the runner watches the clock. After a
crash or a hang a new worker goes on with the next round.
"""

import json
import pkgutil
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fuzz.worker import since

ROOT = Path(__file__).resolve().parents[2]
_OWN = ("runner", "worker", "hostile", "__main__")
SHOWN_FAILURES = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may take."""

    seconds: float
    megabytes: float


@dataclass
class Tally:
    """What came of one kind."""

    kind: str
    cases: int = 0
    n_failures: int = 0
    worst_s: float = 0.0
    worst_megabytes: float = 0.0
    slowest: str = ""
    largest: str = ""
    failures: list[str] = field(default_factory=list)


def kinds() -> list[str]:
    """Names of the modules beside this one that hold cases."""
    found = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in found if name not in _OWN)


def run_kind(
    kind: str, seed: int, seconds: float, limits: Limits, keep: Path, *, first_round: int = 0
) -> Tally:
    """Run cases of ``kind`` for ``seconds``; inputs that fail are kept in the folder ``keep``."""
    tally, number = Tally(kind), first_round
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number = _run_worker(tally, seed, number, end, limits, keep)
    return tally


def _run_worker(tally: Tally, seed: int, first: int, end: float, limits: Limits, keep: Path) -> int:
    """One worker until it ends, crashes or hangs; the round for the next one."""
    number = first
    with TemporaryDirectory(prefix="fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.worker", tally.kind, str(seed), str(first), folder]
        command += [str(end - time.monotonic()), str(limits.megabytes)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
            case: dict[str, Any] = {"name": "the start", "round": first, "began_ns": time.time_ns()}
            for event in _events(worker, limits.seconds + 20.0):
                if event is None:
                    worker.kill()
                    _fail(tally, seed, case, f"still running after {limits.seconds + 20:.0f} s", folder, keep)
                    return number + 1
                if event["what"] == "begin":
                    case, number = event, event["round"]
                elif event["what"] == "end":
                    _count(tally, case, event)
                    why = event["failure"]
                    if not why and event["seconds"] > limits.seconds:
                        why = f"took {event['seconds']:.1f} s"
                    if not why and event["megabytes"] > limits.megabytes:
                        why = f"took {event['megabytes']:.0f} MB"
                    if why:
                        _fail(tally, seed, {**case, "files": event["files"]}, why, folder, keep)
            said = worker.stderr.read().decode(errors="replace") if worker.stderr else ""
            if worker.wait():
                last = (said.strip().splitlines() or ["nothing said"])[-1]
                _fail(tally, seed, case, f"the process ended with {worker.returncode}: {last}", folder, keep)
    return number + 1


def _events(worker: "subprocess.Popen[bytes]", patience_s: float) -> Iterator[dict[str, Any] | None]:
    """What the worker says; None where it says nothing for too long."""
    assert worker.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        rest = b""
        while selector.select(patience_s):
            block = worker.stdout.read1(1 << 16)  # type: ignore[attr-defined]
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            yield from map(json.loads, lines)
    yield None


def _count(tally: Tally, case: dict[str, Any], event: dict[str, Any]) -> None:
    tally.cases += 1
    if event["seconds"] > tally.worst_s:
        tally.worst_s, tally.slowest = event["seconds"], case["name"]
    if event["megabytes"] > tally.worst_megabytes:
        tally.worst_megabytes, tally.largest = event["megabytes"], case["name"]


def _fail(tally: Tally, seed: int, case: dict[str, Any], why: str, folder: str, keep: Path) -> None:
    tally.n_failures += 1
    if tally.n_failures > SHOWN_FAILURES:
        return
    place = keep / f"{tally.kind}-{seed}-{case['round']}-{tally.n_failures}"
    place.mkdir(parents=True, exist_ok=True)
    names = case.get("files")
    for name in since(Path(folder, f"round-{case['round']}"), case["began_ns"]) if names is None else names:
        if (source := Path(folder, name)).is_file():
            shutil.copyfile(source, place / source.name)
    line = f"{tally.kind}: {case['name']}: {why}"
    again = f"python -m tests.fuzz --only {tally.kind} --seed {seed} --first-round {case['round']}"
    (place / "failure.txt").write_text(f"{line}\n{again}\n", encoding="utf-8", errors="backslashreplace")
    tally.failures.append(f"{line[:400]} ({place})")


def table(tallies: list[Tally]) -> str:
    """Markdown: a row for each kind."""
    rows = ["| kind | cases | failures | worst seconds | worst megabytes |", "|---|---|---|---|---|"]
    for t in tallies:
        slowest, largest = (f" ({name})" if name else "" for name in (t.slowest, t.largest))
        numbers = (
            f"{t.cases:,} | {t.n_failures} | {t.worst_s:.2f}{slowest} | {t.worst_megabytes:.0f}{largest}"
        )
        rows.append(f"| {t.kind} | {numbers} |")
    return "\n".join(rows)
