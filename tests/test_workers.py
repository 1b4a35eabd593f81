"""Processes that outlive a call which kills one of them."""

import os
import time
from pathlib import Path

import pytest

from avianvox.features import jobs
from avianvox.features.spec import FeatureSpec
from avianvox.features.worker import Task
from avianvox.inference.pools import Pool
from avianvox.workers import NoWorkers, WorkerCrashed, Workers


def die(wanted: bool) -> int:
    if wanted:
        os._exit(9)
    return os.getpid()


def die_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return os.getpid()


def die_with_code(*_: object) -> None:
    os._exit(1)


def linger(_: object) -> None:
    time.sleep(30)


def test_a_call_that_kills_its_worker_twice_is_the_only_one_lost(tmp_path: Path) -> None:
    with Workers(2) as workers:
        waits = [workers.submit(die, i == 1) for i in range(6)]
        with pytest.raises(WorkerCrashed):
            waits[1]()
        assert all(wait() > 0 for i, wait in enumerate(waits) if i != 1)
        assert workers.submit(abs, -3)() == 3
        assert workers.submit(die_once, tmp_path / "mark")() > 0


def test_errors_of_a_call_are_its_own() -> None:
    with Workers(2) as workers:
        waits = [workers.submit(divmod, 7, n) for n in (0, 2)]
        with pytest.raises(ZeroDivisionError):
            waits[0]()
        assert waits[1]() == (3, 1)


def test_workers_that_end_as_they_start_are_no_fault_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.workers.start_worker", die_with_code)
    with Workers(2) as workers, pytest.raises(NoWorkers, match=r"end as they start.*--jobs 1"):
        workers.submit(abs, -3)()


def test_an_interrupted_build_does_not_wait_for_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "describe", linger)
    task = Task("1", tmp_path / "1.wav", (), tmp_path / "1.rows", FeatureSpec(), "float32")

    def build() -> None:
        with jobs.Workers(2) as workers:
            workers.submit(task)
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        build()
    assert time.monotonic() - begin < 15


def test_what_a_crash_has_lost_comes_before_all_else() -> None:
    begun: list[int] = []
    broken = False

    def begin(fn: object, i: int) -> object:
        nonlocal broken
        begun.append(i)
        broken = False  # a pool that has to begin a call starts anew
        return lambda: i

    answers = Pool(1, begin, begin, lambda: broken).map(abs, range(10))  # type: ignore[arg-type]
    assert next(answers) == 0
    assert begun == [0, 1, 2, 3]
    broken = True
    assert [next(answers) for _ in range(3)] == [1, 2, 3]
    assert begun == [0, 1, 2, 3]
    assert next(answers) == 4
    assert begun == [0, 1, 2, 3, 4, 5, 6, 7]
