"""The published data set, or any other catalog, brought into avianvox's own forms.

`import_catalog` writes a plain CSV index and the source's split. Where features were computed already by the
programs of the published experiment, `import_features` puts them into a feature store without touching sound:
for each recording mel power, shape (128, n), and MFCC, shape (20, n), both headless float32, time along the
second axis, made by librosa's defaults at 22,050 Hz. That is the spec ``published_v1``, with one difference:
librosa limits the decibels below MFCC to 80 below the recording's maximum, and so the MFCC of quiet frames
are not those that avianvox extracts. They are kept as they lie, since the published figures rest on them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.sources.plain_csv import write_plain_csv
from avianvox.dataset.splits import source_split
from avianvox.errors import AvianvoxError, CatalogError, OutputError
from avianvox.features.build import publish
from avianvox.features.filters import dct_matrix
from avianvox.features.layout import LOCK, PARTIAL_PREFIX, plan_hash, row_digest, settings_tag
from avianvox.features.ledger import Entry, file_signature
from avianvox.features.partial import DataFolder, PartialFolder, Shape
from avianvox.features.spec import SPECS
from avianvox.features.store import FeatureStore
from avianvox.files import output_error, scratch_folder
from avianvox.lock import exclusive_lock
from avianvox.types import Recording, Status

INDEX, SPLIT, STORE = "recordings.csv", "split.json", "store"
"""What an imported folder holds."""

FEATURES = "features"
"""Where the published data keep their features."""

SPEC = SPECS["published_v1"]
ORIGIN = (
    "https://www.kaggle.com/samhiatt/xenocanto-avian-vocalizations-canv-usa (index and sound), "
    "https://www.kaggle.com/samhiatt/avian-vocalizations-partitioned-data (split), "
    "https://www.kaggle.com/samhiatt/avian-vocalizations-spectrograms-and-mfccs (features)"
)
PUBLISHED_VALUES = {"log-mel": (412_313_856, -7.40798, 3.80885), "MFCC": (64_424_040, -19.00330, 86.45496)}
"""Values, mean and deviation of the whole published set; mel power under the natural logarithm."""

_NAMES = (("melsg_{}.dat", "mfcc_{}.dat"), ("{}_melspectrogram.dat", "{}_mfcc.dat"))
OTHER_MFCC = "the MFCC are not those of the bands"
_MFCC_RANGE_DB = 80.0
_MFCC_TOLERANCE = 0.05
_DTYPE = "float32"


@dataclass(frozen=True, slots=True)
class FeatureImport:
    """What came of the cached features.

    ``entries``: one for each recording, in catalog order; ``values``: number, mean and deviation as in
    `PUBLISHED_VALUES`.
    """

    path: Path
    entries: tuple[Entry, ...]
    values: dict[str, tuple[int, float, float]]

    @property
    def n_other_mfcc(self) -> int:
        """Recordings whose MFCC are not those of their bands."""
        return sum(entry.message == OTHER_MFCC for entry in self.entries)

    @property
    def failed(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.status.failed)


def import_catalog(catalog: Catalog, out: Path) -> None:
    """Write ``recordings.csv`` and, where the source defines a split, ``split.json`` into the folder ``out``.

    The index names the sound files where they lie; nothing is copied.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error
    with scratch_folder() as scratch:
        _write_catalog(catalog, scratch)
        for made in scratch.iterdir():
            there = out / made.name
            if there.exists() and there.read_bytes() != made.read_bytes():
                raise OutputError(f"cannot write {there}: there is another one; name another folder")
    _write_catalog(catalog, out)


def _write_catalog(catalog: Catalog, folder: Path) -> None:
    write_plain_csv(folder / INDEX, catalog.recordings)
    if catalog.split:
        source_split(catalog.recordings, catalog.split).save(folder / SPLIT, catalog.recordings)


def holds_features(folder: Path) -> bool:
    """Whether cached features of the published data lie in ``folder``."""
    return any(any(folder.glob(mel.format("*"))) for mel, _ in _NAMES)


