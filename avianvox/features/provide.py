"""The store of a catalog's recordings, whatever there is of it already."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from avianvox.errors import StoreError
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.types import Recording


def provide_store(
    recordings: Sequence[Recording],
    spec: FeatureSpec,
    path: Path | str,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """Open the store at ``path``, built or brought up to date.

    A store that holds other recordings besides is left as it is: it was made for more than these.

    Raises
    ------
    StoreError
        As `build_store` does.
    """
    path = Path(path)
    with suppress(StoreError):
        there = FeatureStore.open(path, spec=spec)
        if {r.id for r in recordings} < set(there.ids):
            return there
    path.parent.mkdir(parents=True, exist_ok=True)
    build_store(recordings, spec, path, progress=progress)
    return FeatureStore.open(path)
