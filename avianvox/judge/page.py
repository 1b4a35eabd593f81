"""What a judgement looks like on a page: one section for each question, the models side by side."""

from collections.abc import Mapping
from math import isnan

from avianvox.dataset.taxonomy import LEVELS
from avianvox.evaluation.bootstrap import Interval, PairedTest
from avianvox.evaluation.detection import THRESHOLDS, DetectionRow
from avianvox.evaluation.ladder import p_text
from avianvox.evaluation.plain import plain
from avianvox.judge.alarms import AlarmRow
from avianvox.judge.run import Judged
from avianvox.judge.thresholds import QUESTIONS, UNKNOWN, Confirmed
from avianvox.pages.blocks import Block, Cell, Chart, Column, Section, Table, Text, estimate, name, number
from avianvox.pages.markup import Markup
from avianvox.pages.plot import UNIT, Axis, Plot

_FIGURES = {
    "accuracy": "accuracy",
    "top3": "top-3",
    "top5": "top-5",
    "balanced_accuracy": "mean recall",
    "macro_f1": "mean F1",
}
_ALARMS = ("right", "false", "not_judged")
_THRESHOLD_AXIS = Axis(THRESHOLDS[0], THRESHOLDS[-1], "threshold")


def interval(found: Interval | None, form: str = ".3f") -> str:
    """A figure with its interval over sessions."""
    if found is None or isnan(found.low):
        return number(None if found is None else found.value, form)
    return estimate(found.value, found.low, found.high, form=form)


def rate(row: AlarmRow) -> str:
    """False alarms per hour; more than one decimal would say more than the sessions do."""
    return interval(row.false_per_hour, ".1f")


def threshold(row: AlarmRow) -> str:
    """The threshold of a row of events, in words."""
    return "the model's" if isnan(row.threshold) else f"{row.threshold:.2f}"


def sections(
    models: Mapping[str, Judged],
    pairs: Mapping[str, Mapping[str, PairedTest]],
    thresholds: Mapping[str, Confirmed],
) -> list[Section]:
    """All sections.

    ``pairs``: by name of the second model, what `compare` found against the first; ``thresholds``: of the
    first model, by question.
    """
    return [
        Section("summary", "Summary", _summary(models, pairs)),
        Section("species", "Species", tuple(_species(label, one) for label, one in models.items())),
        Section("thresholds", "Found and named over thresholds", tuple(_detection(models, thresholds))),
        _alarms(models),
        _unknown(models, thresholds),
        _calibration(models),
    ]


def _summary(
    models: Mapping[str, Judged], pairs: Mapping[str, Mapping[str, PairedTest]]
) -> tuple[Block, ...]:
    first = next(iter(models.values())).figures.n
    said = (
        f"{first['recordings']} recordings or annotated parts in {first['sessions']} sessions, "
        f"{first['no_bird']} of them without an animal, {first['without']} without a species of the catalogs."
    )
    rows: list[tuple[Cell, ...]] = []
    for label, one in models.items():
        for classes, found in (
            (f"all {len(one.info.labels)} classes", one.figures.all_classes),
            ("classes of the catalogs", one.figures.catalog_classes),
        ):
            cells = (interval(found.get(figure)) for figure in _FIGURES)
            rows.append((label, classes, one.figures.n["known"], *cells))
    columns = (
        Column("model"),
        Column("among"),
        Column("recordings", "d", "of species that the model knows"),
        *(Column(title) for title in _FIGURES.values()),
    )
    blocks: list[Block] = [Text(said)]
    blocks += [Text(f"Note: {one.remark}.") for one in models.values() if one.remark]
    blocks.append(Table("Figures per recording, with 95 % intervals over sessions.", columns, rows))
    whole: list[tuple[Cell, ...]] = [
        (
            label,
            interval(one.figures.all_recordings),
            number(one.figures.average_precision),
            interval(one.unseen),
            one.pooling,
            "calibrated probabilities" if one.answers.probabilities else "no probabilities",
        )
        for label, one in models.items()
    ]
    more = (
        Column("model"),
        Column("accuracy, unknown species wrong"),
        Column("mean average precision"),
        Column("accuracy, not trained on"),
        Column("pooling"),
        Column("scores"),
    )
    blocks.append(Table("All labelled recordings.", more, whole))
    blocks.append(_kinship(models))
    if pairs:
        blocks.append(_pairs(next(iter(models)), pairs))
    return tuple(blocks)


