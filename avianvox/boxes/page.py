"""What a judgement of boxes looks like on a page."""

from collections.abc import Sequence
from math import isnan

from avianvox.boxes.judge import Averaged, Judged
from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.detection import DetectionRow, Question
from avianvox.pages.blocks import Block, Cell, Chart, Column, Section, Table, Text, estimate, number
from avianvox.pages.markup import Markup
from avianvox.pages.plot import UNIT, Axis, Plot

QUESTIONS: dict[Question, str] = {"identification": "found it", "classification": "named it"}
_KEY = 64.0  # room for a legend above the axes
_COUNTS = ("tp", "fp", "fn", "tn", "precision", "recall", "f1", "accuracy", "accuracy_without_tn")
_TITLES = ("TP", "FP", "FN", "TN", "precision", "recall", "F1", "accuracy", "without TN")


def interval(found: Interval, form: str = ".3f") -> str:
    """A figure with its interval; without it where there is none."""
    return (
        number(found.value, form)
        if isnan(found.low)
        else estimate(found.value, found.low, found.high, form=form)
    )


def sections(judged: Judged) -> list[Section]:
    """All sections, the first one above the table of contents."""
    return [
        Section("summary", "Summary", _summary(judged)),
        Section("thresholds", "Found and named over thresholds", _thresholds(judged)),
        Section("iou", "Precision and recall against IoU", _against_iou(judged)),
        Section("classes", "Classes", _classes(judged)),
    ]


def charts(judged: Judged) -> dict[str, Markup]:
    """The pictures of the page, by name."""
    found = {f"thresholds-{name.split()[0]}": _over_thresholds(judged, q) for q, name in QUESTIONS.items()}
    found["iou"] = _iou_chart(judged)
    return found if isnan(judged.trend.r2) else {**found, "examples": _examples_chart(judged)}


def _summary(judged: Judged) -> tuple[Block, ...]:
    said = (
        f"{judged.n_drawn} drawn boxes in {judged.n_recordings} recordings of {judged.n_sessions} sessions, "
        f"{judged.n_empty} of them without a box; {judged.n_found} found boxes. A found box is right where "
        f"its IoU with a drawn one is at least {judged.least_iou:g}. Drawn boxes are met with a mean IoU of "
        f"{number(judged.mean_iou, '.2f')}."
    )
    rows: list[tuple[Cell, ...]] = [("average precision", *_cells(judged.precision, ".3f"))]
    rows += [(f"minus that of `{name}`", *_cells(gain, "+.3f")) for name, gain in judged.gains.items()]
    columns = (
        Column("figure"),
        Column(f"found, IoU {judged.least_iou:.2f}"),
        Column("found, 0.50 to 0.95"),
        Column(f"named, IoU {judged.least_iou:.2f}"),
        Column("named, 0.50 to 0.95"),
    )
    caption = (
        "Average precision, all-points interpolation, with 95 % intervals over sessions. Named: the mean "
        "over the drawn labels."
    )
    blocks: list[Block] = [Text(said), Table(caption, columns, rows)]
    if judged.confirmed:
        blocks.append(_confirmed(judged))
    return tuple(blocks)


def _cells(found: Averaged, form: str) -> tuple[str, ...]:
    figures = (found.found, found.found_mean, found.named, found.named_mean)
    return tuple(interval(one, form) for one in figures)


def _confirmed(judged: Judged) -> Table:
    keys = ("tp", "fp", "fn", "tn", "precision", "recall", "f1", "accuracy")
    rows: list[tuple[Cell, ...]] = [
        (QUESTIONS[one.question], one.metric, one.threshold, where, *(getattr(counts, key) for key in keys))
        for one in judged.confirmed
        for where, counts in (("where it was chosen", one.chosen), ("here", one.confirmed))
    ]
    columns = (
        *(Column("question"), Column("maximum of"), Column("threshold", ".2f"), Column("on")),
        *(Column(key.upper(), "d") for key in keys[:4]),
        *(Column(key, ".3f") for key in keys[4:]),
    )
    return Table("Thresholds that were chosen on other recordings, and on these.", columns, rows)


def _thresholds(judged: Judged) -> tuple[Block, ...]:
    return (
        Text(
            "*Found it*: a box agrees with a drawn one, whatever its name. *Named it*: under the right name. "
            "A true negative is a recording without a drawn box in which nothing is found; it makes accuracy "
            "look good where most recordings are empty."
        ),
        Chart(
            "thresholds", "Precision, recall and F1.", tuple(_over_thresholds(judged, q) for q in QUESTIONS)
        ),
        _threshold_table("All recordings.", judged.thresholds),
        _threshold_table("Recordings with a drawn box alone.", judged.thresholds_with_boxes),
    )


