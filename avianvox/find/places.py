"""Where the recordings of a store lie: a store knows ids, and people open files."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.tables.recordings import Recordings
from avianvox.types import Recording

_PART = re.compile(r"(.*)#(\d+(?:\.\d+)?)-(?:\d+(?:\.\d+)?|end)(?:\+\d+)?")


@dataclass(frozen=True)
class Places:
    """The file of each recording of a store, and the part of it that the recording is.

    Attributes
    ----------
    ids : tuple of str
        Of the recordings, in the order of the store.
    files : tuple of str
        Paths; where the catalog is not given, the ids of the files.
    spans : tuple of (float, float) or None
        Seconds in the file; None for a whole file.
    """

    ids: tuple[str, ...]
    files: tuple[str, ...]
    spans: tuple[tuple[float, float] | None, ...]

    @classmethod
    def of(cls, store: FeatureStore, recordings: Iterable[Recording] = ()) -> "Places":
        """Look the recordings of a store up among those of its catalog, if there are any.

        Raises
        ------
        InputError
            None of the store's recordings is among them.
        """
        known = {recording.id: recording for recording in recordings}
        ids = tuple(store.ids)
        if known and not any(name in known for name in ids):
            raise InputError(
                f"{store.path}: none of the store's recordings is in the catalog; expected the catalog that "
                f"the store was built from, with a recording such as {ids[0] if ids else ''}"
            )
        files, spans = [], []
        for name, length_s in zip(ids, store.index["decoded_s"].tolist(), strict=True):
            there, part = known.get(name), _PART.fullmatch(name)
            if there is not None:
                file, begin_s = os.path.abspath(there.path), there.begin_s
            else:
                file, begin_s = (part[1], float(part[2])) if part else (name, None)
            files.append(file)
            spans.append(None if begin_s is None else (begin_s, begin_s + length_s))
        return cls(ids, tuple(files), tuple(spans))

    def begin_s(self, position: int) -> float:
        """Where a recording begins in its file."""
        span = self.spans[position]
        return span[0] if span else 0.0

    @cached_property
    def _by_file(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for position, file in enumerate(self.files):
            found[file].append(position)
        return found

    @cached_property
    def _by_id(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.ids)}

    @cached_property
    def _recordings(self) -> Recordings:
        return Recordings(self._by_file)

    def find(self, name: str, *, beside: Path) -> list[int]:
        """The recordings that a table calls ``name``: an id, or a file with or without folders and ending.

        ``beside`` is the table, from which a relative path may be meant. No recording where there is none of
        this name, or where several files have it.
        """
        if name in self._by_id:
            return [self._by_id[name]]
        for file in (name, os.path.abspath(beside.parent / name)):
            if file in self._by_file:
                return self._by_file[file]
        for spelled in (name, os.path.splitext(name)[0]):  # an id may be the name without its ending
            found = self._recordings.find(spelled)
            if found is not None:
                return self._by_file[found]
        return []