def _kinship(models: Mapping[str, Judged]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            label,
            f"species that it {'knows' if part == 'known' else 'does not know'}",
            int(found["recordings"]),
            *(number(found[level]) for level in LEVELS),
        )
        for label, one in models.items()
        for part, found in one.figures.kinship.items()
        if found["recordings"]
    ]
    columns = (Column("model"), Column("recordings of"), Column("recordings", "d"), *map(Column, LEVELS))
    return Table("Right at the level of species, genus, family and order (AviList 2025).", columns, rows)


def _pairs(first: str, pairs: Mapping[str, Mapping[str, PairedTest]]) -> Table:
    over = {"all": "all labelled recordings", "known": "species that both know"}
    rows: list[tuple[Cell, ...]] = [
        (other, over[part], test.difference, f"{test.low:+.3f} to {test.high:+.3f}", p_text(test.p_value))
        for other, found in pairs.items()
        for part, test in found.items()
    ]
    columns = (
        Column("model"),
        Column("over"),
        Column("difference", "+.3f"),
        Column("95 % interval"),
        Column("p"),
    )
    return Table(f"Accuracy minus that of `{first}`, paired by session.", columns, rows)


def _species(label: str, one: Judged) -> Block:
    shown, at = one.alarms.usual, threshold(one.alarms.usual)
    columns = (
        Column("species", "name"),
        Column("recordings", "d"),
        Column("TP", "d"),
        Column("FP", "d"),
        Column("FN", "d"),
        Column("precision", "bar"),
        Column("recall", "bar"),
        Column("average precision", "bar"),
        Column("taken for"),
        Column("right events", "d", at),
        Column("false events", "d", at),
    )
    rows: list[tuple[Cell, ...]] = []
    for species, found in one.figures.species.items():
        taken = ", ".join(f"{name(other)} {n}" for other, n in found["taken_for"].items())
        events = shown.species.get(species)
        counts = (events.right, events.false) if events else (0, 0)
        keys = ("recordings", "tp", "fp", "fn", "precision", "recall", "average_precision")
        rows.append((species, *(found[key] for key in keys), taken, *counts))
    if not rows:
        return Text(f"`{label}` knows none of the labelled species.")
    return Table(f"Species that `{label}` knows.", columns, rows)


def _detection(models: Mapping[str, Judged], thresholds: Mapping[str, Confirmed]) -> list[Block]:
    blocks: list[Block] = [
        Text(
            "*Something calls*: a species reaches the threshold, whatever its name. *This species calls*: it "
            "reaches it under the right name. A true negative is a recording without an animal that stays "
            "below; with none of them, accuracy and the precision of *something calls* are undefined."
        )
    ]
    panels = []
    for question, title in QUESTIONS.items():
        plot = Plot(_THRESHOLD_AXIS, UNIT, title=title)
        for k, one in enumerate(models.values()):
            _line(plot, one.figures.detection, question, "recall", f"s{2 * k % 4 + 1}")
            _line(plot, one.figures.detection, question, "precision", f"s{2 * k % 4 + 2}")
        plot.corner(title)
        curves = enumerate((m, what) for m in models for what in ("recall", "precision"))
        plot.legend([(f"s{k % 4 + 1}", f"{what}, {m}") for k, (m, what) in curves], 0.04, 0.2)
        panels.append(plot.svg())
    blocks.append(Chart("thresholds", "Precision and recall over thresholds.", tuple(panels)))
    if any(question in thresholds for question in QUESTIONS):
        blocks.append(_confirmed(next(iter(models)), thresholds))
    for label, one in models.items():
        blocks.append(_detection_table(f"`{label}`, among all its classes.", one.figures.detection))
        among = one.figures.catalog_detection
        blocks.append(_detection_table(f"`{label}`, among the species of the catalogs.", among))
    return blocks


