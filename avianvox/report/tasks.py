"""Each task beside the species: its figures, and which values are answered how."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from avianvox.evaluation.plain import plain
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import Judged, judged_tasks
from avianvox.pages.blocks import Block, Cell, Chart, Column, Section, Table, Text, estimate
from avianvox.pages.plot import Axis, Plot

_FIGURES = (Column("folds"), Column("figure"), Column("value"), Column("recordings", "d"))
_VALUES = (
    Column("value in the catalog"),
    Column("recordings", "d"),
    Column("answered so", "bar", "share of these recordings whose answer is the value"),
    Column("most often otherwise"),
)
_MOST_VALUES = 40
_NOTHING = "nothing"


def task_sections(run: SavedRun, model: str, groupings: Sequence[str]) -> tuple[Section, ...]:
    """A section for each task of ``model``; values are those of the first of ``groupings``."""
    found = {grouping: judged_tasks(run, model, grouping) for grouping in groupings}
    return tuple(
        _section([(grouping, tasks[k]) for grouping, tasks in found.items()])
        for k in range(len(found[groupings[0]]))
    )


def _section(judged: Sequence[tuple[str, Judged]]) -> Section:
    grouping, first = judged[0]
    task = first.task
    rows: list[tuple[Cell, ...]] = [
        (where, name.replace("_", " "), estimate(value.value, value.low, value.high), len(one.targets))
        for where, one in judged
        for name, value in one.figures().items()
    ]
    unit = f", in {task.unit}" if task.unit else ""
    blocks: list[Block] = [
        Text(
            f"A task of the kind `{task.kind}` from the column `{task.column}`{unit}. Recordings whose value "
            "is not known take no part, neither in training nor here."
        ),
        Table("Figures, pooled over the folds, with 95 % intervals over sessions.", _FIGURES, rows),
    ]
    if len(first.targets):
        blocks.append(_scatter(first) if task.activation == "none" else _values(first, grouping))
    data = {where: plain(one.to_mapping()) for where, one in judged}
    return Section(f"task-{task.name}", f"Task: {task.name.replace('_', ' ')}", tuple(blocks), data)


def _values(one: Judged, grouping: str) -> Table:
    truth = [one.task.answer(row).text or _NOTHING for row in one.targets]
    said = [one.task.answer(row).text or _NOTHING for row in one.outputs]
    rows: list[tuple[Cell, ...]] = []
    for value, n in Counter(truth).most_common(_MOST_VALUES):
        answers = Counter(answer for true, answer in zip(truth, said, strict=True) if true == value)
        right = answers.pop(value, 0)
        other = ", ".join(f"{answer} ({n})" for answer, n in answers.most_common(2))
        rows.append((value, n, right / n, other or "-"))
    return Table(f"Answers by value, on {grouping} folds.", _VALUES, rows)


def _scatter(one: Judged) -> Chart:
    """Predicted against real."""
    real, said = one.targets[:, 0].astype(float), one.outputs[:, 0].astype(float)
    low, high = float(min(real.min(), said.min())), float(max(real.max(), said.max()))
    unit = f", {one.task.unit}" if one.task.unit else ""
    title = f"{one.task.name.replace('_', ' ')}: predicted against real"
    plot = Plot(Axis(low, high, f"real{unit}"), Axis(low, high, f"predicted{unit}"), title=title)
    plot.line((low, high), (low, high), "s2")
    for x, y, recording in zip(real, said, one.recordings, strict=True):
        plot.dot(x, y, "s1", tip=f"{recording.id}: {y:.6g}, real {x:.6g}", radius=3.0)
    squares = np.array([((said - real) ** 2).sum(), ((real - real.mean()) ** 2).sum()])
    share = 1 - squares[0] / squares[1] if squares[1] else float("nan")
    caption = (
        "Predicted against real, one dot for each recording; on the line they agree. Share of the variance "
        f"that is explained: {share:.2f}."
    )
    return Chart(f"task-{one.task.name}", caption, (plot.svg(),))
