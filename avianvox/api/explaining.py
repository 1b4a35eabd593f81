"""Why a model answers as it does: `explain`."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from avianvox.dataset.credits import credit_of
from avianvox.errors import AudioError, InputError
from avianvox.registry import nearest

if TYPE_CHECKING:
    from avianvox.explain.listener import Listener
    from avianvox.explain.maps import Explanation
    from avianvox.explain.methods import Method


def explain(
    path: "str | os.PathLike[str]",
    *,
    model: "str | os.PathLike[str]" = "caribbean_california",
    species: str | None = None,
    method: str = "occlusion",
    layer: str | None = None,
    tile_s: float = 0.4,
    bands: int = 8,
    begin_s: float | None = None,
    end_s: float | None = None,
    most_windows: int | None = None,
) -> "Explanation":
    """Find what a model listens to in a recording.

    Parameters
    ----------
    path : path-like
    model : str or path-like
        Name or file of a model, or the folder of a training run.
    species : str, optional
        Scientific or common name; the best answer by default.
    method : {"occlusion", "grad-cam", "attention"}
        The last two look into a network of a training run.
    layer : str, optional
        Of a network; by default the last convolution, or the attention that it has.
    tile_s : float, seconds
        Length of a tile of occlusion.
    bands : int
        Tiles of occlusion over the frequencies.
    begin_s, end_s : float, seconds, optional
        The part that is looked at; the whole recording by default.
    most_windows : int, optional
        Maximum number of windows with a map: those of the highest scores.

    Returns
    -------
    Explanation
        ``values`` is the map over moments and bands, ``share``, ``gain`` and ``iou`` say how far it lies on
        the voice; ``heard.mask`` is the vocal mask.

    Raises
    ------
    AudioError, InputError, ModelFileError, RunError

    Examples
    --------
    >>> import avianvox as av
    >>> found = av.explain("recording.ogg", tile_s=1.0, bands=4, most_windows=1)
    >>> found.scientific_name, found.values.shape[1]
    ('Coccyzus vieilloti', 128)
    """
    from avianvox.explain.maps import explain as explain_one
    from avianvox.explain.maps import listener_of

    listener = listener_of(os.fspath(model))
    return explain_one(
        listener,
        Path(path),
        method_for(listener, method, layer=layer, tile_s=tile_s, bands=bands),
        name=method,
        species=species,
        begin_s=begin_s,
        end_s=end_s,
        most_windows=most_windows,
    )


def method_for(listener: "Listener", name: str, *, layer: str | None, tile_s: float, bands: int) -> "Method":
    """A row of `METHODS` with its settings. Raises `InputError`, before Keras is loaded for a model file."""
    from avianvox.explain.listener import FileListener
    from avianvox.explain.methods import METHODS, OF_NETWORKS

    if name not in METHODS:
        raise InputError(
            f"unknown method '{name}'{nearest(name, list(METHODS))} (known: {', '.join(METHODS)})"
        )
    if name in OF_NETWORKS:
        if isinstance(listener, FileListener):
            raise InputError(
                f"{name} looks at the layers of a network, and '{listener.name}' is a model file; give the "
                "folder of a training run, or use --method occlusion"
            )
        return METHODS.get(name)(layer)  # type: ignore[call-arg]
    if layer is not None:
        raise InputError("--layer needs --method grad-cam or attention")
    return METHODS.get(name)(tile_s, bands)  # type: ignore[call-arg]


def explanations(
    listener: "Listener",
    paths: Iterable[Path],
    method: "Method",
    *,
    name: str,
    species: str | None,
    begin_s: float | None,
    end_s: float | None,
    most_windows: int | None,
    failed: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
) -> "Iterator[tuple[Explanation, str]]":
    """Explanations of recordings with their credits; ``failed`` takes a line for each without one."""
    from avianvox.explain.heard import hear
    from avianvox.explain.maps import explain_heard, position_of

    target = None if species is None else position_of(listener, species)
    files = list(paths)
    for done, path in enumerate(files, start=1):
        try:
            heard = hear(listener, path, begin_s=begin_s, end_s=end_s)
        except (AudioError, InputError) as error:
            failed(f"{path}: {error.about(path)}")
        else:
            found = explain_heard(
                listener, heard, method, name=name, target=target, most_windows=most_windows
            )
            yield found, credit_of(path)
        if progress is not None:
            progress(done, len(files))
