"""Scenes of real calls are made: `make_scenes`."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.catalogs import catalog_of
from avianvox.api.watch import Count, Watch

if TYPE_CHECKING:
    from avianvox.api.catalogs import Recordings
    from avianvox.scenes.make import SceneSet


def make_scenes(
    recordings: "Recordings",
    background: "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]",
    out: "str | os.PathLike[str]",
    *,
    fresh: bool = False,
    watch: Watch | None = None,
    **settings: Any,
) -> "SceneSet":
    """Paste calls of real recordings on backgrounds, with known boxes and counts, in parts without a common
    session.

    Parameters
    ----------
    recordings : Catalog, path-like, or an iterable of paths or recordings
    background : path-like or iterable of path-like
        Sound without animals: folders of it, catalogs with recordings labelled "no bird", or folders with
        tables of boxes, of which the recordings without a box count.
    out : path-like
        The folder of the scenes; one of the same settings is continued.
    fresh : bool
        Erase the scenes in ``out`` first.
    watch : Watch, optional
    **settings
        The fields of `avianvox.scenes.settings.SceneSettings`.

    Returns
    -------
    SceneSet
        ``parts`` says what each holds; ``catalog("train")`` is the folder of a part.

    Raises
    ------
    CatalogError, ConfigError, InputError
        There are no backgrounds, too few sessions, no calls, or the calls do not fit; or a setting is wrong.
    RunError
        ``out`` holds something else, or scenes of other settings.

    Examples
    --------
    >>> import avianvox as av
    >>> made = av.make_scenes("recordings", "background", "scenes", n_scenes=4, parts="train=1,test=1")
    >>> [(part.part, part.scenes) for part in made.parts]
    [('train', 2), ('test', 2)]
    """
    from avianvox.config import settings_from_mapping
    from avianvox.scenes import make
    from avianvox.scenes.settings import SceneSettings

    chosen = settings_from_mapping(SceneSettings, settings, table="scenes")
    places = [background] if isinstance(background, str | os.PathLike) else background
    watch = watch or Watch()
    catalog = catalog_of(recordings)
    for line in catalog.problem_lines():
        watch.say(line)
    with ExitStack() as stack:
        counts: dict[str, Count | None] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in counts:
                stack.close()  # one bar at a time
                counts[what] = stack.enter_context(watch.counting(what))
            if (count := counts[what]) is not None:
                count(done, total)

        found = make.make_scenes(
            catalog.recordings,
            [Path(place) for place in places],
            Path(out),
            chosen,
            fresh=fresh,
            progress=tell,
        )
    for line in found.notes:
        watch.say(line)
    return found
