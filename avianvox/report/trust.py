"""What a score is worth: calibration, thresholds and prediction sets, automation, finding against naming.

All of it is read from what `avianvox.calibration.saved.CalibrationReport` says, and of held-out
folds unless a caption says otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from avianvox.calibration.saved import CalibrateOptions, verdict
from avianvox.pages.blocks import Cell, Chart, Column, Section, Table, Text, number
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot

_MOST_POINTS = 300
_STAGES = (("before", "uncalibrated", "s2"), ("after", "calibrated", "s1"))


def calibration_section(found: Mapping[str, Any], grouping: str) -> Section:
    """Reliability and errors of both levels, before and after."""
    recording = found["levels"]["recording"]
    panels = tuple(_reliability(recording[stage], title, css) for stage, title, css in _STAGES)
    before, after = (recording[stage]["error"] for stage, *_ in _STAGES)
    by_chance = recording["after"]["floor"]
    said = (
        f"Expected calibration error per recording: {number(before)} before, {number(after)} after. A "
        f"perfectly calibrated model would have {number(by_chance['mean'])} on this number of recordings, "
        f"and less than {number(by_chance['high'])} in 95 of 100 cases. "
    )
    text = Text((said + verdict("recording", before, after, by_chance["high"])).strip())
    caption = (
        f"Reliability per recording, {grouping} folds: accuracy against score, in bins of equal width. "
        "Larger dots stand for more recordings. Each fold is calibrated on the others."
    )
    columns = (
        Column("level"),
        Column("n", "d"),
        Column("temperature", ".2f"),
        Column("uniform share", ".2f", "weight of equal scores for all classes"),
        Column("error before", ".3f", "expected calibration error"),
        Column("after", ".3f"),
        Column("by chance", ".3f", "error of a perfectly calibrated model"),
        Column("log loss before", ".3f"),
        Column("after", ".3f"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            level,
            one["n"],
            one["scaling"]["temperature"],
            one["scaling"]["uniform"],
            one["before"]["error"],
            one["after"]["error"],
            one["after"]["floor"]["mean"],
            one["before"]["log_loss"],
            one["after"]["log_loss"],
        )
        for level, one in found["levels"].items()
    ]
    blocks = (
        text,
        Chart("reliability", caption, panels),
        Table("Calibration of both levels.", columns, rows),
    )
    data = {
        level: {k: v for k, v in one.items() if k != "thresholds"} for level, one in found["levels"].items()
    }
    return Section("calibration", "Calibration", blocks, {"levels": data, "model_file": found["calibration"]})


def thresholds_section(found: Mapping[str, Any]) -> Section:
    """Per-class thresholds, and prediction sets with their measured coverage."""
    recording, rule = found["levels"]["recording"], found["options"]["rule"]
    decided, thresholds = recording["decided"], recording["thresholds"]
    text = Text(_decided(decided, rule))
    columns = (
        Column("species", "name"),
        Column("threshold", ".3f", "minimum calibrated score to name the species"),
        Column("fitted on"),
        Column("named", "d"),
        Column("right", "d"),
        Column("sessions", "d", "of the named recordings"),
        Column("precision", "bar"),
        Column("lower bound", ".2f", "one-sided lower 80 % bound of the precision, from sessions"),
        Column("recall", "bar"),
        Column("enough data"),
    )
    sources = {"own": "this species", "pooled": "all species", "none": "never named"}
    keys = ("named", "right", "sessions", "precision", "precision_low", "recall")
    of_named = ("sessions", "precision", "precision_low")
    rows: list[tuple[Cell, ...]] = [
        (
            label,
            one["score"],
            sources[one["source"]],
            *(None if key in of_named and not one["named"] else one[key] for key in keys),
            "yes" if one["sure"] else "no",
        )
        for label, one in {"all species": thresholds["pooled"], **thresholds["classes"]}.items()
    ]
    sets = (
        Column("nominal coverage", ".0%"),
        Column("measured", ".1%", "each fold with the limit of the others"),
        Column("random halves", "text", "of the sessions: mean ± standard deviation"),
        Column("set size", ".1f", "mean number of species"),
        Column("sets of one", ".0%"),
    )
    set_rows: list[tuple[Cell, ...]] = [
        (
            one["nominal"],
            one["held_out"],
            "-" if one["halves"] is None else f"{one['halves']:.1%} ± {one['halves_deviation']:.1%}",
            one["mean_size"],
            one["single"],
        )
        for one in recording["coverage"]
    ]
    caption = f"Thresholds per species for {rule}, on all folds."
    blocks = (
        text,
        Table("Prediction sets: share of recordings whose set contains the correct species.", sets, set_rows),
        Table(caption, columns, rows, folded=True),
    )
    data = {"rule": rule, "decided": decided, "thresholds": thresholds, "coverage": recording["coverage"]}
    return Section("thresholds", "Thresholds and prediction sets", blocks, data)


def automation_section(found: Mapping[str, Any], grouping: str) -> Section:
    """How much needs no person at a wanted accuracy, and detection against classification."""
    automation = found["automation"]
    text = Text(_automated(automation))
    caption = (
        f"Accuracy of automatically labelled recordings against their share, {grouping} folds, over all "
        "thresholds of the calibrated score. The band shows the one-sided lower 95 % bound for independent "
        "recordings. Recordings of one session are not independent, so the band is too narrow."
    )
    if automation["target"] == CalibrateOptions().accuracy:
        caption += " Dashed: accuracy of the volunteers of Snapshot Serengeti, a camera-trap study."
    curve = Chart("automation", caption, (_automation(automation["curve"], automation["target"]),))
    questions = ("identification", "classification")
    panels = tuple(_detection(found["detection"], question) for question in questions)
    detection = Chart(
        "detection",
        "Precision, recall and F1 over thresholds of the calibrated score. Identification: is there a bird? "
        "(a wrong species counts as found). Classification: which species?",
        panels,
    )
    columns = (
        Column("threshold", ".2f"),
        *(
            Column(f"{question[:2].upper()} {word}", form, question)
            for question in questions
            for word, form in (
                ("TP", "d"),
                ("FP", "d"),
                ("FN", "d"),
                ("TN", "d"),
                ("precision", ".2f"),
                ("recall", ".2f"),
                ("F1", ".2f"),
                ("accuracy", ".2f"),
                ("without TN", ".2f"),
            )
        ),
    )
    keys = ("tp", "fp", "fn", "tn", "precision", "recall", "f1", "accuracy", "accuracy_without_tn")
    rows: list[tuple[Cell, ...]] = [
        (row["threshold"], *(row[question][key] for question in questions for key in keys))
        for row in found["detection"]
    ]
    table = Table("Identification (ID) and classification (CL) over thresholds.", columns, rows, folded=True)
    data = {"automation": automation, "detection": found["detection"]}
    return Section("automation", "Automatic labelling", (text, curve, detection, table), data)


def _decided(decided: Mapping[str, Any], rule: str) -> str:
    """What thresholds do to recordings, in words."""
    if not decided["named"]:
        return (
            f"With thresholds for {rule}, chosen on the other folds, none of the {decided['n']} recordings "
            "is named. All are uncertain."
        )
    return (
        f"With thresholds for {rule}, chosen on the other folds, {decided['named']} of {decided['n']} "
        f"recordings ({decided['share']:.0%}) are named, {decided['right']} of them correctly "
        f"({decided['precision']:.0%}). The others are uncertain."
    )


def _automated(automation: Mapping[str, Any]) -> str:
    """What can be automated, in words."""
    target, best, held = automation["target"], automation["best"], automation["held_out"]
    if not best["n_items"]:
        return f"No threshold reaches an accuracy of {target:.1%} for automatic labels."
    saved = ""
    if best["hours_saved"] is not None:
        factor = automation["listening_factor"]
        saved = f". This saves {best['hours_saved']:.1f} hours of listening ({factor:g} per recorded hour)"
    return (
        f"At an accuracy of {target:.1%}, {best['share']:.1%} of the recordings could be labelled "
        f"automatically, with a threshold chosen on the same recordings{saved}. With thresholds from the "
        f"other folds, {held['share']:.1%} are labelled, with an accuracy of "
        f"{number(held['accuracy'], '.1%')}."
    )


def _reliability(quality: Mapping[str, Any], title: str, css: str) -> Markup:
    axes = Axis(0.0, 1.0, "score"), Axis(0.0, 1.0, "accuracy")
    plot = Plot(*axes, title=f"Reliability, {title}", top=30.0)
    plot.line((0, 1), (0, 1), "s0 dashed")
    bins: Sequence[Mapping[str, Any]] = quality["reliability"]
    total = sum(one["n"] for one in bins)
    for one in bins:
        at = one["confidence"]
        plot.span((at, at), (at, one["accuracy"]), css)
    for one in bins:
        tip = f"{one['n']} recordings: score {one['confidence']:.2f}, accuracy {one['accuracy']:.2f}"
        radius = 2.5 + 13 * (one["n"] / total) ** 0.5
        plot.dot(one["confidence"], one["accuracy"], css, tip=tip, radius=radius)
    plot.legend([(css, title)], 0.02, 1.06)  # above the axes: dots may lie anywhere
    plot.legend([("", f"calibration error {number(quality['error'])}")], 0.6, 1.06)
    return plot.svg()


def _automation(curve: Mapping[str, Sequence[float]], target: float) -> Markup:
    plot = Plot(
        Axis(0.0, 1.0, "share labelled automatically"), Axis(0.0, 1.0, "accuracy"), title="Automation curve"
    )
    n = len(curve["shares"])
    kept = range(0, n, max(1, n // _MOST_POINTS))
    shares, right, low = ([curve[key][k] for k in kept] for key in ("shares", "accuracies", "accuracies_low"))
    plot.band(shares, low, right, "s1")
    plot.line(shares, right, "s1")
    plot.line((0, 1), (target, target), "s2 dashed")
    plot.text(1.0, target, f"{target:.1%}", anchor="end", dx=-2.0, dy=-6.0, css="s2")
    return plot.svg()


def _detection(rows: Sequence[Mapping[str, Any]], question: str) -> Markup:
    thresholds = [row["threshold"] for row in rows]
    plot = Plot(
        Axis(min(thresholds), max(thresholds), "threshold", tuple((t, f"{t:g}") for t in thresholds[::2])),
        Axis(0.0, 1.0, ""),
        title=f"{question.capitalize()} over thresholds",
    )
    drawn = []
    for key, word, css in (("precision", "precision", "s1"), ("recall", "recall", "s3"), ("f1", "F1", "s2")):
        points = [(row["threshold"], row[question][key]) for row in rows if row[question][key] is not None]
        if points:
            xs, ys = zip(*points, strict=True)
            plot.line(xs, ys, css, tip=word)
            drawn.append((css, word))
        else:
            drawn.append(("", f"{word}: undefined (every recording has a bird)"))
    plot.corner(question)
    plot.legend(drawn, 0.04, 0.94)
    return plot.svg()
