"""Kinds of tasks: every row of the table keeps the contract, and each has the right values."""

from dataclasses import replace

import numpy as np
import pytest

from avianvox.config import Choice
from avianvox.dataset.labels.columns import Value
from avianvox.errors import ConfigError, InputError
from avianvox.modelinfo import ACTIVATIONS
from avianvox.tasks import TASK_KINDS
from avianvox.tasks.asked import choices_of, settled_tasks, tasks_from_mappings, tasks_of
from avianvox.tasks.multi import Multi
from avianvox.tasks.ordinal import BINS, Ordinal
from avianvox.tasks.regression import Regression
from avianvox.tasks.scaled import scaled
from avianvox.tasks.single import Single
from avianvox.tasks.task import Task

VALUES: dict[str, tuple[Value, ...]] = {
    "single": ("male", None, "female", "male", "female", ("male", "female")),
    "multi": (("song",), None, ("call", "song"), ("call",), ("alarm",), ("alarm", "song")),
    "ordinal": (3.0, None, 1.0, "12", 60.0, 0.0),
    "regression": (3000.0, None, "4000", 2000.5, 60.0, "high"),
}
"""Of a column that each kind reads; the second is not known."""


UNKNOWN = [np.nan, np.nan]


def settled(kind: str) -> Task:
    return TASK_KINDS.get(kind)(name="asked").settled(VALUES[kind])


@pytest.mark.parametrize("kind", list(TASK_KINDS))
class TestContract:
    def test_its_settings_go_through_a_configuration_in_json(self, kind: str) -> None:
        task = replace(settled(kind), weight=0.5, column="other")
        assert tasks_of(choices_of([task])) == (task,)
        (choice,) = choices_of([task])
        row = {"kind": choice.kind, **dict(choice.settings)}
        assert tasks_from_mappings([row]) == (task,)
        filed = type(task).of("asked", task.classes, task.unit, "top3")
        assert (filed.n_outputs, filed.pooling) == (task.n_outputs, "top3")

    def test_what_is_not_known_is_masked_and_the_rest_is_in_its_place(self, kind: str) -> None:
        task = settled(kind)
        targets = task.encode(VALUES[kind])
        assert targets.shape == (len(VALUES[kind]), task.n_outputs)
        assert targets.dtype == np.float32
        known = task.known(VALUES[kind])
        assert known.tolist()[:2] == [True, False]
        assert np.array_equal(np.isfinite(targets).all(axis=1), known)
        assert np.array_equal(np.isnan(targets).all(axis=1), ~known)

    def test_right_outputs_have_perfect_figures_and_the_answer_is_the_value(self, kind: str) -> None:
        task = settled(kind)
        targets = task.encode(VALUES[kind])[task.known(VALUES[kind])]
        figures = task.figures(targets, targets.astype(np.float64))
        assert task.headline in figures
        for name, ratio in figures.items():
            best = 0.0 if name.endswith("error") else 1.0
            assert ratio.above.sum() / ratio.below.sum() == pytest.approx(best), name
            assert ratio.above.shape == ratio.below.shape == (len(targets),)
        text, score = task.answer(targets[0].astype(np.float64))
        assert text
        assert score is None or 0 <= score <= 1

    def test_its_activation_is_one_of_a_model_file(self, kind: str) -> None:
        assert settled(kind).activation in ACTIVATIONS
        assert settled(kind).kind == kind

    def test_a_column_without_values_is_one_line(self, kind: str) -> None:
        with pytest.raises(InputError, match=r"no recording has a value in the column 'asked'") as caught:
            TASK_KINDS.get(kind)(name="asked").settled((None, None))
        assert "\n" not in str(caught.value)


def test_a_class_with_one_example_is_refused_with_those_that_have_more() -> None:
    task = Multi(name="call_type")
    with pytest.raises(InputError, match=r"the class 'alarm' has one example .* classes = \[\"song\"\]"):
        task.settled((("song",), ("song",), ("alarm", "song")))
    with pytest.raises(InputError, match="the class 'begging' has no example"):
        replace(task, classes=("song", "begging")).settled((("song",), ("song",)))
    with pytest.raises(InputError, match="expected 2 classes or more"):
        Single(name="sex").settled(("male", "male"))


