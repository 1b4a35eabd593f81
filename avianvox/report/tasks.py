"""Each task beside the species: its figures, and which values are answered how."""

from collections import Counter
from collections.abc import Sequence

from avianvox.evaluation.plain import plain
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import Judged, judged_tasks, shown
from avianvox.pages.blocks import Block, Cell, Column, Section, Table, Text
from avianvox.report.task_pictures import ByModel, task_blocks, tasks_by_model
from avianvox.tasks.task import Task

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
    """A section for each task of ``model``; pictures and values are those of the first of ``groupings``."""
    found = {grouping: judged_tasks(run, model, grouping) for grouping in groupings}
    beside = tasks_by_model(run, groupings[0])
    return tuple(
        _section([(grouping, tasks[k]) for grouping, tasks in found.items()], beside[first.task.name])
        for k, first in enumerate(found[groupings[0]])
    )


def _section(judged: Sequence[tuple[str, Judged]], by_model: ByModel) -> Section:
    grouping, first = judged[0]
    task = first.task
    rows: list[tuple[Cell, ...]] = [
        (where, _named(task, name), shown(value), len(one.targets))
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
    if len(first.targets) and task.activation != "none":
        blocks.append(_values(first, grouping))
    pictures, classes = task_blocks(by_model, grouping)
    data = {where: plain(one.to_mapping()) for where, one in judged}
    data |= {"classes": plain(classes)} if classes else {}
    return Section(f"task-{task.name}", f"Task: {task.name.replace('_', ' ')}", (*blocks, *pictures), data)


def _named(task: Task, figure: str) -> str:
    """A figure in words, with its unit."""
    words, unit = figure.replace("_", " "), task.unit_of(figure)
    return f"{words} ({unit})" if unit else words


def _values(one: Judged, grouping: str) -> Table:
    truth = [one.task.answer(row).text or _NOTHING for row in one.targets]
    said = [one.task.answer(row).text or _NOTHING for row in one.outputs]
    rows: list[tuple[Cell, ...]] = []
    counts = Counter(truth).most_common(_MOST_VALUES)
    if one.task.ordered:
        counts.sort(key=lambda row: one.task.classes.index(row[0]))
    for value, n in counts:
        answers = Counter(answer for true, answer in zip(truth, said, strict=True) if true == value)
        right = answers.pop(value, 0)
        other = ", ".join(f"{answer} ({n})" for answer, n in answers.most_common(2))
        rows.append((value, n, right / n, other or "-"))
    return Table(f"Answers by value, on {grouping} folds.", _VALUES, rows)
