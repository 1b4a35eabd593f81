"""The package's work on a cluster of two workers, one of them killed: the same bytes as here."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_cluster import address_of, dask_cluster

from avianvox.cli.main import main

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as file:
        yield address_of(file)


@pytest.fixture
def killed_worker(scheduler: str) -> Iterator[None]:
    """A worker is killed as soon as one has a call of ours."""
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(2, 30)
        processes = client.run(os.getpid)

        def kill() -> None:
            while True:
                for worker, calls in client.processing().items():
                    if any("_call" in str(call) for call in calls):
                        return os.kill(processes[worker], signal.SIGKILL)
                time.sleep(0.005)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        yield
        killer.join(1)
        assert not killer.is_alive()


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return int(ended.value.code or 0)


def contents(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in but)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.usefixtures("killed_worker")
def test_features_are_the_same(scheduler: str, synth_catalog_dir: Path, tmp_path: Path) -> None:
    build = ("features", "build", synth_catalog_dir, "--out")
    assert run(*build, tmp_path / "here", "--jobs", "1") == 0
    assert run(*build, tmp_path / "there", "--scheduler", scheduler) == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