@pytest.mark.parametrize(
    ("task", "values", "wrong"),
    [
        (Single("sex", classes=("m", "f")), ("male", None, "female"), "one of m, f .* got female, male"),
        (Single("sex"), (("male", "female"), None), "one class of a recording .* got female, male"),
        (Ordinal("count", classes=("1", "2+")), (0.0, 1.5), "bins 1, 2\\+ in .* got 0, 1.5"),
        (Regression("peak_hz"), ("high", *"abcde", None), "numbers in .* got a, b, c, d, e and 1 more"),
    ],
)
def test_values_that_a_task_cannot_learn_are_named(task: Task, values: tuple[Value, ...], wrong: str) -> None:
    with pytest.raises(InputError, match=rf"\[\[tasks\]\] {task.name}: expected .*{wrong}"):
        task.settled(values)


def test_names_and_columns_that_cannot_be_are_one_line() -> None:
    with pytest.raises(ConfigError, match="expected a name of a-z"):
        Single(name="Sex!")
    with pytest.raises(ConfigError, match="expected a name of a-z"):
        Single(name="species")
    with pytest.raises(ConfigError, match=r"expected one of .*, got 'multy'; did you mean 'multi'"):
        tasks_of([Choice("multy", (("name", "a"),))])
    with pytest.raises(ConfigError, match="the name 'a' stands there twice"):
        tasks_of([Choice("multi", (("name", "a"),)), Choice("single", (("name", "a"),))])
    for names in (("low_hz",), ("score",), ("sex_score", "sex")):
        with pytest.raises(ConfigError, match=rf"{names[0]}: a table has another column '{names[0]}'; give"):
            settled_tasks([Multi(name=name) for name in names], [])
    with pytest.raises(InputError, match="no column 'call_typ'; did you mean 'call_type'"):
        settled_tasks([Multi(name="call_typ")], [])


def test_one_class_of_many() -> None:
    task = Single(name="sex", classes=("female", "male"))
    targets = task.encode(("male", ("male", "female"), "both", "female"))
    assert np.array_equal(targets, np.array([[0, 1], UNKNOWN, UNKNOWN, [1, 0]]), equal_nan=True)
    assert task.answer(np.array([0.2, 0.8])) == ("male", 0.8)
    figures = task.figures(np.eye(2)[[1, 1, 1, 0]], np.array([[0, 1], [0, 1], [1, 0], [1, 0]]))
    means = {name: ratio.above.sum() / ratio.below.sum() for name, ratio in figures.items()}
    assert means == pytest.approx({"accuracy": 3 / 4, "balanced_accuracy": (2 / 3 + 1) / 2})


def test_any_classes_of_many() -> None:
    task = Multi(name="call_type", classes=("call", "song"))
    targets = task.encode((("song", "call"), "song", ("alarm",), None))
    assert np.array_equal(targets, np.array([[1, 1], [0, 1], [0, 0], UNKNOWN]), equal_nan=True)
    assert task.answer(np.array([0.6, 0.9])) == ("call, song", 0.9)
    assert task.answer(np.array([0.1, 0.4])) == ("", 0.4)
    said = np.array([[0.9, 0.2], [0.6, 0.7], [0.1, 0.2]])  # 4 of 6 right; 2 of 3 named rightly, 2 of 3 found
    figures = task.figures(targets[:3], said)
    means = {name: ratio.above.sum() / ratio.below.sum() for name, ratio in figures.items()}
    wanted = {"accuracy": 4 / 6, "precision": 2 / 3, "recall": 2 / 3, "all_right": 1 / 3}
    assert means == pytest.approx(wanted)


