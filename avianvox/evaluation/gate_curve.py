"""How good a gate is, from scores that windows got from gates that did not learn from their sessions.

What a gate should keep is measured on the window of each recording in which most goes on, which something
other than the gate has chosen; what it saves on recordings without a voice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.plain import plain_mapping
from avianvox.types import Recording

VOICE, NOISE, MADE, MIX = "voice", "noise", "made", "mix"
"""Windows of recordings with a voice, and without; of noise made after a voice's; of voices over noise."""

RECALLS = (0.9, 0.95, 0.98, 0.99)
_SNR_EDGES = (3, 8, 13, 18, 25)  # dB


@dataclass(frozen=True)
class Windows:
    """What is known about windows, beside what a gate sees. All arrays have shape (n,).

    Attributes
    ----------
    kinds : np.ndarray of str
        `VOICE`, `NOISE`, `MADE` or `MIX`.
    recordings : np.ndarray, int64
        Position of the recording that a window was cut from or made after.
    folds : np.ndarray, int64
        The fold that it is tested in.
    weights : np.ndarray, float64
        1 over the windows of that kind of its recording: recordings count alike.
    ranks : np.ndarray, float64
        Of a voice or noise: 0 for the recording's strongest window. Of a mix: voice over noise, in dB.
    """

    kinds: np.ndarray
    recordings: np.ndarray
    folds: np.ndarray
    weights: np.ndarray
    ranks: np.ndarray

    @property
    def strongest(self) -> np.ndarray:
        """Which windows are the strongest one of a recording with a voice, shape (n,), bool."""
        strongest: np.ndarray = (self.kinds == VOICE) & (self.ranks == 0)
        return strongest


def recall_thresholds(scores: np.ndarray, windows: Windows) -> dict[float, float]:
    """For each share of `RECALLS` the highest score that so many of the strongest windows reach.

    Raises `InputError` where there is no recording with a voice.
    """
    reached = np.sort(scores[windows.strongest])[::-1]
    if not len(reached):
        raise InputError("gate: expected recordings with a voice to choose thresholds, got none")
    needed = (np.ceil(share * len(reached) - 1e-9) for share in RECALLS)
    return {share: float(reached[int(n) - 1]) for share, n in zip(RECALLS, needed, strict=True)}


def gate_figures(
    scores: np.ndarray,
    windows: Windows,
    recordings: Sequence[Recording],
    thresholds: Mapping[float, float],
) -> dict[str, Any]:
    """What a gate keeps and what it passes over, ready for JSON.

    Parameters
    ----------
    scores : np.ndarray, shape (n,), in [0, 1]
        Of each window, from a gate that did not learn from the window's session.
    windows : Windows
    recordings : sequence of Recording
    thresholds : mapping of float to float
        ``share -> score``, see `recall_thresholds`.

    Returns
    -------
    dict
        For each share: ``strongest_kept`` and ``noise_passed_over`` (each recording counts once) with the
        95 % interval of resampled sessions; ``voice_windows_kept``; ``made_passed_over``; shares of mixes
        kept by dB; and the share passed over of each recording without a voice.
    """
    sessions = np.array([recording.session for recording in recordings])
    ids = [recording.id for recording in recordings]
    found: dict[str, Any] = {}
    for share, threshold in thresholds.items():
        through = scores >= threshold
        of_noise = _means(~through, windows, NOISE)
        strongest = windows.strongest
        noise_sessions = sessions[list(of_noise)]
        found[str(share)] = {
            "threshold": threshold,
            "strongest_kept": session_interval(
                through[strongest].astype(float), sessions[windows.recordings[strongest]]
            ),
            "voice_windows_kept": np.mean(list(_means(through, windows, VOICE).values())),
            "noise_passed_over": session_interval(np.array(list(of_noise.values())), noise_sessions),
            "made_passed_over": np.mean(list(_means(~through, windows, MADE).values())),
            "mixes_kept": _by_snr(through, windows),
            "noise": {ids[i]: value for i, value in of_noise.items()},
        }
    counts = {kind: int((windows.kinds == kind).sum()) for kind in (VOICE, NOISE, MADE, MIX)}
    return plain_mapping({"windows": counts, "recall": found})


def _means(values: np.ndarray, windows: Windows, kind: str) -> dict[int, float]:
    """Mean over the windows of a kind of each recording that has some, by its position."""
    chosen = windows.kinds == kind
    positions = windows.recordings[chosen]
    return {int(i): float(values[chosen][positions == i].mean()) for i in np.unique(positions)}


def _by_snr(through: np.ndarray, windows: Windows) -> dict[str, float]:
    shares = {}
    for low, high in pairwise(_SNR_EDGES):
        chosen = (windows.kinds == MIX) & (windows.ranks >= low) & (windows.ranks < high)
        shares[f"{low} to {high} dB"] = float(through[chosen].mean()) if chosen.any() else np.nan
    return shares
