"""Where crops begin: every row of the table keeps the contract, and "voiced" finds what sounds."""

from types import SimpleNamespace

import numpy as np
import pytest

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.placing import PLACINGS, Places
from avianvox.features.spec import FeatureSpec
from avianvox.randomness import hash_name

SPEC = FeatureSpec(n_mels=6, n_mfcc=2)
LENGTH = 20
CALL = slice(700, 720)


def placing(name: str) -> Places:
    """Of two recordings: a long one that is loud in `CALL` alone, and one shorter than a crop."""
    rng = np.random.default_rng(3)
    long = rng.normal(-70, 0.5, (1000, SPEC.n_features))
    long[CALL, 2:4] += 40
    rows = np.concatenate([long, rng.normal(-70, 0.5, (7, SPEC.n_features))]).astype(np.float32)
    store = SimpleNamespace(
        spec=SPEC,
        log_mel=SPEC,
        bands=SPEC,
        ids=["long", "short"],
        keys=np.array([hash_name("long"), hash_name("short")], np.uint64),
        n_frames=np.array([1000, 7]),
        first_row=np.array([0, 1000]),
        rows=rows,
    )
    reader = CropReader(store, None, CropSettings(n_frames=LENGTH, combine="mel"))  # type: ignore[arg-type]
    return PLACINGS.get(name)().of(reader)


@pytest.mark.parametrize("name", list(PLACINGS))
def test_every_placing_keeps_the_contract(name: str) -> None:
    place = placing(name)
    epochs = range(300)
    drawn = np.array([place.offsets(np.array([0, 1]), seed=5, epoch=e) for e in epochs])
    assert drawn.dtype == np.int64
    assert (drawn[:, 1] == 0).all()  # a short recording begins at its begin
    assert drawn[:, 0].min() >= 0
    assert drawn[:, 0].max() <= 1000 - LENGTH
    alone = [place.offsets(np.array([0]), seed=5, epoch=e)[0] for e in epochs]
    assert (drawn[:, 0] == alone).all()  # whatever else is drawn with it
    again = placing(name).offsets(np.array([1, 0]), seed=5, epoch=7)
    assert again.tolist() == drawn[7, ::-1].tolist()
    assert len({place.offsets(np.array([0]), seed=5, epoch=7, repeat=r)[0] for r in range(20)}) > 10


def test_voiced_crops_hold_the_call_four_times_in_five() -> None:
    def share(name: str) -> float:
        place = placing(name)
        first = np.array([place.offsets(np.array([0]), seed=1, epoch=e)[0] for e in range(500)])
        return float(np.mean((first + LENGTH > CALL.start) & (first < CALL.stop)))

    assert 0.75 < share("voiced") < 0.87
    assert share("anywhere") < 0.1
