"""Several models that answer as one: a network and those beside it.

Their probabilities for a window are multiplied and scaled to add up to 1: the geometric mean, in which a
class that one of them rules out is hardly named. Each has the same say, or as ``beside_share`` parts it. The
members learn apart from each other: a regression fits its few training recordings perfectly, so that nothing
would be left for a network trained on what it leaves over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.dataset.training_data import Clues, TrainingData, WindowScores
from avianvox.errors import ConfigError
from avianvox.features.spec import FeatureSpec
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import (
    EpochReport,
    EstimatorFactory,
    FittedModel,
    Progress,
    SavedFit,
    TrainSettings,
)
from avianvox.models.window_statistics import WindowStatistics
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.history import History
from avianvox.training.origin import Begun
from avianvox.training.run import CHECKPOINTS, MOST_BESIDE

_LEAST = 1e-9  # probability: no member alone decides against a class

Member = NetworkEstimator | WindowStatistics


@dataclass(frozen=True)
class FittedTogether:
    """Fitted models that answer as one; the first is the network, whose window and history stand for all.

    ``shares``: what each has to say; they add up to 1.
    """

    members: tuple[FittedModel, ...]
    shares: tuple[float, ...]
    spec: FeatureSpec

    @property
    def history(self) -> History:
        history: History = self.members[0].history  # type: ignore[attr-defined]
        return history

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        answers = [member.predict(data) for member in self.members]
        logs = sum(
            share * np.log(np.maximum(found.scores, _LEAST))
            for share, found in zip(self.shares, answers, strict=True)
        )
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        scores = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return WindowScores(scores, answers[0].positions, answers[0].pooling)

    def clues(self, data: TrainingData) -> Clues | None:
        """Those of the network."""
        found: Clues | None = self.members[0].clues(data)  # type: ignore[attr-defined]
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of the first member, and those of the others behind their numbers."""
        first, *others = (member.arrays() for member in self.members)
        for number, arrays in enumerate(others, start=1):
            first |= {f"{number}:{name}": values for name, values in arrays.items()}
        return first

    def graph(self) -> Any:
        """Rows of a window to scores: a keras.Model."""
        from avianvox.models.backend import keras

        ops = keras.ops
        features = keras.Input((self.spec.n_frames, self.spec.n_features), name="features")
        graphs = [member.graph() for member in self.members]
        for number, graph in enumerate(graphs):
            graph.name = f"member{number}"  # names of parts have to differ
        logs = [
            share * ops.log(ops.maximum(graph(features), _LEAST))
            for share, graph in zip(self.shares, graphs, strict=True)
        ]
        scores = ops.softmax(sum(logs[1:], start=logs[0]))
        return keras.Model(features, scores, name="features_to_scores")


@dataclass(frozen=True)
class Together:
    """A network and the models that answer beside it, before they have seen any data.

    Attributes
    ----------
    network : NetworkEstimator
    others : tuple of Member
        With the window of the network.
    """

    network: NetworkEstimator
    others: tuple[Member, ...]

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """As `NetworkEstimator.spec_for`."""
        return self.network.spec_for(spec)

    def begun(self, data: TrainingData) -> Begun | None:
        """As `NetworkEstimator.begun`."""
        return self.network.begun(data)

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
        """Fit one after the other; the network gets ``seed``, so that it is the one that it is alone."""
        networks = [member for member in self._members if isinstance(member, NetworkEstimator)]
        total, done, spec = sum(network.settings.epochs for network in networks), 0, self.spec_for(data.spec)
        fitted: list[FittedModel] = []
        for number, member in enumerate(self._members):
            own = seed if number == 0 else hash_name(seed, "beside", number) % 2**31
            if not isinstance(member, NetworkEstimator):
                fitted.append(member.fit(replace(data, spec=spec), seed=own))
                continue
            fitted.append(
                member.fit(
                    data,
                    seed=own,
                    validation=validation,
                    progress=progress and _later(progress, done, total),
                    checkpoint=checkpoint and _numbered(checkpoint, number),
                    watched=watched,
                )
            )
            done += member.settings.epochs
        return FittedTogether(tuple(fitted), self._shares, spec)

    def restore(self, saved: SavedFit) -> FittedTogether:
        """The inverse of `FittedTogether.arrays`."""
        members = [
            member.restore(
                SavedFit(member.spec_for(saved.spec), saved.n_classes, _arrays_of(saved.arrays, number))
            )
            for number, member in enumerate(self._members)
        ]
        return FittedTogether(tuple(members), self._shares, saved.spec)

    @property
    def _shares(self) -> tuple[float, ...]:
        n, share = len(self.others), self.network.settings.beside_share
        if share is None:
            share = n / (n + 1)
        return (1 - share, *(share / n,) * n)

    @property
    def _members(self) -> tuple[Member, ...]:
        return self.network, *self.others


def network_or_together(architecture: str, settings: TrainSettings) -> NetworkEstimator | Together:
    """A network of `NETWORKS`, with what ``settings.beside`` puts beside it.

    Raises
    ------
    ConfigError
        A model that can't stand beside a network is named there.
    """
    alone = replace(settings, beside=())
    network = NetworkEstimator(architecture, alone)
    if not settings.beside:
        return network
    if len(settings.beside) > MOST_BESIDE:
        raise ConfigError(
            f"[train] beside: expected at most {MOST_BESIDE} models, got {len(settings.beside)}"
        )
    anew = replace(alone, from_=None, freeze_until=None, guide=None)  # what begins elsewhere is one network
    return Together(network, tuple(_member(name, anew) for name in settings.beside))


def _member(name: str, settings: TrainSettings) -> Member:
    if name == "logreg_windows":
        return WindowStatistics(settings)
    if name in NETWORKS:
        return NetworkEstimator(name, settings)
    known = ["logreg_windows", *NETWORKS]
    raise ConfigError(
        f"[train] beside: expected models of windows ({', '.join(known)}), got '{name}'{nearest(name, known)}"
    )


def _later(progress: Progress, done: int, total: int) -> Progress:
    def report(epoch: EpochReport) -> None:
        progress(EpochReport(done + epoch.epoch, total, epoch.figures))

    return report


def _numbered(checkpoint: Path, number: int) -> Path:
    return checkpoint.with_name(CHECKPOINTS[number])


def _arrays_of(arrays: Mapping[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    if number == 0:
        return {name: values for name, values in arrays.items() if not name.split(":")[0].isdecimal()}
    begin = f"{number}:"
    return {name.removeprefix(begin): values for name, values in arrays.items() if name.startswith(begin)}


def __getattr__(name: str) -> EstimatorFactory:
    """`network_or_together` of each network of `NETWORKS`, by its name: rows of `avianvox.models.MODELS`."""
    if name in NETWORKS:
        return partial(network_or_together, name)
    raise AttributeError(name)
