"""``avianvox explain``: why a model answers as it does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from avianvox.cli.common import (
    FiniteFloat,
    comma_names,
    echo,
    echo_text,
    exit_with_failures,
    progress_bar,
    show_table,
    wrong_usage,
)
from avianvox.cli.targets import Target, Writer

METHODS = ("occlusion", "grad-cam", "attention")

out_option = click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, file_okay=False),
    help="Folder for page, figures, arrays.",
)


def weight_option(name: str, default: float, what: str) -> Any:
    """An option for how much a training example counts."""
    return click.option(
        f"--weight-{name}",
        type=FiniteFloat(0),
        default=default,
        show_default=True,
        help=f"Weight of recordings whose answer is {what}.",
    )


png_option = click.option("--png/--no-png", default=True, help="Draw PNG beside SVG.  [default: PNG]")
method_options = (
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default="occlusion",
        show_default=True,
        help="Way to find the map. grad-cam and attention need a training run of a network.",
    ),
    click.option("--layer", help="Layer of a network.  [default: grad-cam: the last convolution]"),
    click.option(
        "--tile",
        "tile_s",
        type=FiniteFloat(0, min_open=True),
        default=0.4,
        show_default=True,
        metavar="SECONDS",
        help="Length of a tile of occlusion.",
    ),
    click.option(
        "--bands",
        type=click.IntRange(1, 128),
        default=8,
        show_default=True,
        help="Number of tiles of occlusion over the frequencies.",
    ),
)


def with_method(command: Any) -> Any:
    """The options of a method."""
    for option in reversed(method_options):
        command = option(command)
    return command


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


@click.group(epilog="Example: avianvox explain maps caribbean_california recording.ogg --out why")
def explain() -> None:
    """Show what a model listens to, and what it has learned."""


@explain.command(
    cls=Writer,
    epilog="""\b
MODEL is the name or file of a model, or the folder of a training run. Occlusion silences one tile of time and
frequency after the other and needs nothing but scores: it takes any model, BirdNET too.

\b
OUT gets explain.html, explain.csv, figures/ (SVG, PNG) and arrays/ (NPZ).

\b
Examples:
  avianvox explain maps caribbean_california recording.ogg --out why \\
    --tile 1 --bands 4
  avianvox explain maps birdnet recording.ogg --out why --species \\
    "Todus mexicanus"
  avianvox explain maps runs/small recording.ogg --out why --method grad-cam
""",
)
@click.argument("model")
@click.argument(
    "recordings",
    metavar="RECORDING...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True),
)
@out_option
@click.option("--species", help="Species that is explained.  [default: the best answer]")
@with_method
@click.option(
    "--begin", "begin_s", type=FiniteFloat(0), metavar="SECONDS", help="Begin of the part explained."
)
@click.option("--end", "end_s", type=FiniteFloat(0), metavar="SECONDS", help="End of the part explained.")
@click.option(
    "--windows",
    "most_windows",
    type=click.IntRange(1),
    help="Maximum number of windows with a map: those of the highest scores.  [default: all]",
)
@png_option
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def maps(
    model: str,
    recordings: tuple[Path, ...],
    out: Path,
    species: str | None,
    method: str,
    layer: str | None,
    tile_s: float,
    bands: int,
    begin_s: float | None,
    end_s: float | None,
    most_windows: int | None,
    png: bool,
    as_json: bool,
) -> None:
    """Draw what a model listens to in recordings, over their spectrograms."""
    import json

    from avianvox.api.explaining import explanations, method_named
    from avianvox.audio.find import find_inputs
    from avianvox.explain.maps import listener_of
    from avianvox.explain.written import COLUMNS, PAGE, Written, write_maps

    with wrong_usage():
        chosen = method_named(method, layer=layer, tile_s=tile_s, bands=bands)
    listener = listener_of(model)
    paths = list(find_inputs([str(path) for path in recordings]))
    asked = {
        "model": model,
        "method": method,
        "layer": layer,
        "tile_s": tile_s,
        "bands": bands,
        "species": species,
    }
    written = Written(out, asked, png=png)
    failed: list[str] = []
    with progress_bar("explaining") as report:
        found = explanations(
            listener,
            paths,
            chosen,
            name=method,
            species=species,
            begin_s=begin_s,
            end_s=end_s,
            most_windows=most_windows,
            failed=failed.append,
            progress=report,
        )
        rows = write_maps(written, found, model=listener.name)
    if as_json:
        names = [column.name for column in COLUMNS]
        values = [[c.plain(v) for c, v in zip(COLUMNS, row, strict=True)] for row in rows]
        echo_text(
            json.dumps([dict(zip(names, row, strict=True)) for row in values], indent=1, ensure_ascii=False)
        )
    else:
        echo(out / PAGE)
    exit_with_failures(failed)


@explain.command(
    cls=Writer,
    epilog="""\b
MODEL is the name or file of a model, or the folder of a training run. Figures of recordings that it was
trained on say little: of a cross-validation, explain each fold's model on the recordings that it did not
hear, and give the tables to 'avianvox explain reject'.

\b
OUT gets overlap.csv (a row for each recording), rejection.csv (accuracy of the answers that thresholds keep;
each threshold was chosen on other sessions), weights.csv (how much each recording counts as a training
example), figures.json. To continue an interrupted run, run the same command again.