def _threshold_table(caption: str, rows: Sequence[DetectionRow]) -> Table:
    forms = ("d", "d", "d", "d", *(".3f",) * 5)
    columns = (
        Column("threshold", ".2f"),
        Column("question"),
        *(Column(title, form) for title, form in zip(_TITLES, forms, strict=True)),
    )
    cells: list[tuple[Cell, ...]] = [
        (row.threshold, title, *(getattr(getattr(row, question), key) for key in _COUNTS))
        for question, title in QUESTIONS.items()
        for row in rows
    ]
    return Table(caption, columns, cells)


def _over_thresholds(judged: Judged, question: Question) -> Markup:
    plot = Plot(Axis(0.5, 0.95, "threshold"), UNIT, title=f"{QUESTIONS[question]} over thresholds", top=_KEY)
    for k, key in enumerate(("precision", "recall", "f1"), start=1):
        values = [(row.threshold, getattr(getattr(row, question), key)) for row in judged.thresholds]
        _line(plot, [(x, y) for x, y in values if not isnan(y)], f"s{k}")
    plot.corner(QUESTIONS[question])
    plot.legend([("s1", "precision"), ("s2", "recall"), ("s3", "F1")], 0.04, 1.24)
    return plot.svg()


def _against_iou(judged: Judged) -> tuple[Block, ...]:
    caption = (
        f"Precision and recall of boxes with a score of at least {judged.threshold:g}, by the IoU asked for."
    )
    columns = (Column("IoU", ".2f"), Column("precision", ".3f"), Column("recall", ".3f"))
    return (
        Chart("iou", caption, (_iou_chart(judged),)),
        Table("The same as numbers.", columns, judged.against_iou, folded=True),
    )


def _iou_chart(judged: Judged) -> Markup:
    plot = Plot(Axis(0.0, 1.0, "IoU"), UNIT, title="Precision and recall against IoU", top=_KEY)
    for k in (1, 2):
        _line(plot, [(row[0], row[k]) for row in judged.against_iou if not isnan(row[k])], f"s{k}")
    plot.legend([("s1", "precision"), ("s2", "recall")], 0.04, 1.2)
    return plot.svg()


def _classes(judged: Judged) -> tuple[Block, ...]:
    columns = (
        Column("label", "name"),
        *(Column(title, "d") for title in ("drawn", "TP", "FP", "FN")),
        Column("mean IoU", ".3f", "of drawn boxes with the best found one"),
    )
    rows: list[tuple[Cell, ...]] = [
        (row.label or "without a name", row.n_drawn, row.tp, row.fp, row.fn, row.mean_iou)
        for row in judged.classes
    ]
    found = judged.trend
    said = (
        "Too few classes for a trend of IoU over examples."
        if isnan(found.r2)
        else f"Examples against IoU: R² = {found.r2:.3f}, rank correlation {found.rank_correlation:+.2f}, "
        f"slope {found.slope:+.4f} an example."
    )
    caption = f"Boxes with a score of at least {judged.threshold:g}."
    blocks: list[Block] = [Table(caption, columns, rows), Text(said)]
    if not isnan(found.r2):
        blocks.append(
            Chart("examples", "Drawn boxes of a label and its mean IoU.", (_examples_chart(judged),))
        )
    return tuple(blocks)


def _examples_chart(judged: Judged) -> Markup:
    drawn = [row for row in judged.classes if row.n_drawn]
    most = max((row.n_drawn for row in drawn), default=1)
    plot = Plot(Axis(0.0, 1.05 * most, "examples"), Axis(0.0, 1.0, "IoU"), title="Examples and IoU")
    for row in drawn:
        plot.dot(row.n_drawn, row.mean_iou, "s1", tip=row.label)
    if not isnan(judged.trend.r2):
        ends = [min(row.n_drawn for row in drawn), most]
        _line(plot, [(x, judged.trend.intercept + judged.trend.slope * x) for x in ends], "s2")
    return plot.svg()


def _line(plot: Plot, points: Sequence[tuple[float, float]], css: str) -> None:
    if points:
        plot.line([x for x, _ in points], [y for _, y in points], css)
