"""``avianvox explain judge`` and ``reject``: what the overlap of maps with the voice is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from avianvox.cli.common import (
    catalogs_argument,
    echo,
    echo_text,
    exit_with_failures,
    options_of,
    progress_bar,
    show_table,
)
from avianvox.cli.explain_options import METHOD, refuse_layer, weight_option
from avianvox.cli.targets import Target, Writer


@click.command(
    cls=Writer,
    goes_on=True,
    epilog="""MODEL is the name or file of a model, or the folder of a training run. Figures of recordings
that it was trained on say little: of a cross-validation, explain each fold's model on the recordings that it
did not hear, and give the tables to 'avianvox explain reject'.

OUT gets overlap.csv (a row for each recording), rejection.csv (accuracy of the answers that thresholds keep;
each threshold was chosen on other sessions), weights.csv (how much each recording counts as a training
example), figures.json. To continue an interrupted run, run the same command again.

\b
Examples:
  avianvox explain judge my_model.tflite recordings/ --out explained \\
    --limit 4 --tile 1 --bands 4
  avianvox explain judge runs/first recordings/ --out explained_layer \\
    --limit 4 --method grad-cam --no-deletion
""",
)
@click.argument("model")
@catalogs_argument
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder of the tables."
)
@options_of(METHOD)
@click.option(
    "--windows",
    "most_windows",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Maximum number of windows of a recording: those of the highest scores.",
)
@click.option("--limit", type=click.IntRange(1), help="Maximum number of recordings, drawn at random.")
@click.option(
    "--deletion/--no-deletion",
    "delete",
    default=True,
    help="Delete what maps mark, and as much at random.  [default: deletion]",
)
@weight_option("good", 0.5, "right, on the voice")
@weight_option("poor", 0.75, "right, beside the voice")
@weight_option("wrong", 1.5, "wrong")
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option("--fresh", is_flag=True, help="Judge all recordings anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def judge(
    model: str,
    catalogs: tuple[Path, ...],
    out: Path,
    method: str,
    layer: str | None,
    tile_s: float,
    bands: int,
    most_windows: int,
    limit: int | None,
    delete: bool,
    weight_good: float,
    weight_poor: float,
    weight_wrong: float,
    seed: int,
    fresh: bool,
    as_json: bool,
) -> None:
    """Judge maps of labelled recordings.

    Overlap with the voice of right and wrong answers, and how far the score falls by deletion.
    """
    from avianvox.api.explaining import method_for
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.evaluation.overlap import Weights
    from avianvox.explain.judged import JudgeOptions, drawn
    from avianvox.explain.judged_folder import judge_into
    from avianvox.explain.maps import listener_of

    refuse_layer(method, layer)
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    listener = listener_of(model)
    chosen = method_for(listener, method, layer=layer, tile_s=tile_s, bands=bands)
    asked = {
        "model": listener.name,
        "method": method,
        "layer": layer,
        "tile_s": tile_s,
        "bands": bands,
        "windows": most_windows,
        "deletion": delete,
        "seed": seed,
    }
    failed: list[str] = []

    def told(line: str, severe: bool) -> None:
        failed.append(line) if severe else echo(line, err=True)

    with progress_bar("explaining") as report:
        found = judge_into(
            out,
            listener,
            drawn(catalog.recordings, limit, seed=seed),
            chosen,
            JudgeOptions(most_windows, delete, seed),
            asked=asked,
            weights=Weights(weight_good, weight_poor, weight_wrong),
            fresh=fresh,
            told=told,
            progress=report,
        )
    _show(found.figures, as_json=as_json)
    exit_with_failures(failed)


@click.command(
    cls=Writer,
    epilog="""TABLE is overlap.csv of 'avianvox explain judge'; give one for each fold of a cross-validation.

\b
Example:
  avianvox explain reject explained/overlap.csv --out rejected
""",
)
@click.argument(
    "tables",
    metavar="TABLE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder of the tables."
)
@weight_option("good", 0.5, "right, on the voice")
@weight_option("poor", 0.75, "right, beside the voice")
@weight_option("wrong", 1.5, "wrong")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def reject(
    tables: tuple[Path, ...],
    out: Path,
    weight_good: float,
    weight_poor: float,
    weight_wrong: float,
    as_json: bool,
) -> None:
    """Find what rejecting by overlap is worth.

    Accuracy of the answers that are kept, by thresholds that were chosen on other sessions.
    """
    from avianvox.evaluation.overlap import Weights
    from avianvox.explain.judged_folder import FOLDER, conclude, read_rows

    rows = [row for table in tables for row in read_rows(table)]
    FOLDER.erase(out)
    FOLDER.begin(out, {"asked": {"tables": [str(table) for table in tables]}})
    _show(conclude(out, rows, Weights(weight_good, weight_poor, weight_wrong)).figures, as_json=as_json)


def _show(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Figures of judged maps."""
    import json

    if as_json:
        echo_text(json.dumps(figures, indent=1))
        return
    from avianvox.evaluation.figures import Table

    words = {
        "share": "share of the map on the voice",
        "chance": "share by chance",
        "gain": "gain above chance",
        "iou": "IoU",
    }
    rows = [["recordings", str(figures["recordings"])], ["sessions", str(figures["sessions"])]]
    rows += [["right answers", str(figures["right"])]]
    rows += [["right for the wrong reason", str(figures["right_for_the_wrong_reason"])]]
    for name in ("right", "wrong"):
        for key, said in words.items():
            rows.append([f"{said}, {name} answers", _estimated(figures[f"{key}_{name}"])])
    for key, said in DROPS.items():
        if key in figures:
            rows.append([said, _estimated(figures[key])])
    show_table(Table(("figure", "value"), tuple(map(tuple, rows))))
    kept = [
        [one["by"], f"{one['coverage']:.2f}", _estimated(one["accuracy"]), _estimated(one["gained"])]
        for one in figures["rejection"]
    ]
    show_table(
        Table(("kept by", "coverage", "accuracy", "more than of all answers"), tuple(map(tuple, kept)))
    )


def _estimated(interval: Mapping[str, float | None]) -> str:
    from avianvox.pages.blocks import estimate

    return estimate(interval["value"], interval["low"], interval["high"])


DROPS = {
    "drop_map": "fall of the score by deletion: what maps mark",
    "drop_random": "fall of the score: as much at random",
    "drop_loudest": "fall of the score: as much, the loudest",
    "map_over_random": "maps more than at random, paired",
    "map_over_loudest": "maps more than the loudest, paired",
}