\b
Examples:
  avianvox explain judge caribbean_california recordings/ --out judged \\
    --limit 4 --tile 2 --bands 2
  avianvox explain judge runs/small recordings/ --out judged \\
    --method grad-cam
""",
)
@click.argument("model")
@click.argument("catalogs", nargs=-1, required=True, metavar="CATALOG...", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder of the tables."
)
@with_method
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
    """Judge maps of labelled recordings: their overlap with the voice, and their deletion."""
    from avianvox.api.explaining import method_named
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.evaluation.overlap import Weights
    from avianvox.explain.judged import JudgeOptions, drawn
    from avianvox.explain.judged_folder import judge_into
    from avianvox.explain.maps import listener_of

    with wrong_usage():
        chosen = method_named(method, layer=layer, tile_s=tile_s, bands=bands)
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    listener = listener_of(model)
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


@explain.command(
    cls=Writer,
    epilog="""\b
Activation maximisation seeks the window that a class answers to most. It
begins with faint noise; what is loud or rough costs.

\b
Examples:
  avianvox explain network runs/small recording.ogg --out learned
  avianvox explain network runs/small --out learned --steps 8 \\
    --channel block2_conv:3
""",
)
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("recording", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@out_option
@click.option(
    "--species", multiple=True, help="Species whose window is sought. Repeatable.  [default: the first 12]"
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="LAYER:NUMBER",
    help="Channel of a layer whose window is sought. Repeatable.",
)
@click.option("--steps", type=click.IntRange(1), default=96, show_default=True, help="Steps up the gradient.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the noise.")
@png_option
def network(
    run: Path,
    recording: Path | None,
    out: Path,
    species: tuple[str, ...],
    channels: tuple[str, ...],
    steps: int,
    seed: int,
    png: bool,
) -> None:
    """Draw what the network of a training run has learned.

    Filters and activations of each layer for RECORDING, and the windows that species answer to most.
    """
    from avianvox.explain.maximise import Climb
    from avianvox.explain.network import RunListener
    from avianvox.explain.network_page import Asked, channel_of, write_network
    from avianvox.explain.written import Written

    with wrong_usage():
        wanted = tuple(map(channel_of, channels))
    opened = RunListener.open(run)
    asked = {
        "run": str(run),
        "species": list(species),
        "channels": list(channels),
        "steps": steps,
        "seed": seed,
    }
    written = Written(out, asked, png=png)
    with progress_bar("maximising") as report:
        page = write_network(
            written, opened, recording, Asked(species, wanted, Climb(steps=steps), seed), progress=report
        )
    echo(page)


@explain.command(
    cls=Writer,
    epilog="""\b
STORE is a feature store (avianvox features build). Components of mel bands
are those of windows; of embeddings, those of their rows.

\b
Example:
  avianvox explain components features/ --out components --windows 60 \\
    --n 20 --k 2,5,20
""",
)
@click.argument("store", type=click.Path(path_type=Path, file_okay=False))
@out_option
@click.option(
    "--n", type=click.IntRange(1), default=500, show_default=True, help="Maximum number of components."
)
@click.option(
    "--k",
    "ks",
    default="5,20,100,500",
    show_default=True,
    callback=comma_names,
    metavar="A,B",
    help="Numbers of components from which windows are put together.",
)
@click.option("--windows", type=click.IntRange(3), default=1000, show_default=True, help="Number of windows.")
@click.option("--frames", type=click.IntRange(1), default=64, show_default=True, help="Frames of a window.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the windows.")
@png_option
def components(
    store: Path, out: Path, n: int, ks: tuple[str, ...], windows: int, frames: int, seed: int, png: bool
) -> None:
    """Find the principal components of a feature store, and put windows together from them."""
    from avianvox.explain.components import find_components
    from avianvox.explain.components_page import write_components
    from avianvox.explain.written import Written
    from avianvox.features.store import FeatureStore

    if not all(k.isdigit() and int(k) for k in ks):
        raise click.UsageError(f"--k: expected numbers above 0, such as 5,20, got {','.join(ks)}")
    opened = FeatureStore.open(store)
    found = find_components(opened, n_components=n, n_windows=windows, n_frames=frames, seed=seed)
    asked = {"store": str(store), "n": n, "windows": windows, "frames": frames, "seed": seed}
    echo(write_components(Written(out, asked, png=png), found, [int(k) for k in ks], store=store))


@explain.command(
    cls=Writer,
    epilog="""\b
TABLE is overlap.csv of 'avianvox explain judge'; give one for each fold of a cross-validation.

\b
Example:
  avianvox explain reject judged/overlap.csv --out rejected
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
    """Find thresholds of overlap below which answers are rejected, and what they are worth."""
    from avianvox.evaluation.overlap import Weights
    from avianvox.explain.judged_folder import FOLDER, conclude, read_rows

    rows = [row for table in tables for row in read_rows(table)]
    FOLDER.erase(out)
    FOLDER.begin(out, {"asked": {"tables": [str(table) for table in tables]}})
    _show(conclude(out, rows, Weights(weight_good, weight_poor, weight_wrong)).figures, as_json=as_json)
