"""What a report says before anything else: the few numbers that matter, and one sentence about them."""

from collections.abc import Mapping
from typing import Any

from avianvox.evaluation.figures import GROUPED
from avianvox.evaluation.plain import counted
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import judged_tasks, shown
from avianvox.pages.blocks import Section, Text, Tiles, number
from avianvox.report.ladder import cell, value


def summary_section(
    run: SavedRun, figures: Mapping[str, Any], found: Mapping[str, Any], model: str, grouping: str
) -> Section:
    """The first section, which stands above the contents.

    Parameters
    ----------
    run : SavedRun
    figures : mapping
        ``figures.json``.
    found : mapping
        The model's calibration under ``grouping``.
    model, grouping : str
        What the report looks at closely.
    """
    entry = figures["models"][model]
    accuracy = {g: by_level["recording"]["accuracy"] for g, by_level in entry["groupings"].items()}
    shared = {g: report["shared_session"] for g, report in figures["splits"].items()}
    tiles = [
        (
            number(value(figure)),
            f"accuracy, {g} folds",
            f"{shared[g]:.0%} of test recordings share a session with training.",
        )
        for g, figure in accuracy.items()
    ]
    tiles += [
        (number(gap["recording"]["accuracy"], "+z.3f"), f"gap to {g} folds", "Optimism of random folds.")
        for g, gap in entry["gap"].items()
    ]
    n, top5 = len(run.labels), value(entry["groupings"][grouping]["recording"]["top5"])
    before, after = (found["levels"]["recording"][stage]["error"] for stage in ("before", "after"))
    tiles += [
        *([(number(top5), "top-5 accuracy", f"{grouping.capitalize()} folds.")] if n > 5 else []),
        (number(after), "calibration error", f"Held-out folds; {number(before)} before calibration."),
        (f"{1 / n:.3f}", "chance", f"{counted(n, 'class')}."),
    ]
    sentences = [
        f"`{model}` has an accuracy of {cell(accuracy[grouping])} per recording on {grouping} folds."
    ]
    sentences += [
        f"On {g} folds it would be {cell(figure)}, which is too optimistic."
        for g, figure in accuracy.items()
        if g not in GROUPED and grouping in GROUPED
    ]
    if rule := _best_rule(figures, run.species_models):
        sentences.append(rule)
    data = {"model": model, "grouping": grouping, "models": list(run.models)}
    return Section("summary", "Summary", (Text(" ".join(sentences)), Tiles(tiles)), data)


def tasks_summary(run: SavedRun, model: str, grouping: str) -> Section:
    """The first section of a model that names no species: the headline of each of its tasks."""
    tiles = []
    for one in judged_tasks(run, model, grouping):
        figure, found = one.task.headline, one.figures().get(one.task.headline)
        if found is not None:
            unit = one.task.unit_of(figure)
            words = f"{figure.replace('_', ' ')}{f' ({unit})' if unit else ''}"
            named = one.task.name.replace("_", " ")
            tiles.append((shown(found), f"{words}, {named}", f"{grouping.capitalize()} folds."))
    text = Text(f"`{model}` was asked for its tasks alone. It names no species.")
    data = {"model": model, "grouping": grouping, "models": list(run.models)}
    return Section("summary", "Summary", (text, Tiles(tiles)), data)


def _best_rule(figures: Mapping[str, Any], models: tuple[str, ...]) -> str:
    """What is reached without listening, where rules were run."""
    scores = [
        (score, rule, grouping)
        for rule in models
        if rule in RULES
        for grouping, levels in figures["models"][rule]["groupings"].items()
        if (score := value(levels["recording"]["accuracy"])) is not None
    ]
    if not scores:
        return ""
    score, rule, grouping = max(scores)
    return f"The rule `{rule}`, which uses no sound, reaches {number(score)} on {grouping} folds."
