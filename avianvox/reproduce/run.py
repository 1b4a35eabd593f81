"""The published experiment in one call, on its own data or on any other catalog.

`reproduce` follows the protocol: three shuffle folds inside the training part choose between the versions of
the CNN; the last of them learns from the whole training part for half as many epochs again and is judged on
the test part, and so is every other kind of model (the perceptron, too, gets half as many epochs again). What
the publication does not show stands beside each figure: the same model on folds that keep sessions together,
a rule that never listens, and the test part divided by whether the session was heard.

OUT holds ``protocol.json`` (what was asked for), ``folds/`` (a cross-validation's run folder), ``final/``
(the training run of the CNN, which "avianvox export" takes), ``test/`` (predictions), and, made from these
alone, ``reproduce.json`` and ``reproduce.md``. A reproduction that was killed continues where it stopped.

Known differences: values are scaled by mean and deviation of each band and not of all values; a short
recording is followed by its padding and does not stand somewhere between two halves of it; a random crop is
one of the recording's windows, drawn by the crop seed.

References
----------
Hiatt, "Species classification of avian vocalizations with 2-D convolutional neural networks", 2020. The MFCC
models are in its author's later notebooks.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.splits import Fold, Split, report_split
from avianvox.dataset.training_data import training_data
from avianvox.documents import Kind, write_json
from avianvox.errors import InputError, RunError
from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
from avianvox.evaluation.fits import FitReport, rule_fit
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.saved_run import SavedRun
from avianvox.files import atomic_write
from avianvox.models import MODELS
from avianvox.models.protocol import Progress, TrainSettings, fit_function
from avianvox.registry import nearest
from avianvox.reproduce.figures import PUBLISHED, RULE, Reproduction, final_figures, fold_figures
from avianvox.runfolder import FolderKind, catalog_hash

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

PADDING = "mean"
N_FOLDS = 3
FINAL_NETWORK = "cnn_v20"
NOT_TESTED = ("cnn_v16", "cnn_v17", "cnn_v18")
"""Versions that lost on the folds; the publication says nothing of them on the test part."""

MODEL_NAMES = tuple(PUBLISHED)
_FOLDER = FolderKind(
    Kind(
        what="reproduction",
        name="avianvox reproduction",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox reproduce",
        outdated="make it again, with another --out",
    ),
    files=("protocol.json",),
    folders=("test",),
    alone=True,
    replaceable=False,
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is run. ``epochs``: of the folds, 100 as published; each final fit has half as many again."""

    models: tuple[str, ...] = MODEL_NAMES
    epochs: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.models or self.epochs < 1:
            raise InputError("reproduce: expected one model or more and one epoch or more")
        for name in self.models:
            if name not in MODEL_NAMES:
                raise InputError(
                    f"the published experiment has no model '{name}'{nearest(name, list(MODEL_NAMES))} "
                    f"(it has: {', '.join(MODEL_NAMES)})"
                )

    @property
    def final_epochs(self) -> int:
        return round(1.5 * self.epochs)


def reproduce(
    catalog: Catalog,
    store: "FeatureStore",
    parts: Split,
    out: Path,
    protocol: Protocol,
    *,
    progress: Callable[[FitReport], None] | None = None,
    epochs: Progress | None = None,
) -> Reproduction:
    """Run the published protocol.

    Parameters
    ----------
    catalog : Catalog
    store : FeatureStore
        Of the catalog's recordings.
    parts : Split
        One fold of positions in ``catalog.recordings``: the training and the test part.
    out : Path
    protocol : Protocol
    progress, epochs : callable, optional
        Called before and after each fit of the folds, and after each epoch of a network.

    Raises
    ------
    CatalogError
        Some recordings are synthetic and some are not.
    RunError
        ``out`` holds something else, or a reproduction of another protocol or of other data.
    """
    refuse_mixture(catalog.recordings)
    train, test, untrained = _sides(catalog, store, parts)
    labels = train.labels
    _prepare(out, protocol, train, test, store)
    settings = TrainSettings(epochs=protocol.epochs, padding=PADDING)
    learned = training_data(train, store, store.log_mel, labels)
    crossvalidate(
        learned,
        train,
        {RULE: rule_fit(RULE, train)}
        | {name: fit_function(MODELS.get(name), settings, epochs) for name in protocol.models},
        out / "folds",
        CrossvalSettings(("published", "session"), N_FOLDS, protocol.seed),
        model_settings={"epochs": protocol.epochs, "padding": PADDING},
        progress=progress,
    )
    tested = {}
    for name in (RULE, *protocol.models):
        if name not in NOT_TESTED:
            file = out / "test" / f"{name}.npz"
            if not file.exists():
                write_predictions(file, predict_test_part(name, train, test, store, out, protocol, epochs))
            tested[name] = read_predictions(file)
    both = (*train.recordings, *test.recordings)
    only = Fold(np.arange(len(train)), np.arange(len(train), len(both)))
    shared = report_split(Split((only,), parts.grouping, parts.seed), both)
    found = Reproduction(
        protocol=asdict(protocol) | {"final_epochs": protocol.final_epochs, "padding": PADDING},
        data={
            "classes": len(labels),
            "split": parts.grouping,
            "training": len(train),
            "test": len(test),
            "untrained": dict(Counter(r.label for r in untrained.recordings)),
        },
        shared_session=shared.shared_session,
        folds=fold_figures(SavedRun.open(out / "folds"), (RULE, *protocol.models)),
        test=final_figures(tested, train.recordings, test.recordings),
    )
    write_json(out / "reproduce.json", found.to_mapping())
    with atomic_write(out / "reproduce.md") as stream:
        stream.write(found.markdown())
    return found


