"""Generated samples: `train_generator` trains what makes them, `generate` draws them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.catalogs import catalog_of
from avianvox.api.watch import Watch

if TYPE_CHECKING:
    from avianvox.api.catalogs import Recordings
    from avianvox.api.watch import Count
    from avianvox.dataset.catalog import Catalog
    from avianvox.dataset.patches import PatchBank
    from avianvox.features.store import FeatureStore
    from avianvox.generate.run import GeneratorRun


@dataclass(frozen=True)
class TrainedGenerator:
    """What `train_generator` leaves.

    Attributes
    ----------
    run : GeneratorRun
        ``path``, ``figures`` and ``split`` of the run folder.
    catalog : Catalog
    features : FeatureStore
    """

    run: "GeneratorRun"
    catalog: "Catalog"
    features: "FeatureStore"


def train_generator(
    catalog: "Recordings",
    out: "str | os.PathLike[str]",
    *,
    store: "str | os.PathLike[str] | None" = None,
    config: "str | os.PathLike[str] | None" = None,
    resume: bool = False,
    fresh: bool = False,
    watch: Watch | None = None,
    **settings: Any,
) -> TrainedGenerator:
    """Train a conditional GAN on patches of spectrograms.

    Parameters
    ----------
    catalog : Catalog, path-like, or an iterable of paths or recordings
    out : path-like
        The run folder.
    store : path-like, optional
        Feature store; one in ``out`` if left out.
    config : path-like, optional
        TOML file with the table ``[generate]``.
    resume, fresh : bool
        Go on with the run in ``out``, or replace it.
    watch : Watch, optional
    **settings
        What ``[generate]`` may say: the fields of `avianvox.generate.settings.GenerateSettings`, such as
        ``condition``, ``epochs``, ``width`` or ``seed``.

    Returns
    -------
    TrainedGenerator

    Raises
    ------
    CatalogError, ConfigError, InputError, RunError, StoreError
        A class has one recording, settings are unknown, or ``out`` holds another run.
    MissingExtraError
        TensorFlow is not installed.

    Examples
    --------
    >>> import avianvox as av
    >>> trained = av.train_generator("recordings", "generator", epochs=1, steps=1, width=0.1, validation=0)
    >>> trained.run.figures["epochs"], trained.run.figures["n_recordings"]
    (1, 16)
    """
    from avianvox.errors import require_extra
    from avianvox.generate.settings import read_generate_file

    chosen = read_generate_file(None if config is None else Path(config), **settings)
    require_extra("tensorflow", extra="train", purpose="avianvox generate")

    from avianvox.generate.train import refuse_earlier
    from avianvox.generate.train import train_generator as fit

    out, watch = Path(out), watch or Watch()
    refuse_earlier(out, resume=resume or fresh)
    found, features = heard(catalog, store, out, watch)
    with watch.epochs() as epochs:
        run = fit(found, features, chosen, out, resume=resume, fresh=fresh, progress=epochs)
    return TrainedGenerator(run, found, features)


def generate(
    run: "str | os.PathLike[str]",
    out: "str | os.PathLike[str]",
    *,
    per_value: int = 8,
    n_values: int = 8,
    audio: bool = False,
    seed: int = 0,
    fresh: bool = False,
    progress: "Count | None" = None,
) -> "PatchBank":
    """Draw samples of a generator and write them.

    Parameters
    ----------
    run : path-like
        Run folder of `train_generator`.
    out : path-like
        Folder of the samples, which ``[train.generated] patches`` takes.
    per_value : int
        Samples of each class, or of each of ``n_values`` numbers over the range.
    n_values : int
        Of a generator of numbers.
    audio : bool
        Also as sound: WAV files and a catalog of them, whose rows are marked as generated.
    seed : int
    fresh : bool
        Replace the samples in ``out``.
    progress : callable, optional
        Gets what is done of the sound and how much there is.

    Returns
    -------
    PatchBank
        ``patches``, shape (n, n_frames, n_bands), and ``names``, what each was asked for.

    Raises
    ------
    InputError, RunError
        ``run`` is no finished generator, or ``out`` holds something else, or samples.
    MissingExtraError
        TensorFlow is not installed.

    Examples
    --------
    >>> import avianvox as av
    >>> trained = av.train_generator("recordings", "other", epochs=1, steps=1, width=0.1, validation=0)
    >>> samples = av.generate("other", "samples", per_value=1)
    >>> samples.names[:2], samples.patches.shape
    (('Echocincla vagans', 'Fictornis sibilans'), (4, 64, 64))
    """
    from avianvox.errors import require_extra
    from avianvox.generate.run import GeneratorRun

    found = GeneratorRun.open(Path(run))
    require_extra("tensorflow", extra="train", purpose="avianvox generate")

    from avianvox.generate.samples import write_samples

    return write_samples(
        found,
        Path(out),
        per_value=per_value,
        n_values=n_values,
        seed=seed,
        audio=audio,
        fresh=fresh,
        progress=progress,
    )


def heard(
    given: "Recordings", store: "str | os.PathLike[str] | None", out: Path, watch: Watch
) -> "tuple[Catalog, FeatureStore]":
    """A catalog and the store of its features, which is in ``out`` where none is named."""
    from avianvox.features.provide import default_store, provide_store
    from avianvox.features.spec import FeatureSpec

    catalog = catalog_of(given)
    for line in catalog.problem_lines():
        watch.say(line)
    at = None if store is None else Path(store)
    spec = _spec_of(at) or FeatureSpec()
    with watch.counting("features") as report:
        return catalog, provide_store(
            catalog.recordings, spec, at or default_store(out, spec), progress=report
        )


def _spec_of(store: Path | None) -> Any:
    """The spec of a store that is there, which has to be one of log-mel bands."""
    from contextlib import suppress

    from avianvox.errors import StoreError
    from avianvox.features.store import FeatureStore

    found = None
    with suppress(StoreError):
        found = FeatureStore.open(store) if store is not None else None
    return None if found is None else found.log_mel
