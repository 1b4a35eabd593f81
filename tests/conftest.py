"""Shared fixtures. Expensive ones are made once a test session, whichever worker needs them first."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, page  # noqa: F401, fixtures

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings, or a skip that says how to name it."""
    folder = Path(os.environ.get("AVIANVOX_DATA", REPOSITORY.parent / "shared" / "data")).resolve()
    if not (folder / "puerto_rico" / "recordings.json").is_file():
        pytest.skip(f"real recordings not found in {folder}; set AVIANVOX_DATA")
    return folder


@pytest.fixture(scope="session", autouse=True)
def signals_of_a_terminal() -> Iterator[None]:
    """In the background and under nohup signals are ignored, also by all processes that tests start."""
    heard = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: lambda *_: None}
    ignored = [number for number in heard if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, heard[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of one test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def make_once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Run ``make(path)`` in the first worker that comes; the others wait and find what it made."""
    path = folder / name
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            partial = folder / f"making-{name}"
            make(partial)
            partial.rename(path)
    return path


@pytest.fixture(scope="session")
def synth_catalog_dir(shared_folder: Path) -> Path:
    """Three synthetic species and "no bird", four recordings of each, in four sessions."""
    from avianvox.audio.synth import synthesize_dataset

    def make(path: Path) -> None:
        synthesize_dataset(
            path,
            n_species=3,
            n_recordings=4,
            duration_s=(4.0, 6.0),
            n_sessions=4,
            no_bird=4,
            audio_format="flac",
        )

    return make_once(shared_folder, "synthetic", make)


@pytest.fixture(scope="session")
def tiny_run(shared_folder: Path, synth_catalog_dir: Path) -> Path:
    """A run folder of the published network after three epochs."""
    from avianvox.cli.main import main

    def make(path: Path) -> None:
        options = ["--epochs", "3", "--validation", "0", "--quiet"]
        with pytest.raises(SystemExit) as ended:
            main(["train", str(synth_catalog_dir), "--out", str(path), *options])
        assert ended.value.code == 0

    return make_once(shared_folder, "tiny-run", make)


@pytest.fixture(scope="session")
def tiny_model(shared_folder: Path, tiny_run: Path) -> Path:
    """The model file of `tiny_run`."""
    from avianvox.cli.main import main

    def make(path: Path) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["export", str(tiny_run), "--out", str(path)])
        assert ended.value.code == 0

    return make_once(shared_folder, "tiny.tflite", make)


@pytest.fixture(scope="session")
def tiny_crossval(shared_folder: Path, synth_catalog_dir: Path) -> Path:
    """The run folder of a cross-validation: naive Bayes, two random and two session folds."""
    from avianvox.cli.main import main

    def make(path: Path) -> None:
        options = ["--models", "gnb_pixels,gnb_mfcc", "--folds", "2"]
        with pytest.raises(SystemExit) as ended:
            main(["crossval", str(synth_catalog_dir), "--out", str(path), *options])
        assert ended.value.code == 0

    return make_once(shared_folder, "tiny-crossval", make)


@pytest.fixture(autouse=True)
def no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default model of whoever runs the tests would change their answers."""
    monkeypatch.setenv("AVIANVOX_MODELS", str(tmp_path_factory.getbasetemp() / "no-models"))
