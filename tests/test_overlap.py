"""Overlap of a map with the vocal mask, and what follows from it."""

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.evaluation.overlap import Weights, marked, on_voice, overlap

MASK = np.zeros((1, 4, 5), bool)
MASK[0, 1:3, 1:3] = True  # 4 of 20 cells


def test_of_a_map_what_lies_on_the_voice_is_counted() -> None:
    maps = np.zeros((4, 4, 5))
    maps[0, 1:3, 1:3] = 2.0  # all of it
    maps[1, 1, 1], maps[1, 0, 0], maps[1, 3, 4] = 3.0, 1.0, -9.0  # what is below 0 is nothing
    maps[2, 0, :] = 1.0  # none of it
    found = overlap(maps, np.repeat(MASK, 4, axis=0))
    assert found.share[:3].tolist() == [1.0, 0.75, 0.0]
    assert np.isnan(found.share[3])  # a map of nothing
    assert found.iou.tolist() == [1.0, 0.2, 0.0, 0.0]
    assert found.chance.tolist() == [0.2] * 4
    assert found.gain[:3] == pytest.approx([1.0, 0.6875, -0.25])


def test_a_uniform_map_has_the_share_of_chance() -> None:
    found = overlap(np.full((1, 4, 5), 0.3), MASK)
    assert found.share == pytest.approx(found.chance)
    assert found.gain == pytest.approx([0.0])


def test_without_a_map_or_a_voice_nothing_is_defined() -> None:
    found = overlap(np.zeros((1, 4, 5)), np.zeros((1, 4, 5), bool))
    assert np.isnan([found.iou, found.share, found.gain]).all()
    everything = overlap(np.ones((1, 4, 5)), np.ones((1, 4, 5), bool))
    assert everything.share == [1.0]
    assert np.isnan(everything.gain).all()


def test_as_many_cells_are_marked_as_are_voice() -> None:
    maps = np.array([[4.0, 2.0, 1.0, 2.0], [0.0, -1.0, 0.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    assert marked(maps, np.array([2, 3, 0])).tolist() == [
        [True, True, False, True],  # of two equal ones, both
        [False, False, False, True],  # nothing that is not above 0
        [False] * 4,
    ]


def test_other_shapes_and_values_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        overlap(np.zeros((1, 4, 4)), MASK)
    with pytest.raises(InputError, match="finite"):
        overlap(np.full((1, 4, 5), np.nan), MASK)


def test_wrong_answers_weigh_more_and_right_ones_less() -> None:
    right, gain = np.array([True, True, True, False]), np.array([0.9, -0.1, np.nan, 0.9])
    assert on_voice(gain).tolist() == [True, False, False, True]
    assert Weights(0.5, 0.75, 1.5).of(right, gain).tolist() == [0.5, 0.75, 0.75, 1.5]
    assert Weights(0.5, 0.75, 1.5, least=-0.2).of(right, gain).tolist() == [0.5, 0.5, 0.75, 1.5]
