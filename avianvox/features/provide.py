"""The store of a catalog's recordings, whatever there is of it already."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from avianvox.errors import StoreError
from avianvox.features.build import build_store
from avianvox.features.kinds import Spec
from avianvox.features.ledger import file_signature, part_content
from avianvox.features.store import FeatureStore
from avianvox.files import output_error, sha256_file
from avianvox.runfolder import STORE
from avianvox.types import Recording
from avianvox.workers import Workplace


def default_store(out: Path, spec: Spec) -> Path:
    """Where the feature store of the run in ``out`` lies if none was named: each extraction has its own."""
    return out / f"{STORE}{spec.extraction_fingerprint}"


def provide_store(
    recordings: Sequence[Recording],
    spec: Spec,
    path: Path | str,
    *,
    workplace: Workplace | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """Open the store at ``path``, built or brought up to date.

    A store that holds other recordings besides is left as it is: it was made for more than these. One is
    built at the ``workplace``, as in `build_store`.

    Raises
    ------
    StoreError
        As `build_store` does; or a store that is left as it is was built from other files than these.
    OutputError
        There can be no folder at ``path``.
    """
    path = Path(path)
    there = None
    with suppress(StoreError):
        there = FeatureStore.open(path, spec=spec)
    if there is not None and {r.id for r in recordings} < set(there.ids):
        _refuse_other_files(there, recordings)
        return there
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    build_store(recordings, spec, path, workplace=workplace, progress=progress)
    return FeatureStore.open(path)


def _refuse_other_files(store: FeatureStore, recordings: Sequence[Recording]) -> None:
    positions = store.indices_of([recording.id for recording in recordings])
    rows = store.index[["size", "mtime_ns"]][positions].tolist()
    file_content = lru_cache(maxsize=1)(sha256_file)  # once for all parts of a file
    for recording, position, signature in zip(recordings, positions.tolist(), rows, strict=True):
        if recording.span is None and file_signature(recording.path) == signature:
            continue
        with suppress(OSError):
            if part_content(file_content(recording.path), recording.span) == store.content_hash(position):
                continue
        raise StoreError(
            f"recording '{recording.id}': the store in {store.path} was built from another file than "
            f"{recording.path} is now; build the store again with all its catalogs (avianvox features build) "
            "or choose another folder for it"
        )
