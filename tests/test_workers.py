"""Executors: every answer once, few items taken ahead, and calls that kill their process."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any

import pytest

from avianvox.features import jobs
from avianvox.features.spec import FeatureSpec
from avianvox.features.worker import Task
from avianvox.workers import EXECUTORS, Crashed, Mapper, NoWorkers, WorkerCrashed, Workplace, open_executor
from avianvox.workers.pools import Pool

LOCAL = [name for name in EXECUTORS if name != "dask"]


def die(wanted: bool) -> int:
    if wanted:
        os._exit(9)
    return os.getpid()


def die_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return os.getpid()


def die_on_odd(n: int) -> int:
    time.sleep(0.05)
    if n % 2:
        os._exit(9)
    return n


def die_with_code(*_: object) -> None:
    os._exit(1)


def linger(_: object) -> None:
    time.sleep(30)


def wait_for(file: Path | int) -> Path | int:
    """A slow first item: it ends when the file is there."""
    while isinstance(file, Path) and not file.exists():
        time.sleep(0.01)
    return file


def invert(n: int) -> int:
    return 7 // n


def processes() -> Any:
    return open_executor(Workplace(2))


@pytest.mark.parametrize("name", LOCAL)
def test_every_executor_gives_every_answer_once(name: str) -> None:
    with EXECUTORS.get(name)(Workplace(2)) as executor:
        assert list(executor.map(abs, range(-30, 0))) == list(range(30, 0, -1))
        assert sorted(executor.unordered(abs, [-5, -4, -6])) == [(0, 5), (1, 4), (2, 6)]
        assert list(executor.unordered(abs, [])) == []
        assert executor.begin(abs, -3)() == 3
        with pytest.raises(ZeroDivisionError):
            list(executor.map(invert, [1, 0]))


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("ordered", [True, False])
def test_items_are_taken_as_they_are_needed(name: str, ordered: bool) -> None:
    taken = []
    items: Iterator[int] = (taken.append(i) or -i for i in range(100))  # type: ignore[func-returns-value]
    with EXECUTORS.get(name)(Workplace(2)) as executor:
        answers = executor.map(abs, items) if ordered else executor.unordered(abs, items)
        for n, _ in enumerate(answers):
            assert len(taken) <= n + 8
    assert len(taken) == 100


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_a_slow_item_keeps_nobody_waiting(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with EXECUTORS.get(name)(Workplace(2)) as executor:
        found = []
        for position, _ in executor.unordered(wait_for, [mark, *range(1, 50)]):
            found.append(position)
            if len(found) == 49:
                mark.touch()
        assert found == [*range(1, 50), 0]


def test_ordered_answers_wait_for_a_slow_item_with_few_others(tmp_path: Path) -> None:
    taken = 0

    def items() -> Iterator[Path | int]:
        nonlocal taken
        for item in [tmp_path / "mark", *range(1, 50)]:
            taken += 1
            yield item

    with EXECUTORS.get("threads")(Workplace(2)) as executor:
        threading.Timer(0.3, (tmp_path / "mark").touch).start()
        answers = executor.map(wait_for, items())
        assert next(answers) == tmp_path / "mark"
        assert taken == 8
        assert list(answers) == list(range(1, 50))


def test_calls_that_kill_their_worker_are_the_only_ones_lost() -> None:
    expected = {n: Crashed(n) if n % 2 else n for n in range(6)}
    with processes() as executor:
        assert dict(executor.unordered(die_on_odd, range(6))) == expected
        assert list(executor.map(die_on_odd, range(6))) == list(expected.values())


def test_a_call_that_was_begun_says_that_it_killed_its_worker(tmp_path: Path) -> None:
    with processes() as executor:
        waits = [executor.begin(die, i == 1) for i in range(6)]
        with pytest.raises(WorkerCrashed):
            waits[1]()
        assert all(wait() > 0 for i, wait in enumerate(waits) if i != 1)
        assert executor.begin(abs, -3)() == 3
        assert executor.begin(die_once, tmp_path / "mark")() > 0


@pytest.mark.parametrize("use", [lambda e: list(e.unordered(abs, [1, 2])), lambda e: e.begin(abs, -3)()])
def test_workers_that_end_as_they_start_are_no_fault_of_the_call(
    use: Callable[[Mapper], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.workers.processes.start_worker", die_with_code)
    with processes() as executor, pytest.raises(NoWorkers, match=r"end as they start.*--jobs 1"):
        use(executor)


def test_an_interrupted_build_does_not_wait_for_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "describe", linger)
    task = Task("1", tmp_path / "1.wav", (), tmp_path / "1.rows", FeatureSpec(), "float32")

    def build() -> None:
        with jobs.Workers(Workplace(2)) as workers:
            workers.submit(task)
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        build()
    assert time.monotonic() - begin < 15


def test_what_a_crash_has_lost_comes_before_all_else() -> None:
    begun: list[int] = []
    futures: list[Future[int]] = []
    broken = False

    def start(_fn: object, item: int) -> "Future[int]":
        nonlocal broken
        broken = len(begun) == 3  # the fourth call breaks the pool; the fifth starts it anew
        begun.append(item)
        futures.append(Future())
        if broken:
            for future in futures:
                future.set_exception(BrokenExecutor())
        elif len(begun) > 4:
            futures[-1].set_result(item)
        return futures[-1]

    def again(_fn: object, item: int) -> "Future[int]":
        assert begun == [0, 1, 2, 3]
        future: Future[int] = Future()
        future.set_result(item)
        return future

    answers = Pool(lambda: 1, start, again, lambda: broken).unordered(abs, range(9))
    assert [position for position, _ in answers] == list(range(9))
    assert begun == list(range(9))