def _confirmed(label: str, thresholds: Mapping[str, Confirmed]) -> Table:
    keys = ("precision", "recall", "f1", "accuracy")
    rows: list[tuple[Cell, ...]] = []
    for question in (question for question in QUESTIONS if question in thresholds):
        title, one = QUESTIONS[question], thresholds[question]
        rows.append((title, one.chosen.threshold, "chosen", *(one.chosen.figures[key] for key in keys)))
        rows.append((title, one.chosen.threshold, "here", *(getattr(one.here, key) for key in keys)))
    columns = (
        Column("question"),
        Column("threshold", ".2f"),
        Column("on"),
        *(Column(key, ".3f") for key in keys),
    )
    return Table(f"Thresholds of `{label}`: where they were chosen, and on these recordings.", columns, rows)


def _line(plot: Plot, rows: list[DetectionRow], question: str, figure: str, css: str) -> None:
    points = [(row.threshold, getattr(getattr(row, question), figure)) for row in rows]
    points = [(x, y) for x, y in points if not isnan(y)]
    if points:
        plot.line([x for x, _ in points], [y for _, y in points], css)


def _detection_table(caption: str, rows: list[DetectionRow]) -> Table:
    keys = ("tp", "fp", "fn", "tn", "precision", "recall", "f1", "accuracy", "accuracy_without_tn")
    titles = ("TP", "FP", "FN", "TN", "precision", "recall", "F1", "accuracy", "without TN")
    forms = ("d", "d", "d", "d", *(".3f",) * 5)
    columns = [Column("threshold", ".2f"), Column("question")]
    columns += [Column(title, form) for title, form in zip(titles, forms, strict=True)]
    cells: list[tuple[Cell, ...]] = [
        (row.threshold, title, *(getattr(getattr(row, question), key) for key in keys))
        for question, title in QUESTIONS.items()
        for row in rows
    ]
    return Table(caption, tuple(columns), cells, folded=True)


def _alarms(models: Mapping[str, Judged]) -> Section:
    blocks: list[Block] = [
        Text(
            "Events as `avianvox classify --by event` finds them. One is right where its species is labelled "
            "at the same time, and a false alarm where it cannot be there. Names about which the labels say "
            "nothing, such as those of other species in annotated files, are not judged."
        )
    ]
    columns = (
        Column("threshold"),
        *(Column(key.replace("_", " "), "d") for key in _ALARMS),
        Column("precision", ".3f"),
        Column("found", ".3f", "share of recordings or parts with a right event"),
        Column("false alarms per hour"),
    )
    for label, one in models.items():
        rows: list[tuple[Cell, ...]] = [
            (threshold(r), r.right, r.false, r.not_judged, r.precision, r.found, rate(r))
            for r in (*([one.alarms.own] if one.alarms.own else ()), *one.alarms.rows)
        ]
        caption = f"Events of `{label}` in {one.alarms.hours:.2f} hours of sound."
        blocks.append(Table(caption, columns, rows))
        blocks.append(_alarms_by_species(label, one.alarms.usual, one.alarms.hours))
    return Section("alarms", "False alarms", tuple(blocks))


def _alarms_by_species(label: str, row: AlarmRow, hours: float) -> Table:
    columns = (
        Column("species", "name"),
        *(Column(key.replace("_", " "), "d") for key in _ALARMS),
        Column("precision", ".3f"),
        Column("false alarms per hour", ".1f"),
    )
    rows: list[tuple[Cell, ...]] = [
        (species, tally.right, tally.false, tally.not_judged, tally.precision, tally.false / hours)
        for species, tally in row.species.items()
    ]
    return Table(f"Events of `{label}` by species; threshold: {threshold(row)}.", columns, rows, folded=True)


