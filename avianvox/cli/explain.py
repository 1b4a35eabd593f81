"""``avianvox explain``: why a model answers as it does."""

from pathlib import Path

import click

from avianvox.cli.common import (
    FiniteFloat,
    comma_names,
    echo,
    echo_text,
    exit_with_failures,
    options_of,
    progress_bar,
    wrong_usage,
)
from avianvox.cli.explain_judge import judge, reject
from avianvox.cli.explain_options import METHOD, out_option, refuse_layer
from avianvox.cli.picture_options import png_option
from avianvox.cli.targets import Writer


@click.group(epilog="Example: avianvox explain maps my_model.tflite recording.mp3 --out why")
def explain() -> None:
    """Show what a model listens to, and what it has learned."""


@explain.command(
    cls=Writer,
    epilog="""MODEL is the name or file of a model, or the folder of a training run. Occlusion silences one
tile of time and frequency after the other and needs nothing but scores: it takes any model, BirdNET too.

OUT gets explain.html, explain.csv, figures/ (SVG, PNG) and arrays/ (NPZ).

\b
Examples:
  avianvox explain maps caribbean_california recording.mp3 --out why \\
    --tile 1 --bands 4
  avianvox explain maps birdnet recording.mp3 --out birdnet_why \\
    --tile 1 --windows 2
  avianvox explain maps runs/first recording.mp3 --out layer \\
    --method grad-cam
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
@options_of(METHOD)
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
    """Draw what a model listens to, over spectrograms."""
    import json

    from avianvox.api.explaining import explanations, method_for
    from avianvox.audio.find import find_inputs
    from avianvox.explain.maps import listener_of
    from avianvox.explain.written import COLUMNS, PAGE, Written, write_maps

    refuse_layer(method, layer)
    listener = listener_of(model)
    chosen = method_for(listener, method, layer=layer, tile_s=tile_s, bands=bands)
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
    epilog="""Activation maximisation seeks the window that a class answers to most. It
begins with faint noise; what is loud or rough costs.

\b
Examples:
  avianvox explain network runs/first recording.mp3 --out learned \\
    --steps 8
  avianvox explain network runs/first --out filters --steps 8 \\
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
    """Draw what a network has learned.

    RUN is the folder of a training run. Drawn are filters and activations of each layer for RECORDING, and
    the windows that species answer to most.
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
    epilog="""STORE is a feature store (avianvox features build). Components of mel bands
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
    """Find the principal components of a store."""
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


explain.add_command(judge)
explain.add_command(reject)
