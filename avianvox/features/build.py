"""Build a feature store: many files at a time, in catalog order, resumable, and whole or not at all.

Worker processes write each file's rows beside the store; this process alone appends them, in the order of
the catalog, so that the bytes depend neither on the number of workers nor on interruptions. Rows of unchanged
files are copied from the present store or from an earlier, interrupted build.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from avianvox.errors import AvianvoxError, InputError, StoreError
from avianvox.features.jobs import Copy, Extraction, Result, Workers, spool_folder
from avianvox.features.kinds import Spec, spec_from_mapping
from avianvox.features.layout import (
    DATA_PREFIX,
    DTYPES,
    LOCK,
    PARTIAL_PREFIX,
    STORE,
    is_data_folder,
    plan_hash,
    read_description,
    revision_of,
    settings_tag,
)
from avianvox.features.ledger import Entry, file_signature
from avianvox.features.partial import DataFolder, PartialFolder, Shape
from avianvox.features.spec import EXTRACTOR_REVISION
from avianvox.features.store import FeatureStore
from avianvox.features.worker import Task
from avianvox.files import atomic_write, move_into_place, output_error, sync_folder
from avianvox.lock import exclusive_lock
from avianvox.types import Recording
from avianvox.workers import NoWorkers, Workplace, n_cores

_AHEAD = 8  # files each worker may be ahead of the one that is appended next

Progress = Callable[[int, int], None]
"""Called with the number of recordings done and the number of all."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. ``entries`` has one row for each recording, in catalog order."""

    path: Path
    entries: tuple[Entry, ...]
    n_extracted: int  # the others come from an earlier or interrupted build
    n_dropped: int = 0  # recordings of the store before that were not asked for any more
    n_doubted: int = 0  # stood as damaged in a store of an earlier version, and were read again

    @property
    def n_frames(self) -> int:
        return sum(entry.n_frames for entry in self.entries)

    @property
    def failed(self) -> tuple[Entry, ...]:
        """The recordings that did not decode, or only in part."""
        return tuple(entry for entry in self.entries if entry.status.failed)


