"""Several models that answer as one: a network and those beside it, or several fits of one network.

What stands beside a network is another kind of witness: probabilities for a window are multiplied and scaled
to add up to 1, the geometric mean, in which a class that one of them rules out is hardly named. Each has the
same say, or as ``beside_share`` parts it. Fits of one network (``ensemble``) differ by chance, and their
probabilities are averaged. The members learn apart from each other: a regression fits its few training
recordings perfectly, so that nothing would be left for a network trained on what it leaves over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Union

import numpy as np

from avianvox.config import row_of
from avianvox.dataset.training_data import Clues, TrainingData, WindowScores
from avianvox.errors import ConfigError
from avianvox.features.spec import FeatureSpec
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import (
    EstimatorFactory,
    FittedModel,
    Progress,
    SavedFit,
    TrainSettings,
    later_epochs,
)
from avianvox.models.window_statistics import WindowStatistics
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.training.ensembles import ENSEMBLES, Ensemble
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.history import History
from avianvox.training.origin import Begun
from avianvox.training.run import CHECKPOINTS, MOST_BESIDE

_LEAST = 1e-9  # probability: no member alone decides against a class

Member = Union[NetworkEstimator, WindowStatistics, "Together"]


@dataclass(frozen=True)
class Kind:
    """How members answer as one.

    Attributes
    ----------
    name : str
        Of the members after the first, from which their seeds are made.
    prefix : str
        Of the names of their arrays, before their number.
    by_logs : bool
        Whether the geometric mean of their probabilities answers, in place of the mean.
    """

    name: str
    prefix: str
    by_logs: bool

    def begin(self, number: int) -> str:
        """What names of the arrays of a member begin with; empty for the first."""
        return f"{self.prefix}{number}:" if number else ""

    def owns(self, name: str) -> bool:
        """Whether an array is of a member after the first."""
        begin, colon, _ = name.partition(":")
        return bool(colon) and begin.startswith(self.prefix) and begin[len(self.prefix) :].isdecimal()


BESIDE = Kind("beside", "", by_logs=True)
ENSEMBLE = Kind("ensemble", "fit", by_logs=False)


@dataclass(frozen=True)
class FittedTogether:
    """Fitted models that answer as one; the first is a network, whose window and history stand for all.

    ``shares``: what each has to say; they add up to 1.
    """

    members: tuple[FittedModel, ...]
    shares: tuple[float, ...]
    spec: FeatureSpec
    kind: Kind = BESIDE

    @property
    def history(self) -> History:
        history: History = self.members[0].history  # type: ignore[attr-defined]
        return history

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        answers = [member.predict(data) for member in self.members]
        scores = [found.scores for found in answers]
        return WindowScores(self._joined(scores), answers[0].positions, answers[0].pooling)

    def _joined(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        pairs = list(zip(self.shares, scores, strict=True))
        if not self.kind.by_logs:
            return np.asarray(sum(share * found for share, found in pairs), np.float32)
        logs = sum(share * np.log(np.maximum(found, _LEAST)) for share, found in pairs)
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        product: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return product

    def clues(self, data: TrainingData) -> Clues | None:
        """Those of the network."""
        found: Clues | None = self.members[0].clues(data)  # type: ignore[attr-defined]
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of the first member, and those of the others behind their numbers."""
        return {
            self.kind.begin(number) + name: values
            for number, member in enumerate(self.members)
            for name, values in member.arrays().items()
        }

    def graph(self) -> Any:
        """Rows of a window to scores: a keras.Model."""
        from avianvox.models.backend import keras

        ops = keras.ops
        features = keras.Input((self.spec.n_frames, self.spec.n_features), name="features")
        graphs = [member.graph() for member in self.members]
        for number, graph in enumerate(graphs):
            graph.name = f"{self.kind.prefix or 'member'}{number}"  # names of parts have to differ
        pairs = [(share, graph(features)) for share, graph in zip(self.shares, graphs, strict=True)]
        if self.kind.by_logs:
            logs = [share * ops.log(ops.maximum(found, _LEAST)) for share, found in pairs]
            scores = ops.softmax(sum(logs[1:], start=logs[0]))
        else:
            parts = [share * found for share, found in pairs]
            scores = sum(parts[1:], start=parts[0])
        return keras.Model(features, scores, name="features_to_scores")


