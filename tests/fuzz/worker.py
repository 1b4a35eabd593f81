"""The process that runs hostile inputs of one kind and says, line by line, what came of each."""

import json
import os
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

MOST_IN_A_ROUND = 300
_FREE_MEGABYTES = 1500  # beyond the limit of one input, before the system says no
_LONGEST_MESSAGE = 4000


def main(kind: str, seed: str, first: str, folder: str, seconds: str, megabytes: str) -> None:
    end = time.monotonic() + float(seconds)
    with os.fdopen(os.dup(1), "w", buffering=1) as said:
        os.dup2(2, 1)  # what a library prints is no event

        def say(**event: Any) -> None:
            said.write(json.dumps(event) + "\n")

        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the helpers of the tests
        warnings.simplefilter("error", RuntimeWarning)  # they would be told on standard error
        module = import_module(f"tests.fuzz.{kind}")
        _bound_memory(float(megabytes) + _FREE_MEGABYTES)
        number = int(first)
        while time.monotonic() < end:
            place = Path(folder, f"round-{number}")
            place.mkdir()
            rng = np.random.default_rng([int(seed), number])
            cases = islice(module.cases(rng, place), MOST_IN_A_ROUND)
            began = time.time_ns()
            for name, call in cases:
                say(what="begin", name=str(name), round=number, began_ns=began)
                seconds_taken, megabytes_taken, failure = _run(call)
                files = since(place, began) if failure else None
                say(
                    what="end",
                    seconds=seconds_taken,
                    megabytes=megabytes_taken,
                    failure=failure,
                    files=files,
                )
                if time.monotonic() >= end:
                    break
                began = time.time_ns()
            shutil.rmtree(place, ignore_errors=True)
            number += 1


def _run(call: Callable[[], object]) -> tuple[float, float, str]:
    """Seconds, megabytes and what is wrong with the outcome; "" where nothing is."""
    from avianvox.errors import AvianvoxError

    before = _reset_peak()
    begin, failure = time.perf_counter(), ""
    try:
        call()
    except AvianvoxError as error:
        failure = _wrong_words(str(error))
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        failure = (
            f"{type(error).__name__}: {str(error)[:300]!r} at {Path(where.filename).name}:{where.lineno}"
        )
    return time.perf_counter() - begin, max(0.0, _peak() - before), failure


def _wrong_words(text: str) -> str:
    if not text.isprintable():
        return f"the message is not one line that can be shown: {text[:300]!r}"
    return f"the message has {len(text)} characters: {text[:100]}" if len(text) > _LONGEST_MESSAGE else ""


def since(place: Path, began_ns: int) -> list[str]:
    """Files that were written for an input, seen from the folder of the worker."""
    found = []
    for path in place.rglob("*"):
        try:
            if path.stat().st_mtime_ns >= began_ns - 20_000_000:
                found.append(str(path.relative_to(place.parent)))
        except OSError:
            continue
    return found[:20]


def _bound_memory(megabytes: float) -> None:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _HAS_PROC else 0
    most = now + int(megabytes * 1e6)
    if _HAS_PROC:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


_HAS_PROC = os.path.exists("/proc/self/clear_refs")


def _reset_peak() -> float:
    """Begin to measure anew; megabytes in use now."""
    if _HAS_PROC:
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    if not _HAS_PROC:
        return 0.0
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
