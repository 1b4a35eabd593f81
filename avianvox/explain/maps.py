"""One explanation: the map of a recording for one species, and how far it lies on the voice."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.overlap import Overlap, overlap
from avianvox.explain.heard import Heard, hear, stretched
from avianvox.explain.listener import FileListener, Listener
from avianvox.explain.methods import Method
from avianvox.registry import nearest


@dataclass(frozen=True)
class Explanation:
    """What a model listens to in a recording.

    Attributes
    ----------
    heard : Heard
    method : str
        A name of `avianvox.explain.methods.METHODS`.
    scientific_name, common_name : str
        The species that is explained.
    target : int
        Its position in the model's labels.
    score : float
        The recording's, as the model answers.
    best : str
        The model's best answer.
    windows : np.ndarray, shape (n,), int64
        Those that have a map.
    values : np.ndarray, shape (n_frames, n_mels), float64
        The map: the mean of the windows' maps, each weighted by its window's score. What speaks for the
        species is above 0.
    share, iou, chance, gain : float
        Overlap with the vocal mask in these windows, see `avianvox.evaluation.overlap.Overlap`.
    """

    heard: Heard
    method: str
    scientific_name: str
    common_name: str
    target: int
    score: float
    best: str
    windows: np.ndarray
    values: np.ndarray
    share: float
    iou: float
    chance: float
    gain: float


def listener_of(model: str | Path, *, threads: int = 1) -> Listener:
    """What answers for a model: a training run by its folder, any other by name or file.

    Raises
    ------
    RunError, ModelFileError
        There is none, or it is not complete.
    """
    if Path(model).is_dir():
        from avianvox.explain.network import RunListener

        return RunListener.open(Path(model))
    return FileListener.load(model, threads=threads)


def explain(
    listener: Listener,
    path: Path | str,
    method: Method,
    *,
    name: str,
    species: str | None = None,
    begin_s: float | None = None,
    end_s: float | None = None,
    most_windows: int | None = None,
) -> Explanation:
    """Explain what a model says of a recording.

    Parameters
    ----------
    listener : Listener
    path : path-like
    method : Method
    name : str
        Of the method.
    species : str, optional
        Scientific or common name; the best answer by default.
    begin_s, end_s : float, seconds, optional
        The part that is looked at; the whole recording by default.
    most_windows : int, optional
        Maximum number of windows with a map: those of the highest scores.

    Raises
    ------
    AudioError, InputError
        The recording does not decode, holds nothing, or is too long; the species is unknown.
    """
    target = None if species is None else position_of(listener, species)
    heard = hear(listener, path, begin_s=begin_s, end_s=end_s)
    return explain_heard(listener, heard, method, name=name, target=target, most_windows=most_windows)


def explain_heard(
    listener: Listener,
    heard: Heard,
    method: Method,
    *,
    name: str,
    target: int | None = None,
    most_windows: int | None = None,
) -> Explanation:
    """`explain` of a recording that was listened to."""
    best = int(np.argmax(heard.pooled))
    target = best if target is None else target
    ranked = np.argsort(-heard.scores[:, target], kind="stable")[:most_windows]
    windows = np.sort(ranked).astype(np.int64)
    maps = method.maps(listener, heard, target, windows)
    maps = maps * heard.scores[windows, target].astype(np.float64)[:, None, None]
    fine = stretched(maps, heard.window_frames, heard.view.n_mels)
    found = overlap_of(heard, fine, windows)
    return Explanation(
        heard,
        name,
        listener.labels[target],
        listener.labels.common_name(target),
        target,
        float(heard.pooled[target]),
        listener.labels[best],
        windows,
        heard.joined(fine, chosen=windows),
        float(found.share[0]),
        float(found.iou[0]),
        float(found.chance[0]),
        float(found.gain[0]),
    )


def overlap_of(heard: Heard, maps: np.ndarray, windows: np.ndarray) -> Overlap:
    """Overlap of the maps of some windows, all together, with their vocal masks; shape (n, window_frames,
    n_mels)."""
    voices = np.array([heard.voice(window) for window in windows.tolist()])
    n_bands = maps.shape[2]
    return overlap(maps.reshape(1, -1, n_bands), voices.reshape(1, -1, n_bands))


def position_of(listener: Listener, species: str) -> int:
    """The class of a scientific or common name. Raises `InputError`."""
    labels = listener.labels
    wanted = species.strip().casefold()
    for position, scientific in enumerate(labels):
        if wanted in (scientific.casefold(), labels.common_name(position).casefold()):
            return position
    raise InputError(
        f"'{listener.name}' does not know the species '{species}'{nearest(species, list(labels))}; "
        "its species: avianvox models info"
    )