def _unknown(models: Mapping[str, Judged], thresholds: Mapping[str, Confirmed]) -> Section:
    blocks: list[Block] = []
    if UNKNOWN in thresholds:
        blocks.append(_to_name_at_all(next(iter(models)), thresholds[UNKNOWN]))
    if not any(one.figures.n["unknown"] for one in models.values()):
        absent = "Every labelled species is known to the models."
        return (
            Section("unknown", "Unknown species", (*blocks, Text(absent)))
            if blocks
            else Section("unknown", "Unknown species", absent=absent)
        )
    for label, one in models.items():
        found = one.figures.unknown
        n = found["recordings"]
        columns = (Column("threshold"), Column("named", "d"), Column("share", ".1%"))
        rows: list[tuple[Cell, ...]] = [(t, k, k / n if n else None) for t, k in found["named"].items()]
        said = f"{n} recordings of species that `{label}` does not know; every name it gives them is wrong."
        blocks.append(Table(said, columns, rows))
        named: list[tuple[Cell, ...]] = [
            (species, ", ".join(f"{name(other)} {k}" for other, k in counts.items()))
            for species, counts in found["species"].items()
        ]
        heads = (Column("species", "name"), Column("best answers"))
        blocks.append(Table(f"What `{label}` takes them for, at any score.", heads, named, folded=True))
    return Section("unknown", "Unknown species", tuple(blocks))


def _to_name_at_all(label: str, found: Confirmed) -> Table:
    """What a threshold below which nothing is named was worth where it was chosen, and is worth here."""
    was, here = found.chosen.figures, plain(found.here)
    rows: list[tuple[Cell, ...]] = [
        (
            on,
            f"{one['held_out_named']} of {one['held_out']}",
            f"{one['unknown_named']} of {one['unknown']}",
            f"{one['known_named']} of {one['known']}",
            f"{one['known_right']} ({one['right_without']} without a threshold)",
        )
        for on, one in (("where it was chosen", was), ("here", here))
    ]
    columns = (
        Column("on"),
        Column("named: held-out species", "", "the species' own class is struck out"),
        Column("named: unknown species"),
        Column("named: known species"),
        Column("named rightly"),
    )
    caption = (
        f"Threshold of `{label}` to give a name at all: {found.chosen.threshold:.4f}, chosen so that at most "
        f"{was['share']:.0%} of recordings of held-out species get a name. No unknown species took part."
    )
    return Table(caption, columns, rows)


def _calibration(models: Mapping[str, Judged]) -> Section:
    blocks: list[Block] = []
    for label, one in models.items():
        found = one.figures.calibration
        if not found:
            blocks.append(Text(f"The scores of `{label}` are no probabilities: they are not calibrated."))
            continue
        floor = found["by_chance"]
        blocks.append(
            Text(
                f"`{label}`: expected calibration error {number(found['error'])}; a perfectly calibrated "
                f"model would have {number(floor.mean)} on these recordings, and less than "
                f"{number(floor.high)} in 95 of 100 cases. Log loss {number(found['log_loss'])}."
            )
        )
        caption = f"Score and accuracy of `{label}`; a dot is a bin of recordings."
        blocks.append(Chart(f"reliability-{len(blocks)}", caption, (_reliability(one, label),)))
    return Section("calibration", "Calibration", tuple(blocks))


def _reliability(one: Judged, label: str) -> Markup:
    plot = Plot(Axis(0.0, 1.0, "score"), Axis(0.0, 1.0, "accuracy"), title=f"Reliability of {label}")
    plot.line((0.0, 1.0), (0.0, 1.0), "s3")
    for found in one.figures.calibration["bins"]:
        plot.dot(found.confidence, found.accuracy, "s1", tip=f"{found.n} recordings")
    return plot.svg()