def _sides(catalog: Catalog, store: "FeatureStore", parts: Split) -> tuple[Catalog, Catalog, Catalog]:
    """The training part, the test part, and test recordings of species that training doesn't hold.

    Recordings without features are in none of them.
    """
    if len(parts.folds) != 1:
        raise InputError(f"reproduce: expected a split of one fold, got {len(parts.folds)}")
    usable = set(training_data(catalog, store, store.log_mel, catalog.labels).ids)
    train, tested = (
        catalog.subset(i for i in side.tolist() if catalog.recordings[i].id in usable)
        for side in (parts.folds[0].train, parts.folds[0].test)
    )
    known = [r.label in train.labels.index for r in tested.recordings]
    test, untrained = (
        tested.subset(i for i, is_known in enumerate(known) if is_known == wanted) for wanted in (True, False)
    )
    for name, side in (("training", train), ("test", test)):
        if not len(side):
            raise InputError(f"reproduce: no recording of the {name} part has features and a trained species")
    return train, test, untrained


def predict_test_part(
    name: str,
    train: Catalog,
    test: Catalog,
    store: "FeatureStore",
    out: Path,
    protocol: Protocol,
    epochs: Progress | None = None,
) -> FoldPredictions:
    """Learn from the whole training part and answer for the test part, whose species are all trained.

    The network leaves a training run in ``out / "final"``, which continues after a kill and can be exported.
    """
    learned, judged = (training_data(side, store, store.log_mel, train.labels) for side in (train, test))
    settings = TrainSettings(epochs=protocol.final_epochs, padding=PADDING)
    if name == FINAL_NETWORK:
        from avianvox.training.config import TrainConfig
        from avianvox.training.train import train as train_network

        config = TrainConfig(
            epochs=settings.epochs, padding=PADDING, model=name, seed=protocol.seed, validation=0.0
        )
        run = train_network(train, store, config, out / "final", resume=True, progress=epochs)
        windows = run.fitted().predict(judged)
    elif name == RULE:
        both = Catalog((*train.recordings, *test.recordings))
        windows = rule_fit(name, both)(learned, protocol.seed)(judged)
    else:
        windows = MODELS.get(name)(settings).fit(learned, seed=protocol.seed).predict(judged)
    return FoldPredictions(
        scores=windows.scores.astype(np.float32),
        positions=windows.positions.astype(np.int64),
        targets=judged.targets,
        test_ids=np.array(judged.ids),
        train_ids=np.array(learned.ids),
    )


def _prepare(out: Path, protocol: Protocol, train: Catalog, test: Catalog, store: "FeatureStore") -> None:
    """Refuse a folder that holds something else; more models may be asked for than before."""
    recordings = f"{catalog_hash(train.recordings)} {catalog_hash(test.recordings)}"
    document: Mapping[str, Any] = {
        **_FOLDER.file.head,
        "epochs": protocol.epochs,
        "seed": protocol.seed,
        "features": store.data_hash,
        "recordings": sha256(recordings.encode()).hexdigest(),
    }
    _FOLDER.refuse_foreign(out)
    if _FOLDER.config(out).exists():
        _FOLDER.refuse_other(out, _FOLDER.read(out), document)
    _FOLDER.begin(out, document)
