"""Importance of errors on classes whose kinship is known by heart."""

import numpy as np
import pytest

from avianvox.dataset.taxonomy import Taxonomy
from avianvox.evaluation.hierarchy import PUBLISHED_LEVELS, importance_matrix, weigh_errors
from avianvox.types import NO_BIRD, LabelSet

BIRDS = Taxonomy.of(
    LabelSet(
        (
            "Buteo buteo",  # not in the table
            "Buteo lineatus",
            "Melospiza lincolnii",
            "Melospiza melodia",
            "Strix occidentalis",
            "Turdus plumbeus",
            "Zonotrichia leucophrys",
            NO_BIRD,
        ),
        ("Common buzzard", "Red-shouldered hawk", *("",) * 6),
    )
)

KNOWN = Taxonomy.of(LabelSet(BIRDS.labels.names[2:]))


def test_importance_by_heart() -> None:
    importance = importance_matrix(BIRDS)
    lincoln, song, owl, thrush, crown, nothing = range(2, 8)
    assert importance[song].tolist() == [4, 4, 1, 0, 4, 3, 2, 4]
    assert importance[lincoln, crown] == 2
    assert importance[0, nothing] == 4  # both of no known family
    assert importance[owl, thrush] == importance[nothing, owl] == 4
    assert importance[0, 1] == 1  # the genus stands in the name
    assert importance[nothing, nothing] == 0
    np.testing.assert_array_equal(importance, importance.T)
    as_published = importance_matrix(BIRDS, PUBLISHED_LEVELS)
    assert as_published[song].tolist() == [3, 3, 1, 0, 3, 3, 2, 3]
    np.testing.assert_array_equal(as_published, np.minimum(importance, 3))


def test_shares_and_mean_importance_by_heart() -> None:
    targets = np.array([1, 1, 1, 1, 1])
    report = weigh_errors(targets, np.array([1, 0, 4, 3, 2]), KNOWN)
    assert report.right == pytest.approx({"species": 0.2, "genus": 0.4, "family": 0.6, "order": 0.8})
    # Errors within the genus, the family, the order, and beyond: the publication's tree knows no order.
    assert (report.n_errors, report.importance, report.depth) == (4, (1 + 2 + 3 + 3) / 4, 3)
    assert report.importance_with_order == (1 + 2 + 3 + 4) / 4
    assert report.right_by_chance == pytest.approx(report.right)  # one target alone: dealing changes nothing


def test_chance_is_the_mean_over_dealt_answers(rng: np.random.Generator) -> None:
    targets, predicted = rng.integers(6, size=40), rng.integers(6, size=40)
    report = weigh_errors(targets, predicted, KNOWN)
    dealt = [weigh_errors(targets, rng.permutation(predicted), KNOWN) for _ in range(300)]
    assert report.right_by_chance["family"] == pytest.approx(
        np.mean([d.right["family"] for d in dealt]), abs=0.02
    )
    assert report.importance_by_chance == pytest.approx(np.mean([d.importance for d in dealt]), abs=0.05)
    assert report.importance_with_order_by_chance == pytest.approx(
        np.mean([d.importance_with_order for d in dealt]), abs=0.05
    )


def test_without_every_family_only_species_and_genus_are_counted() -> None:
    names = ("Bufo bufo", "Melospiza lincolnii", "Melospiza melodia", "Rana temporaria", NO_BIRD)
    birds = Taxonomy.of(LabelSet(names, ("Common toad", "", "", "Common frog", "")))
    assert birds.unplaced.tolist() == [True, False, False, True, False]
    report = weigh_errors(np.array([0, 3, 4, 2, 2, 1]), np.array([3, 3, 4, 1, 2, 0]), birds)
    assert (report.n_unplaced, report.n_errors) == (2, 3)
    assert [report.right["species"], report.right["genus"]] == pytest.approx([3 / 6, 4 / 6])
    left_out = [report.right["family"], report.right_by_chance["order"], report.importance]
    assert np.isnan([*left_out, report.importance_by_chance]).all()
    assert report.caveat.startswith("2 classes have no family in the bundled taxonomy, so family, order")


def test_without_rows_or_errors_there_is_no_figure() -> None:
    none = weigh_errors(np.empty(0, np.int64), np.empty(0, np.int64), KNOWN)
    assert np.isnan([*none.right.values(), none.importance]).all()
    assert np.isnan(weigh_errors(np.array([1]), np.array([1]), KNOWN).importance)
