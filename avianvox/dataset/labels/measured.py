"""Columns that are measured from sound: numbers about the voice of a recording, from its features.

`MEASURED` names them; `with_measured` writes them into recordings as text, so that they are columns like any
other (`avianvox.dataset.labels.columns`) and stay with a run's catalog.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.features.filters import band_edges_hz, hz_to_mel, mel_to_hz
from avianvox.features.foreground import foreground
from avianvox.features.spec import FeatureSpec
from avianvox.types import Recording

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

LEAST_HZ = 200.0
"""Gusts of wind and touched microphones are strongest below, and hardly a bird calls there."""

_CHUNK_FRAMES = 4096  # looked at together: a long recording is never wholly in memory


def peak_hz(log_mel: np.ndarray, spec: FeatureSpec) -> float | None:
    """Peak frequency of the voice: where the foreground has most power.

    The power of the cells that `foreground` marks is summed in each band from `LEAST_HZ` on. Between the
    strongest band and its neighbours a parabola through the three levels is followed to its top, so that the
    answer is finer than the bands.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB
    spec : FeatureSpec

    Returns
    -------
    float or None
        Hertz; None where nothing stands above the noise.
    """
    power = np.zeros(spec.n_mels)
    for begin in range(0, len(log_mel), _CHUNK_FRAMES):
        rows = np.asarray(log_mel[begin : begin + _CHUNK_FRAMES], np.float32)
        cells = np.where(foreground(rows), 10.0 ** (rows.astype(np.float64) / 10), 0.0)
        power += cells.sum(axis=0)
    edges = band_edges_hz(spec)
    power[edges[1:-1] < LEAST_HZ] = 0.0
    if not power.any():
        return None
    power *= edges[2:] - edges[:-2]  # filters have unit area: a tone is weaker in a wide one
    return float(mel_to_hz(np.interp(_top(power), np.arange(spec.n_mels), hz_to_mel(edges[1:-1]))))


def _top(power: np.ndarray) -> float:
    """Where the highest value lies, in fractions of a band."""
    at = int(power.argmax())
    if not 0 < at < len(power) - 1 or power[at - 1 : at + 2].min() <= 0:
        return float(at)
    before, top, behind = np.log(power[at - 1 : at + 2])
    bend = before - 2 * top + behind
    return at + (0.5 * float((before - behind) / bend) if bend < 0 else 0.0)


MEASURED: dict[str, Callable[[np.ndarray, FeatureSpec], float | None]] = {"peak_hz": peak_hz}
"""Name of a column to what measures it of the mel bands of a whole recording."""


def measured_catalog(catalog: Catalog, store: "FeatureStore", columns: Iterable[str]) -> Catalog:
    """`with_measured` for a catalog."""
    return replace(catalog, recordings=with_measured(catalog.recordings, store, tuple(columns)))


def with_measured(
    recordings: Iterable[Recording], store: "FeatureStore", columns: Sequence[str]
) -> tuple[Recording, ...]:
    """The recordings with the columns among ``columns`` that are measured.

    What a recording has already, and what can't be measured, stays as it is.

    Raises
    ------
    StoreError
        The store holds no log-mel bands.
    """
    asked = [name for name in MEASURED if name in columns]
    if not asked:
        return tuple(recordings)
    spec = store.log_mel
    return tuple(_measured(recording, store, spec, asked) for recording in recordings)


def _measured(
    recording: Recording, store: "FeatureStore", spec: FeatureSpec, asked: Sequence[str]
) -> Recording:
    there = {name for name, text in recording.more if text}
    missing = [name for name in asked if name not in there]
    if not missing or recording.id not in store:
        return recording
    rows = store.features(store.index_of(recording.id))[:, : spec.n_mels]
    found = ((name, MEASURED[name](rows, spec)) for name in missing) if len(rows) else ()
    more = tuple((name, f"{value:.1f}") for name, value in found if value is not None)
    return replace(recording, more=(*recording.more, *more)) if more else recording
