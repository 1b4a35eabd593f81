"""What can be given as sound: paths, file objects, arrays, recordings, and lists of them.

Everything becomes a file on the disk, so that all sound goes the same way: what is in memory is written to a
folder that is gone afterwards, as 32-bit samples, which loses nothing.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

from avianvox.audio.find import find_inputs
from avianvox.errors import InputError
from avianvox.types import Detection, Recording, Waveform

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog

Sound: TypeAlias = "str | os.PathLike[str] | BinaryIO | np.ndarray | Waveform | Recording"
"""One sound: a file, folder or pattern; an open file; samples; a recording of a catalog."""

Sounds: TypeAlias = "Sound | Iterable[Sound] | Catalog"

KINDS = "a path, an open file, an array with sample_rate, a Waveform or a Recording"


@dataclass(frozen=True, slots=True)
class SoundFiles:
    """Files to be read.

    Attributes
    ----------
    given : tuple of str
        Files, folders and patterns, as they were given; those that were made stand among them.
    names : mapping of str to str
        What a file that was made is called in the answer.
    """

    given: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """The files themselves, folders searched."""
        return map(str, find_inputs(self.given))

    def named(self, row: Detection) -> Detection:
        """A row as it is to be shown: sound that was in memory lies in no folder."""
        name = self.names.get(row.path)
        if name is None:
            return row
        here = Path(row.path).parent.as_posix()
        return replace(row, path=name, site="" if here.endswith(row.site) else row.site)


@contextmanager
def sound_files(sounds: "Sounds", *, sample_rate: int | None = None) -> Iterator[SoundFiles]:
    """Files that hold ``sounds``, as long as the context lasts.

    Parameters
    ----------
    sounds : path-like, file object, array, Waveform, Recording, Catalog, or an iterable of these
    sample_rate : int, Hz, optional
        Of arrays; ``(array, rate)`` is an array with its own.

    Raises
    ------
    InputError
        Something is no sound, or an array comes without a rate.
    """
    items = _items(sounds)
    if all(isinstance(item, str | os.PathLike) for item in items):
        yield SoundFiles(tuple(os.fspath(item) for item in items))
        return
    with TemporaryDirectory(prefix="avianvox-") as folder:
        given: list[str] = []
        names: dict[str, str] = {}
        for number, item in enumerate(items, start=1):
            if isinstance(item, str | os.PathLike):
                given.append(os.fspath(item))
            elif isinstance(item, Recording):
                given.append(_whole(item))
            else:
                place = Path(folder, str(number))
                place.mkdir()
                path, name = _written(item, place, number, sample_rate)
                given.append(str(path))
                names[str(path)] = name
        yield SoundFiles(tuple(given), names)


def _items(sounds: Any) -> list[Any]:
    """One sound, or several, as a list. A tuple of samples and rate is one."""
    if _is_pair(sounds) or not isinstance(sounds, Iterable) or isinstance(sounds, str | np.ndarray):
        return [sounds]
    return [sounds] if hasattr(sounds, "read") else list(sounds)


def _is_pair(item: object) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], np.ndarray)
        and isinstance(item[1], int | float | np.integer)
    )


def _whole(recording: Recording) -> str:
    if recording.span is not None:
        raise InputError(
            f"{recording.id}: expected a whole file, got a part of {recording.path}; give the file, or the "
            "samples of the part"
        )
    return str(recording.path)


def _written(item: Any, folder: Path, number: int, sample_rate: int | None) -> tuple[Path, str]:
    """The file that was made of a sound in memory, and its name."""
    if hasattr(item, "read"):
        name = getattr(item, "name", None)
        name = name if isinstance(name, str) else f"file {number}"
        path = folder / (os.path.basename(name) or "sound")
        with open(path, "wb") as stream:
            _copy(item, stream, name)
        return path, name
    samples, rate = as_samples(item, sample_rate=sample_rate)
    path = folder / "sound.wav"
    write_samples(samples, rate, path)
    return path, f"array {number}"


def _copy(source: Any, stream: BinaryIO, name: str) -> None:
    try:
        shutil.copyfileobj(source, stream)
    except TypeError:
        raise InputError(
            f"{name}: expected a file that was opened in binary mode, got text; open it with 'rb'"
        ) from None


def as_samples(item: Any, *, sample_rate: int | None = None, kinds: str = KINDS) -> tuple[np.ndarray, int]:
    """Samples, shape (n,) or (n, channels), float32, full scale ±1, and their rate.

    Whole numbers are taken for samples of that many bits. Raises `InputError`, which names the ``kinds`` of
    sound that are taken.
    """
    if isinstance(item, Waveform):
        return item.samples, item.sample_rate
    if _is_pair(item):
        item, sample_rate = item[0], int(item[1])
    if not isinstance(item, np.ndarray):
        raise InputError(f"expected {kinds}, got {type(item).__name__}")
    if sample_rate is None:
        raise InputError("an array of samples needs its rate; give sample_rate, in hertz")
    if sample_rate <= 0:
        raise InputError(f"sample_rate: expected more than 0 Hz, got {sample_rate}")
    if item.ndim not in (1, 2) or not item.size:
        raise InputError(f"expected samples of shape (n,) or (n, channels), got shape {item.shape}")
    if item.ndim == 2 and item.shape[1] > item.shape[0]:
        raise InputError(f"expected samples of shape (n, channels), got shape {item.shape}; turn it with .T")
    if np.issubdtype(item.dtype, np.signedinteger):
        return (item / -float(np.iinfo(item.dtype).min)).astype(np.float32), sample_rate
    if not np.issubdtype(item.dtype, np.floating):
        raise InputError(f"expected samples as floating or signed whole numbers, got {item.dtype}")
    return item.astype(np.float32), sample_rate


def write_samples(samples: np.ndarray, sample_rate: int, path: Path) -> None:
    """A WAV file of 32-bit floating samples, of any size."""
    from avianvox.audio.sndfile import encode_samples

    path.write_bytes(encode_samples(samples, sample_rate, container="RF64", codec="FLOAT"))


def listed(names: "str | Sequence[str] | None") -> str | None:
    """Names of species as an option has them: one text."""
    return names if names is None or isinstance(names, str) else ",".join(names)