def test_bins_in_an_order() -> None:
    task = Ordinal(name="count").settled((1.0, 2.0))
    with pytest.raises(InputError, match=r"numbers of two bins or more in the .* got those of 1 alone"):
        Ordinal(name="count").settled((1.0, None, "1"))
    assert task.classes == BINS
    assert task.n_outputs == 11
    few = Ordinal(name="count", classes=("1", "2-3", "4+"))
    targets = few.encode((1.0, 3.0, 99.0, "2", 0.0, None))
    wanted = np.array([[0, 0], [1, 0], [1, 1], [1, 0], UNKNOWN, UNKNOWN])
    assert np.array_equal(targets, wanted, equal_nan=True)
    named = few.encode(("2-3", "4+", "2-4"))
    assert np.array_equal(named, np.array([[1, 0], [1, 1], UNKNOWN]), equal_nan=True)
    text, score = few.answer(np.array([0.8, 0.3]))
    assert text == "2-3"
    assert score == pytest.approx(0.5)
    assert few.answer(np.array([0.4, 0.9]))[0] == "1"  # never passed the first bin, so not the second
    said = np.array([[0.1, 0.0], [0.9, 0.8], [0.2, 0.1], [0.9, 0.1]])  # bins 0, 2, 0, 1; right: 0, 1, 2, 1
    figures = few.figures(targets[:4], said)
    means = {name: ratio.above.sum() / ratio.below.sum() for name, ratio in figures.items()}
    assert means == pytest.approx({"exact": 2 / 4, "within_one": 3 / 4, "mean_bin_error": 3 / 4})
    for bins in (("2", "1"), ("1-3", "3"), ("1+", "2"), ("one", "2"), ("1",)):
        with pytest.raises(ConfigError, match=r"expected (2 )?bins"):
            Ordinal(name="count", classes=bins)


def test_a_number() -> None:
    task = Regression(name="peak_hz", unit="Hz")
    values: tuple[Value, ...] = (1000.0, "3000", None, ("a", "b"))
    targets = task.encode(values)
    assert np.array_equal(targets[:, 0], np.array([1000, 3000, np.nan, np.nan]), equal_nan=True)
    assert task.range_of(values) == (2000.0, 1000.0, 1000.0, 3000.0)
    assert task.range_of((None, 7.0)) == (7.0, 1.0, 7.0, 7.0)
    assert task.range_of((None,)) == (0.0, 1.0, -np.inf, np.inf)
    assert task.answer(np.array([2345.678])) == ("2345.68", None)
    figures = task.figures(targets[:2], np.array([[1100.0], [2700.0]]))
    means = {name: ratio.above.sum() / ratio.below.sum() for name, ratio in figures.items()}
    assert means == pytest.approx({"mean_absolute_error": 200, "mean_squared_error": 50_000})
    with pytest.raises(InputError, match="expected different numbers"):
        task.settled((5.0, 5.0))
    with pytest.raises(ConfigError, match="expected no classes of a number"):
        Regression(name="peak_hz", classes=("low",))


def test_temperature_divides_what_was_before_the_activation() -> None:
    logits = np.array([[2.0, -1.0, 0.5]])
    sigmoid = 1 / (1 + np.exp(-logits))
    assert scaled(sigmoid, "sigmoid", 2.0) == pytest.approx(1 / (1 + np.exp(-logits / 2)))
    powers, cooler = np.exp(logits), np.exp(logits / 2)
    assert scaled(powers / powers.sum(), "softmax", 2.0) == pytest.approx(cooler / cooler.sum())
    assert scaled(logits, "none", 2.0) is logits


def test_sure_windows_count_more_in_a_file_and_in_a_cross_validation() -> None:
    from avianvox.evaluation.task_figures import pooled_outputs
    from avianvox.inference.task_answers import TaskPool

    task = Single("sex", classes=("female", "male"), pooling="weighted")
    windows = np.float32([[0.5, 0.5], [0.1, 0.9]])
    pool = TaskPool([task])
    for row in windows:
        pool.add({"sex": row})
    expected = (0.25 * windows[0] + 0.81 * windows[1]) / 1.06
    assert pool.outputs()["sex"] == pytest.approx(expected)
    assert pooled_outputs(task, windows, np.array([0, 0]), 1)[0] == pytest.approx(expected)
