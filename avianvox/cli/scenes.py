"""``avianvox scenes``: calls of real recordings on backgrounds, with known boxes and counts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat, echo, show_table
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.scenes.make import SceneSet

EPILOG = """\b
OUT/<part> is a catalog with sound files, a Raven table of boxes for each
scene with calls, recordings.csv and ATTRIBUTION.txt.

Two columns of recordings.csv hold numbers: 'count' is the number of animals, 'calls' that of all their calls.
Sessions (recordist, date, place) of clips and backgrounds are put into folds, and each part has its own
folds: no session lies in two parts. A scene is made of one fold, which is its session.

Scenes are synthetic and say so. They may help in training; no evaluation takes them together with real
recordings. Their licence is the most restrictive of what they were made of.

A run that was stopped goes on with the same command.

\b
Examples:
  avianvox scenes recordings/ --background background/ --out scenes \\
    --scenes 6 --parts train=1,test=1 --pictures 1
  avianvox scenes recordings/ --background background/ --out counts \\
    --scenes 4 --parts train=1,test=1 --callers 1 60 --overlap
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument(
    "catalogs", metavar="CATALOG...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option(
    "--background",
    "backgrounds",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Sound without animals; repeatable. Of a folder with tables of boxes, the recordings without a box; "
    "of a catalog, those labelled 'no bird'; of another folder, all.",
)
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder for the scenes."
)
@click.option(
    "--scenes",
    "n_scenes",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Number of scenes in all parts; each fold gets as many.",
)
@click.option(
    "--seconds",
    "duration_s",
    type=FiniteFloat(1, 86400),
    default=10.0,
    show_default=True,
    help="Duration of a scene.",
)
@click.option(
    "--callers",
    nargs=2,
    type=click.IntRange(1),
    default=(1, 3),
    show_default=True,
    metavar="MIN MAX",
    help="Number of animals in a scene. The numbers 1 to 10, 11-50 and 51+ come equally often.",
)
@click.option(
    "--calls",
    nargs=2,
    type=click.IntRange(1),
    default=(1, 2),
    show_default=True,
    metavar="MIN MAX",
    help="Number of calls of each animal.",
)
@click.option(
    "--species", type=click.IntRange(1), default=3, show_default=True, help="Maximum of species in a scene."
)
@click.option(
    "--level",
    "level_db",
    nargs=2,
    type=FiniteFloat(-60, 100),
    default=(3.0, 20.0),
    show_default=True,
    metavar="MIN MAX",
    help="Level of a call above the background in the call's band, in dB.",
)
@click.option(
    "--distance",
    "distance_m",
    type=FiniteFloat(0, 1000),
    default=0.0,
    show_default=True,
    help="Maximum distance of an animal in metres, which takes its high frequencies; 0: no filter.",
)
@click.option("--overlap", is_flag=True, help="Let boxes overlap.")
@click.option(
    "--empty",
    type=FiniteFloat(0, 0.99),
    default=0.1,
    show_default=True,
    help="Share of scenes without calls.",
)
@click.option(
    "--parts",
    default="train=3,validation=1,test=2",
    show_default=True,
    metavar="NAME=FOLDS,...",
    help="Parts and their numbers of session folds.",
)
@click.option(
    "--listen",
    "listen_s",
    type=FiniteFloat(1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds of a clip that are searched for calls.",
)
@click.option("--alone", is_flag=True, help="Leave out clips that name other species in the background.")
@click.option("--sample-rate", default=22050, show_default=True, help="Sample rate in hertz.")
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option(
    "--pictures",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Number of scenes in each part to draw with their boxes, as PNG beside the sound.",
)
@click.option("--fresh", is_flag=True, help="Erase the scenes in OUT first.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def scenes(
    catalogs: tuple[Path, ...],
    backgrounds: tuple[Path, ...],
    out: Path,
    pictures: int,
    fresh: bool,
    as_json: bool,
    **settings: object,
) -> None:
    """Paste calls of real recordings on backgrounds, with known boxes and counts.

    CATALOG is as in "avianvox data". Calls are what stands out of a clip's noise, and take its label.
    """
    import json

    from avianvox.api.scenes import make_scenes
    from avianvox.cli.common import wrong_usage
    from avianvox.cli.screen import Screen
    from avianvox.scenes.make import figures_mapping
    from avianvox.scenes.settings import SceneSettings

    with wrong_usage():
        SceneSettings(**settings)  # type: ignore[arg-type]
    found = make_scenes(catalogs, backgrounds, out, fresh=fresh, watch=Screen(), **settings)
    if pictures:
        from avianvox.scenes.picture import draw_scenes

        for part in found.parts:
            draw_scenes(found.catalog(part.part), pictures)
    if as_json:
        click.echo(json.dumps(figures_mapping(found), indent=1))
        return
    _show(found)
    echo(f"synthetic scenes in {out}; no session lies in two parts", err=True)


def _show(found: "SceneSet") -> None:
    from avianvox.evaluation.figures import Table

    columns = ("part", "scenes", "empty", "animals", "calls", "species", "clips", "sessions", "backgrounds")
    rows = tuple(
        (
            str(found.catalog(part.part)),
            *map(str, (part.scenes, part.empty, part.callers, part.calls, part.species, part.clips)),
            *map(str, (part.sessions, part.backgrounds)),
        )
        for part in found.parts
    )
    show_table(Table(columns, rows))
    licences = {part.part: part.licence for part in found.parts}
    if len(set(licences.values())) == 1:
        echo(f"licence: {next(iter(licences.values()))}")
        return
    for name, licence in licences.items():
        echo(f"licence of {name}: {licence}")