@dataclass(frozen=True)
class Together:
    """Models that will answer as one, before they have seen any data.

    Attributes
    ----------
    members : tuple of Member
        With the window of the first, which is a network or several fits of one.
    shares : tuple of float
        What each has to say; they add up to 1.
    kind : Kind
    ensemble : Ensemble, optional
        Which recordings each learns from; all by default.
    """

    members: tuple[Member, ...]
    shares: tuple[float, ...]
    kind: Kind
    ensemble: Ensemble | None = None

    @property
    def n_epochs(self) -> int:
        """Of all its networks, one after the other."""
        return sum(_epochs(member) for member in self.members)

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """As `NetworkEstimator.spec_for`."""
        return self.members[0].spec_for(spec)

    def begun(self, data: TrainingData) -> Begun | None:
        """As `NetworkEstimator.begun`."""
        found: Begun | None = self.members[0].begun(data)  # type: ignore[union-attr]
        return found

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        watched: TrainingData | None = None,
    ) -> FittedTogether:
        """Fit one after the other; the first gets ``seed``, so that it is the one that it is alone."""
        done, place, spec = 0, 0, self.spec_for(data.spec)
        parts = None if self.ensemble is None else self.ensemble.parts(data, seed=seed)
        fitted: list[FittedModel] = []
        for number, member in enumerate(self.members):
            own = seed if number == 0 else hash_name(seed, self.kind.name, number) % 2**31
            learned = data if parts is None else data.part(parts[number])
            if isinstance(member, WindowStatistics):
                fitted.append(member.fit(replace(learned, spec=spec), seed=own))
                place += 1
                continue
            fitted.append(
                member.fit(
                    learned,
                    seed=own,
                    validation=validation,
                    progress=later_epochs(progress, done, self.n_epochs),
                    checkpoint=checkpoint and _numbered(checkpoint, place),
                    watched=watched,
                )
            )
            done, place = done + member.n_epochs, place + _n_fits(member)
        return FittedTogether(tuple(fitted), self.shares, spec, self.kind)

    def restore(self, saved: SavedFit) -> FittedTogether:
        """The inverse of `FittedTogether.arrays`."""
        members = [
            member.restore(
                SavedFit(member.spec_for(saved.spec), saved.n_classes, self._arrays_of(saved.arrays, number))
            )
            for number, member in enumerate(self.members)
        ]
        return FittedTogether(tuple(members), self.shares, saved.spec, self.kind)

    def _arrays_of(self, arrays: Mapping[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
        if number == 0:
            return {name: values for name, values in arrays.items() if not self.kind.owns(name)}
        begin = self.kind.begin(number)
        return {name.removeprefix(begin): values for name, values in arrays.items() if name.startswith(begin)}


def network_or_together(architecture: str, settings: TrainSettings) -> NetworkEstimator | Together:
    """A network of `NETWORKS`, with what ``settings`` put beside it and how often they fit it.

    Raises
    ------
    ConfigError
        A model that can't stand beside a network is named there, or there are too many.
    """
    alone = replace(settings, beside=(), ensemble=None)
    network = _fits(architecture, alone, settings)
    if not settings.beside:
        return network
    if len(settings.beside) > MOST_BESIDE:
        raise ConfigError(
            f"[train] beside: expected at most {MOST_BESIDE} models, got {len(settings.beside)}"
        )
    anew = replace(
        alone, from_=None, freeze_until=None, guide=None, shape=None
    )  # what begins elsewhere is one network
    others = [_member(name, anew, settings) for name in settings.beside]
    n_fits = sum(map(_n_fits, (network, *others)))
    if n_fits > len(CHECKPOINTS):
        raise ConfigError(
            f"[train] ensemble: expected at most {len(CHECKPOINTS)} fits together with those beside, "
            f"got {n_fits}"
        )
    n, share = len(others), settings.beside_share
    if share is None:
        share = n / (n + 1)
    return Together((network, *others), (1 - share, *(share / n,) * n), BESIDE)


def _fits(architecture: str, alone: TrainSettings, settings: TrainSettings) -> NetworkEstimator | Together:
    network = NetworkEstimator(architecture, alone)
    if settings.ensemble is None:
        return network
    ensemble = row_of(ENSEMBLES, settings.ensemble, "train.ensemble")
    if network.n_epochs > alone.epochs:
        raise ConfigError(
            "[train] ensemble: expected no guide that fits networks itself; leave one of both out"
        )
    return Together((network,) * ensemble.n, (1 / ensemble.n,) * ensemble.n, ENSEMBLE, ensemble)


def _member(name: str, alone: TrainSettings, settings: TrainSettings) -> Member:
    if name == "logreg_windows":
        return WindowStatistics(alone)
    if name in NETWORKS:
        return _fits(name, alone, settings)
    known = ["logreg_windows", *NETWORKS]
    raise ConfigError(
        f"[train] beside: expected models of windows ({', '.join(known)}), got '{name}'{nearest(name, known)}"
    )


def _epochs(member: Member) -> int:
    return 0 if isinstance(member, WindowStatistics) else member.n_epochs


def _n_fits(member: Member) -> int:
    return sum(map(_n_fits, member.members)) if isinstance(member, Together) else 1


def _numbered(checkpoint: Path, place: int) -> Path:
    return checkpoint.with_name(CHECKPOINTS[CHECKPOINTS.index(checkpoint.name) + place])


def __getattr__(name: str) -> EstimatorFactory:
    """`network_or_together` of each network of `NETWORKS`, by its name: rows of `avianvox.models.MODELS`."""
    if name in NETWORKS:
        return partial(network_or_together, name)
    raise AttributeError(name)