def import_features(
    recordings: Sequence[Recording],
    folder: Path,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureImport:
    """Make a feature store from cached features. One that was killed continues where it stopped.

    Parameters
    ----------
    recordings : sequence of Recording
        With unique ids; their order is the store's.
    folder : Path
        Of ``melsg_<id>.dat`` and ``mfcc_<id>.dat``, or ``<id>_melspectrogram.dat`` and ``<id>_mfcc.dat``.
    out : Path
        The store's folder.
    progress : callable, optional
        Called with ``(done, all)`` after each recording.

    Returns
    -------
    FeatureImport
        A recording without features, or with files of a wrong size, has an entry that says so and no frames;
        a later build decodes its sound, where there is any.

    Raises
    ------
    StoreError
        Another build is running in ``out``.
    """
    tag = settings_tag(SPEC, _DTYPE)
    partial_path = out / f"{PARTIAL_PREFIX}{tag}{plan_hash([r.id for r in recordings], SPEC, _DTYPE)}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        busy = f"another build is running in {out}; wait until it has finished"
        with exclusive_lock(out / LOCK, busy=busy):
            done = DataFolder(partial_path, Shape(SPEC.n_features, _DTYPE))
            with PartialFolder(partial_path, done) as partial:
                for recording in recordings[len(done.entries) :]:
                    entry, rows = _read(recording, folder)
                    wide = rows.astype(np.float64)
                    sums = np.stack([wide.sum(axis=0), np.square(wide).sum(axis=0)])
                    partial.append(entry, [rows.tobytes()], sums)
                    if progress is not None:
                        progress(len(partial.entries), len(recordings))
                description = partial.finish(SPEC)
                entries = tuple(partial.entries)
            publish(partial_path, out, description)
    except AvianvoxError:
        raise
    except OSError as error:
        raise output_error(error, out) from error
    return FeatureImport(out, entries, dict(_values(FeatureStore.open(out))))


def read_features(mel: Path, mfcc: Path) -> np.ndarray:
    """The rows of one recording: log-mel in dB, then MFCC as they lie, shape (n_frames, 148), float32.

    Raises
    ------
    CatalogError
        A size is not that of whole frames, the two disagree, or mel power is negative or not finite.
    """
    power, coefficients = _matrix(mel, SPEC.n_mels), _matrix(mfcc, SPEC.n_mfcc)
    if power.shape[1] != coefficients.shape[1]:
        raise CatalogError(f"{mel} holds {power.shape[1]} frames, {mfcc.name} {coefficients.shape[1]}")
    if not (np.isfinite(power).all() and (power >= 0).all() and np.isfinite(coefficients).all()):
        raise CatalogError(f"{mel}: expected finite mel power of 0 or more, and finite MFCC beside it")
    log_mel = 10.0 * np.log10(np.maximum(power, SPEC.log_floor))
    return np.ascontiguousarray(np.concatenate([log_mel, coefficients]).T, dtype=np.float32)


def _read(recording: Recording, folder: Path) -> tuple[Entry, np.ndarray]:
    nothing = np.zeros((0, SPEC.n_features), np.float32)
    pairs = [(folder / mel.format(recording.id), folder / mfcc.format(recording.id)) for mel, mfcc in _NAMES]
    mel, mfcc = next((pair for pair in pairs if pair[0].is_file()), pairs[0])
    for file in (mel, mfcc):
        if not file.is_file():
            message = f"no features at {file}"
            return Entry(recording.id, Status.MISSING, 0, 0, 0, "", "", message=message), nothing
    try:
        rows = read_features(mel, mfcc)
    except CatalogError as error:
        return Entry(recording.id, Status.UNDECODABLE, 0, 0, 0, "", "", message=str(error)), nothing
    bands = rows[:, : SPEC.n_mels]
    loud = np.maximum(bands, bands.max() - _MFCC_RANGE_DB)
    expected = np.einsum("tb,bk->tk", loud, dct_matrix(SPEC))
    same = np.allclose(expected, rows[:, SPEC.n_mels :], rtol=1e-3, atol=_MFCC_TOLERANCE)
    digest = row_digest()
    digest.update(rows.tobytes())
    content = sha256(mel.read_bytes() + mfcc.read_bytes()).hexdigest()
    signature = file_signature(recording.path)  # of the sound, so that a build takes these rows over
    message = "" if same else OTHER_MFCC
    entry = Entry(
        recording.id, Status.OK, len(rows), *signature, content, digest.hexdigest(), message=message
    )
    return entry, rows


def _matrix(file: Path, n_rows: int) -> np.ndarray:
    size = os.path.getsize(file)
    frame = n_rows * np.dtype(_DTYPE).itemsize
    if size == 0 or size % frame:
        raise CatalogError(
            f"{file}: expected float32 of shape ({n_rows}, n), a multiple of {frame} bytes, got {size} bytes"
        )
    return np.fromfile(file, "<f4").reshape(n_rows, -1)


def _values(store: FeatureStore) -> Iterator[tuple[str, tuple[int, float, float]]]:
    n_frames = int(store.n_frames.sum())
    parts = {"log-mel": (slice(0, SPEC.n_mels), np.log(10) / 10), "MFCC": (slice(SPEC.n_mels, None), 1.0)}
    for name, (columns, scale) in parts.items():
        total, squares = store.sums[:, :, columns].sum(axis=(0, 2))
        n = n_frames * store.sums[0, 0, columns].size
        mean = float(total / n * scale) if n else float("nan")
        deviation = float(np.sqrt(max(squares / n * scale**2 - mean**2, 0.0))) if n else float("nan")
        yield name, (n, mean, deviation)
