"""Numbers of another extractor revision: read, and never mixed with those of this one."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.cli.main import main
from avianvox.errors import InputError, StoreError
from avianvox.features.build import build_store
from avianvox.features.layout import DATA_PREFIX, PARTIAL_PREFIX, STORE, seal, settings_tag
from avianvox.features.provide import provide_store
from avianvox.features.spec import EXTRACTOR_REVISION, FIRST_REVISION, FeatureSpec
from avianvox.features.store import FeatureStore, verify_store
from avianvox.inference.ledger import Ledger
from avianvox.inference.question import Question
from avianvox.inference.runs import settings_of
from avianvox.modelfile import read_model_file, verify_model_file, write_model_file
from avianvox.modelfolder import DEFAULT_MODEL, find_model
from avianvox.modelinfo import ModelInfo
from avianvox.types import Recording

SPEC = FeatureSpec()
REFUSED = (
    "^the store in .* holds numbers of extractor revision 1, this release makes those of revision 2, and "
    "the two are never mixed; choose another folder, or delete this store to have it made anew$"
)


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path in paths:
        soundfile.write(path, 0.1 * rng.standard_normal(8000), 22050)
    return [Recording(path.name, path) for path in paths]


def age(store: Path, revision: int = FIRST_REVISION) -> dict[str, bytes]:
    """Make a store as one of ``revision`` wrote it; the first named none. Gives its files back."""
    description = json.loads((store / STORE).read_text())
    data = store / description.pop("data")
    del description["extractor_revision"]
    if revision != FIRST_REVISION:
        description["extractor_revision"] = revision
    description = seal(description)
    os.rename(data, store / description["data"])
    (store / STORE).write_text(json.dumps(description))
    return contents(store)


def contents(store: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def test_an_older_store_opens_and_is_left_as_it_is(recordings: list[Recording], tmp_path: Path) -> None:
    store = tmp_path / "store"
    build_store(recordings, SPEC, store, jobs=1)
    new = FeatureStore.open(store)
    assert new.extractor_revision == new.summary()["extractor_revision"] == EXTRACTOR_REVISION
    before = age(store)
    assert any(f"/{DATA_PREFIX}{SPEC.extraction_fingerprint}-float32-" in path for path in before)
    assert not any("-r1" in path or "-r2" in path for path in before)
    old = FeatureStore.open(store, spec=SPEC)
    assert (old.extractor_revision, len(old)) == (1, 3)
    assert old.rows.tobytes() == new.rows.tobytes()
    assert verify_store(store) == []
    assert build_store(recordings, SPEC, store, jobs=1).n_extracted == 0
    assert len(provide_store(recordings, SPEC.with_changes(combine="mel"), store)) == 3
    assert len(provide_store(recordings[:2], SPEC, store)) == 3
    assert contents(store) == before


@pytest.mark.parametrize("reason", ["fewer", "more", "changed"])
def test_an_older_store_is_never_extended(recordings: list[Recording], tmp_path: Path, reason: str) -> None:
    store = tmp_path / "store"
    build_store(recordings[:2], SPEC, store, jobs=1)
    before = age(store)
    asked = {"fewer": recordings[:1], "more": recordings, "changed": recordings[:2]}[reason]
    if reason == "changed":
        soundfile.write(recordings[0].path, np.full(900, 0.1), 22050)
    with pytest.raises(StoreError, match=REFUSED):
        build_store(asked, SPEC, store, jobs=1)
    assert contents(store) == before


def test_the_command_says_so_in_one_line(
    recordings: list[Recording], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds, store = tmp_path / "sounds" / "a species", tmp_path / "store"
    sounds.mkdir(parents=True)
    os.rename(recordings[0].path, sounds / "a.wav")
    build = ["features", "build", str(sounds.parent), "--out", str(store), "--jobs", "1"]
    with pytest.raises(SystemExit) as ended:
        main(build)
    assert ended.value.code == 0
    age(store)
    os.rename(recordings[1].path, sounds / "b.wav")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(build)
    assert ended.value.code == 1
    assert "extractor revision 1" in capsys.readouterr().err.splitlines()[-1]


def test_a_later_store_opens_and_is_never_extended(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings[:2], SPEC, tmp_path, jobs=1)
    age(tmp_path, EXTRACTOR_REVISION + 1)
    assert FeatureStore.open(tmp_path).extractor_revision == EXTRACTOR_REVISION + 1
    with pytest.raises(StoreError, match="never mixed"):
        build_store(recordings, SPEC, tmp_path, jobs=1)


def test_a_revision_that_is_no_number_is_damage(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings[:1], SPEC, tmp_path, jobs=1)
    description = json.loads((tmp_path / STORE).read_text())
    for revision in ("two", None, []):
        (tmp_path / STORE).write_text(json.dumps({**description, "extractor_revision": revision}))
        with pytest.raises(StoreError, match="is damaged"):
            FeatureStore.open(tmp_path)


def test_an_interrupted_build_of_an_older_release_is_not_continued(
    recordings: list[Recording], tmp_path: Path
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        build_store(recordings, SPEC, store, jobs=1, progress=interrupt)
    (partial,) = store.glob(f"{PARTIAL_PREFIX}*")
    ours, theirs = (settings_tag(SPEC, "float32", revision) for revision in (EXTRACTOR_REVISION, 1))
    os.rename(partial, store / partial.name.replace(ours, theirs))
    assert build_store(recordings, SPEC, store, jobs=1).n_extracted == 3


def test_data_of_another_revision_has_another_hash(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training or a cross-validation that goes on compares this hash."""
    build_store(recordings, SPEC, tmp_path / "now", jobs=1)
    for module in ("layout", "partial"):
        monkeypatch.setattr(f"avianvox.features.{module}.EXTRACTOR_REVISION", 3)
    build_store(recordings, SPEC, tmp_path / "later", jobs=1)
    now, later = (FeatureStore.open(tmp_path / name) for name in ("now", "later"))
    assert now.rows.tobytes() == later.rows.tobytes()
    assert now.data_hash != later.data_hash


def test_a_model_file_of_an_older_release_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_model_file(find_model(DEFAULT_MODEL))
    assert found.info.extractor_revision == EXTRACTOR_REVISION
    path, mapping_of = tmp_path / "new.tflite", ModelInfo.to_mapping
    new = ModelInfo("new", found.info.kind, found.info.spec, found.info.labels)
    write_model_file(path, flatbuffer=found.flatbuffer, info=new, card="")
    assert read_model_file(path).info.extractor_revision == EXTRACTOR_REVISION

    def without(info: ModelInfo) -> dict[str, object]:
        return {k: v for k, v in mapping_of(info).items() if k != "extractor_revision"}

    monkeypatch.setattr(ModelInfo, "to_mapping", without)
    write_model_file(path, flatbuffer=found.flatbuffer, info=new, card="")
    assert verify_model_file(path) == []
    assert read_model_file(path).info.extractor_revision == 1


def test_a_classification_of_an_older_release_is_not_resumed(tmp_path: Path) -> None:
    out, settings = tmp_path / "out.csv", dict(settings_of(DEFAULT_MODEL, Question()))
    for before, word in (({}, "none"), ({"extractor_revision": 1}, "1")):
        older = {k: v for k, v in settings.items() if k != "extractor_revision"} | before
        with Ledger(out, out, older, resume=False) as ledger:
            ledger.finish()
        rows = out.read_bytes()
        refused = rf"\(extractor_revision was {word} and is {EXTRACTOR_REVISION}\); .* another release"
        with pytest.raises(InputError, match=refused), Ledger(out, out, settings, resume=True):
            pass
        assert out.read_bytes() == rows
