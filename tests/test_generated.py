"""Generated patches in training: every row of the table keeps the contract."""

from pathlib import Path

import numpy as np
import pytest
from tones import SPEC, tone_data

from avianvox.config import Choice, row_of
from avianvox.dataset.patches import PatchBank
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError, StoreError
from avianvox.training.generated import GENERATED, Adding

N_FRAMES, N_BANDS = 16, 28


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


def bank(folder: Path, **about: object) -> Path:
    """Two patches of "low", all 1.5 and all 2, and none of others."""
    patches = np.stack([np.full((N_FRAMES, N_BANDS), value, np.float32) for value in (1.5, 2.0)])
    known = {"spec": SPEC.extraction_fingerprint, "heard": ["elsewhere"], "licences": {}, "credits": []}
    PatchBank(patches, ("low", "low"), {**known, **about}).save(folder)
    return folder


def begun(kind: str, folder: Path, data: TrainingData, **settings: object) -> Adding:
    choice = Choice(kind, (("patches", str(folder)), *settings.items()))
    return row_of(GENERATED, choice, "train.generated").begin(data, SPEC)


@pytest.mark.parametrize("kind", list(GENERATED))
def test_every_row_changes_its_class_alone(kind: str, data: TrainingData, tmp_path: Path) -> None:
    adding = begun(kind, bank(tmp_path), data, share=1.0)
    crops = np.zeros((4, SPEC.n_frames, SPEC.n_mels), np.float32)
    targets = np.array([data.names.index(name) for name in ("low", "high", "low", "middle")])
    found = adding.apply(crops, targets, np.random.default_rng(5))
    assert found.dtype == np.float32
    assert found.shape == crops.shape
    assert np.array_equal(found, adding.apply(crops, targets, np.random.default_rng(5)))
    assert crops.max() == 0
    assert (found[[1, 3]] == 0).all()
    n_frames = (found[[0, 2]] > 0).all(axis=2).sum(axis=1)
    assert n_frames.tolist() == [N_FRAMES if kind == "pasted" else SPEC.n_frames] * 2
    none = begun(kind, tmp_path, data, share=1e-9).apply(crops, targets, np.random.default_rng(5))
    assert np.array_equal(none, crops)


def test_what_is_louder_stays(data: TrainingData, tmp_path: Path) -> None:
    adding = begun("pasted", bank(tmp_path), data, share=1.0)
    crops = np.full((1, SPEC.n_frames, SPEC.n_mels), 3.0, np.float32)
    found = adding.apply(crops, np.array([data.names.index("low")]), np.random.default_rng(5))
    assert np.array_equal(found, crops)


def test_only_rare_classes_may_get_any(data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of none of the classes that get any; they are of low"):
        begun("pasted", bank(tmp_path), data, most=5)  # "low" has six recordings
    begun("pasted", tmp_path, data, most=6)


@pytest.mark.parametrize(
    ("about", "error", "message"),
    [
        ({"spec": "0" * 16}, StoreError, "made from other features"),
        ({"heard": "a"}, InputError, "are damaged"),
    ],
)
def test_patches_that_do_not_fit_are_one_line(
    about: dict[str, object], error: type[Exception], message: str, data: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        begun("pasted", bank(tmp_path, **about), data)


def test_recordings_that_are_held_out_made_no_patches(data: TrainingData, tmp_path: Path) -> None:
    bank(tmp_path, heard=["low0", "high0"])
    begun("pasted", tmp_path, data)
    part = data.subset(np.flatnonzero(np.array(data.ids) != "high0"))
    with pytest.raises(InputError, match=r"learned from 1 recordings that are held out here .first: high0"):
        begun("pasted", tmp_path, part)


@pytest.mark.parametrize("settings", [{}, {"patches": "x", "share": 0.0}, {"patches": "x", "most": -1}])
def test_settings_that_cannot_be(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[train.generated\]"):
        row_of(GENERATED, Choice("pasted", tuple(settings.items())), "train.generated")
