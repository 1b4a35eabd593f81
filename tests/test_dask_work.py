"""The package's work on a cluster of two workers, one of them killed: the same bytes as here."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dask_cluster import address_of, dask_cluster
from handmade_model import write_handmade

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


@pytest.mark.parametrize("where", ["processes", "cluster"])
def test_folds_are_the_same(
    where: str, request: pytest.FixtureRequest, tiny_crossval: Path, synth_catalog_dir: Path, tmp_path: Path
) -> None:
    if where == "cluster":
        request.getfixturevalue("killed_worker")
    options = (
        ("--jobs", "2") if where == "processes" else ("--scheduler", request.getfixturevalue("scheduler"))
    )
    models = ("--models", "gnb_pixels,gnb_mfcc", "--folds", "2")
    assert run("crossval", synth_catalog_dir, "--out", tmp_path / "run", *models, *options) == 0
    done_there = contents(tmp_path / "run", but=("timings.json",))
    done_here = contents(tiny_crossval, but=("timings.json",))
    beside = {name for name in done_here if name.startswith(("calibration", "report"))}  # by other tests
    assert done_there == {name: text for name, text in done_here.items() if name not in beside}


@pytest.mark.usefixtures("killed_worker")
def test_rows_are_the_same(scheduler: str, tmp_path: Path) -> None:
    model = write_handmade(tmp_path / "model.tflite")
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for i in range(12):
        tone = 0.3 * np.sin(2 * np.pi * (500 + 400 * i) * np.arange(2 * 22050) / 22050)
        soundfile.write(sounds / f"{i}.wav", tone, 22050)
    (sounds / "damaged.wav").write_bytes(b"RIFF")
    classify = ("classify", sounds, "--model", model, "--by", "window", "--output")
    assert run(*classify, tmp_path / "here.csv", "--jobs", "1") == 3
    assert run(*classify, tmp_path / "there.csv", "--scheduler", scheduler) == 3
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
