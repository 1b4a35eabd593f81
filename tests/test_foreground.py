"""The plain segmentation of voices."""

import numpy as np

from avianvox.features.foreground import LEAST_DB, coarse, foreground


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Log power of steady noise, as a mel band has it: mean of some ten exponential values."""
    power = np.random.default_rng(seed).gamma(8.0, 1 / 8, shape)
    return (10 * np.log10(power)).astype(np.float32) - 40


def test_a_voice_is_found_where_it_is_and_steady_noise_is_none() -> None:
    rows = noise((256, 64))
    assert foreground(rows).mean() < 0.02
    voice = np.zeros((256, 64), bool)
    voice[100:140, 30:36] = True
    found = foreground(rows + 15 * voice)
    assert found[voice].all()
    around = np.zeros((256, 64), bool)
    around[96:144, 28:38] = True
    assert found[~around].mean() < 0.02


def test_a_constant_in_each_band_makes_no_difference_and_a_higher_threshold_finds_less() -> None:
    rows = np.stack([noise((64, 32), seed) for seed in range(3)])
    rows[:, 20:30, 10:14] += 10
    found = foreground(rows)
    slope = np.linspace(0, 30, 32, dtype=np.float32)
    assert (foreground(rows + slope) != found).mean() < 1e-3  # but for rounding
    assert np.array_equal(found[1], foreground(rows[1]))
    assert foreground(rows, least_db=LEAST_DB + 4).sum() < found.sum()


def test_a_coarse_mask_is_set_where_any_of_its_cells_is() -> None:
    masks = np.zeros((2, 7, 6), bool)
    masks[0, 6, 0] = masks[1, 2, 5] = True
    found = coarse(masks, 3, 2)  # frames 0-1, 2-3, 4-6
    assert np.argwhere(found).tolist() == [[0, 2, 0], [1, 1, 1]]
    assert np.array_equal(coarse(masks, 7, 6), masks)