def build_store(
    recordings: Sequence[Recording],
    spec: Spec,
    out: Path | str,
    *,
    dtype: str = "float32",
    jobs: int | None = None,
    workplace: Workplace | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Make or update the feature store of ``recordings``.

    A build that was killed continues where it stopped. Files whose size and modification time, or else whose
    content, are those of an earlier build are not decoded again. The result has the same bytes in all cases.

    A complete store of an earlier extractor revision is left as it is.

    Parameters
    ----------
    recordings : sequence of Recording
        With unique ids; their order is the store's.
    spec : Spec
    out : path-like
        The store's folder; made when it does not exist.
    dtype : {"float32", "float16"}
    jobs : int, optional
        Worker processes; 1 works in this process; as many as there are cores when left out.
    workplace : Workplace, optional
        In place of ``jobs``, such as a cluster whose workers see ``out`` and the recordings.
    progress : callable, optional
        Called with ``(done, all)`` after each recording.

    Returns
    -------
    BuildReport
        A file that cannot be decoded has an entry with its status and no frames. So has one whose decoding
        kills a worker process; the next build tries it again.

    Raises
    ------
    StoreError
        Another build is running in ``out``, the store there has another spec or dtype or lacks something and
        is of another extractor revision, or no worker process can be started.
    ClusterError
        As `avianvox.workers.open_executor` does.
    OutputError
        The disk is full, or ``out`` is not writable. What was complete stays, and the next call continues.
    """
    if dtype not in DTYPES:
        raise InputError(f"build_store: dtype must be one of {', '.join(DTYPES)}, got '{dtype}'")
    _check_ids(recordings)
    out = Path(out)
    build = _Build(recordings, spec, out, dtype, progress or (lambda done, total: None))
    try:
        out.mkdir(parents=True, exist_ok=True)
        busy = f"another build is running in {out}; wait until it has finished"
        with exclusive_lock(out / LOCK, busy=busy):
            return build.run(workplace or Workplace(jobs or n_cores()))
    except NoWorkers as error:
        raise StoreError(
            f"worker processes of the build in {out} end as they start, killed or out of memory; what was "
            "complete is kept: run the command again, with fewer jobs"
        ) from error
    except AvianvoxError:
        raise
    except OSError as error:
        raise output_error(error, out) from error


class _Build:
    """One run of `build_store`, under its lock."""

    def __init__(
        self, recordings: Sequence[Recording], spec: Spec, out: Path, dtype: str, progress: Progress
    ) -> None:
        self.recordings = recordings
        self.spec = spec
        self.out = out
        self.dtype = dtype
        self.progress = progress
        self.shape = Shape(spec.n_features, dtype)
        self.tag = settings_tag(spec, dtype)
        plan = plan_hash([recording.id for recording in recordings], spec, dtype)
        self.partial_path = out / f"{PARTIAL_PREFIX}{self.tag}{plan}"

    def run(self, workplace: Workplace) -> BuildReport:
        present = self._present()
        n_dropped, doubted = 0, set[str]()
        if present is not None:
            entries = self._folder(self.out / present["data"]).entries
            n_dropped = len({e.id for e in entries} - {r.id for r in self.recordings})
            doubted = {e.id for e in entries if e.doubtful}
            intact, ours = self._intact(present), revision_of(present) == EXTRACTOR_REVISION
            complete = len(entries) == len(self.recordings) and all(entry.lasting for entry in entries)
            certain = not ours or not doubted  # what another revision made can't be mended
            same = present["spec"] == self.spec.to_mapping() or not ours
            if intact and complete and certain and self._current(entries) and same:
                return BuildReport(self.out, tuple(entries), 0)
            if not ours:
                raise StoreError(
                    f"the store in {self.out} holds numbers of extractor revision {revision_of(present)}, "
                    f"this release makes those of revision {EXTRACTOR_REVISION}, and the two are never "
                    "mixed; choose another folder, or delete this store to have it made anew"
                )
            if not intact:
                present = None
        done = self._folder(self.partial_path)
        if not self._current(done.entries) or any(entry.doubtful for entry in done.entries):
            move_into_place(self.partial_path, self.out / f"{PARTIAL_PREFIX}{self.tag}{uuid4().hex}")
            done = self._folder(self.partial_path)
        n_extracted = 0
        self.progress(len(done.entries), len(self.recordings))
        with PartialFolder(self.partial_path, done) as partial:
            try:
                with spool_folder(self.partial_path) as spool, Workers(self._fitting(workplace)) as workers:
                    for result in self._results(len(done.entries), workers, spool):
                        partial.append(result.entry, result.rows, result.sums)
                        n_extracted += result.extracted
                        self.progress(len(partial.entries), len(self.recordings))
            except BaseException:
                with suppress(OSError):
                    partial.save()
                raise
            description = partial.finish(self.spec)
        publish(self.partial_path, self.out, description, replaces=description != present)
        n_doubted = len(doubted & {recording.id for recording in self.recordings})
        return BuildReport(self.out, tuple(partial.entries), n_extracted, n_dropped, n_doubted)

    def _fitting(self, workplace: Workplace) -> Workplace:
        """No more jobs than recordings; a cluster's workers have to see the store's folder and the sound."""
        first = [r.path.absolute() for r in self.recordings if r.path.is_file()][:1]
        jobs = min(workplace.jobs, max(1, len(self.recordings)))
        return replace(workplace, jobs=jobs, shared=((self.out / LOCK).absolute(), *first))

    def _present(self) -> dict[str, Any] | None:
        if not (self.out / STORE).exists():
            return None
        present = read_description(self.out)
        spec = spec_from_mapping(present["spec"])
        if settings_tag(spec, present["dtype"]) != self.tag:
            raise StoreError(
                f"the store in {self.out} holds {present['dtype']} rows of feature spec "
                f"{spec.extraction_fingerprint}, asked for {self.dtype} rows of "
                f"{self.spec.extraction_fingerprint}; choose another folder"
            )
        return present

    def _intact(self, present: dict[str, Any]) -> bool:
        """Whether all files of the present store are there, as long as they have to be."""
        with suppress(StoreError):
            FeatureStore.open(self.out)
            return len(self._folder(self.out / present["data"]).entries) == int(present["n_recordings"])
        return False

    def _folder(self, path: Path) -> DataFolder:
        return DataFolder(path, self.shape)

    def _current(self, entries: Sequence[Entry]) -> bool:
        """Whether ``entries`` describe the first recordings as their files are now."""
        return all(
            entry.describes(recording) for entry, recording in zip(entries, self.recordings, strict=False)
        )

    def _donors(self) -> list[DataFolder]:
        """Data folders whose rows may be taken over: the present store's and those of interrupted builds."""
        paths = [
            path
            for prefix in (DATA_PREFIX, PARTIAL_PREFIX)
            for path in sorted(self.out.glob(f"{prefix}{self.tag}*"))
        ]
        return [self._folder(path) for path in paths if path != self.partial_path]

    def _results(self, first: int, workers: Workers, spool: Path) -> Iterator[Result]:
        """Entry, rows and sums of the recordings from ``first`` on, in catalog order."""
        donors = self._donors()
        waiting: deque[Copy | Extraction] = deque()
        for i in range(first, len(self.recordings)):
            waiting.append(self._start(self.recordings[i], donors, workers, spool / f"{i}.rows"))
            width = workers.width()
            if len(waiting) >= (1 if width == 1 else _AHEAD * width):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _start(
        self, recording: Recording, donors: list[DataFolder], workers: Workers, spool: Path
    ) -> Copy | Extraction:
        signature = file_signature(recording.path)
        known: dict[str, Copy] = {}
        for donor in donors:
            position = donor.position.get(recording.id)
            if position is None or not donor.entries[position].lasting or not donor.is_sound(position):
                continue
            entry = donor.entries[position]
            if entry.span != recording.span or entry.doubtful:
                continue
            if entry.signature == signature:
                return Copy(donor, position, entry)
            if entry.content:
                known[entry.content] = Copy(donor, position, entry)
        path, spool = recording.path.absolute(), spool.absolute()  # a cluster's workers are at home elsewhere
        task = Task(recording.id, path, tuple(known), spool, self.spec, self.dtype, recording.span)
        return Extraction(workers.submit(task), spool, known, self.shape)


def publish(partial: Path, out: Path, description: dict[str, Any], *, replaces: bool = True) -> None:
    """Move a finished folder into its place, name it in ``store.json``, and clear away all others.

    ``description`` is what `PartialFolder.finish` gave; without ``replaces`` it is that of the present store.
    """
    target = out / description["data"]
    if replaces:
        shutil.rmtree(target, ignore_errors=True)  # finished by a build that was killed before naming it
        move_into_place(partial, target)
        sync_folder(out)
        with atomic_write(out / STORE) as stream:
            json.dump(description, stream, indent=2)
            stream.write("\n")
        sync_folder(out)
    for path in out.iterdir():
        if is_data_folder(path.name) and path != target:
            shutil.rmtree(path, ignore_errors=True)


def _check_ids(recordings: Sequence[Recording]) -> None:
    seen: set[str] = set()
    for recording in recordings:
        if recording.id in seen:
            raise InputError(f"build_store: two recordings have the id '{recording.id}'; ids must be unique")
        seen.add(recording.id)
