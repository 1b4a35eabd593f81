"""Going on from the weights of an earlier run, of other species or of another task.

Weights go in by the layer's name and shape. Layers that depend on the classes begin anew unless the classes
are the same. Start with `Origin.open`, then `begin_from`. What an origin has heard is known to the network
that begins from it: figures on its recordings say nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import ConfigError, InputError
from avianvox.features.spec import FeatureSpec
from avianvox.files import sha256_file
from avianvox.models.networks import NETWORKS
from avianvox.registry import nearest
from avianvox.training.layers import class_layers, weighted
from avianvox.training.run import WEIGHTS, Run, read_arrays


@dataclass(frozen=True)
class Origin:
    """A run whose weights others begin from.

    Attributes
    ----------
    run : Run
    sha256 : str
        Of its weights.
    """

    run: Run
    sha256: str

    @classmethod
    def open(cls, path: Path | str) -> "Origin":
        """The origin in a run folder.

        Raises
        ------
        InputError
            It is a file, or the run is of no network.
        RunError
            It is no run folder, or not complete.
        """
        path = Path(path)
        if path.is_file():
            raise InputError(
                f"{path}: expected a run folder to begin from, got a file; a model file has no weights by "
                "layer: name the run that it was exported from"
            )
        run = Run.open(path)
        if run.architecture not in NETWORKS:
            raise InputError(
                f"{path}: expected a run of a network to begin from, got one of {run.architecture}; "
                f"networks: {', '.join(NETWORKS)}"
            )
        return cls(run, sha256_file(path / WEIGHTS))

    @property
    def heard(self) -> frozenset[str]:
        """Ids of all recordings that shaped its weights, those of its own origin among them."""
        return frozenset(name for part in ("train", "validation", "before") for name in self.run.split[part])

    def overlap(self, ids: Iterable[str]) -> list[str]:
        """Those of ``ids`` that it has heard."""
        return sorted(self.heard & set(ids))

    def refuse_heard(self, ids: Sequence[str]) -> None:
        """Raise `InputError` where a cross-validation of ``ids`` would be judged on what the origin knows."""
        if found := self.overlap(ids):
            raise InputError(
                f"{self.run.path} has learned from {len(found)} of these {len(ids)} recordings (first: "
                f"{found[0]}), and each is in a test fold once; begin from a run on other recordings"
            )

    def refuse_known(self, species: Sequence[str]) -> None:
        """Raise `InputError` where species that are held out in turn would not be unknown."""
        if found := sorted(set(self.run.labels.names) & set(species)):
            raise InputError(
                f"{self.run.path} has learned {len(found)} of the species held out (first: {found[0]}); "
                "begin from a run on other species, or leave --hold-out-species out"
            )


@dataclass(frozen=True)
class Begun:
    """How a network began: names of layers that were taken, that began anew, and that stay as they are."""

    taken: tuple[str, ...]
    anew: tuple[str, ...]
    frozen: tuple[str, ...]


def begin_from(
    model: Any,
    build: Callable[[int], Any],
    origin: Origin,
    *,
    spec: FeatureSpec,
    classes: Sequence[str],
    until: str | None,
) -> Begun:
    """Give a network the weights of an origin, and keep those up to the layer ``until`` as they are.

    Parameters
    ----------
    model : keras.Model
        Changed in place.
    build : callable
        ``build(n)`` is the same network for ``n`` classes.
    origin : Origin
    spec : FeatureSpec
        What ``model`` sees.
    classes : sequence of str
        Names of the classes of ``model``.
    until : str or None

    Raises
    ------
    InputError
        The origin learned from other features, or none of its layers fits.
    ConfigError
        There is no layer ``until``, it is one that begins anew, or nothing is left to learn.
    """
    if origin.run.spec.extraction_fingerprint != spec.extraction_fingerprint:
        raise InputError(f"{origin.run.path} learned from other features; train with the same [features]")
    if origin.run.spec.combine != spec.combine:
        raise InputError(
            f'{origin.run.path}: expected a run with combine = "{spec.combine}", got one with '
            f'"{origin.run.spec.combine}"; set [train] combine, or begin from another run'
        )
    arrays = read_arrays(origin.run.path / WEIGHTS)
    same = tuple(classes) == origin.run.labels.names
    of_classes = [] if same else class_layers(model, build)
    taken = take_weights([layer for layer in weighted(model) if layer.name not in of_classes], arrays)
    anew = [layer.name for layer in weighted(model) if layer.name not in taken]
    if not taken:
        raise InputError(
            f"{origin.run.path}: no layer of its {origin.run.architecture} fits this network in name and "
            "shape; train the same model with the same window"
        )
    return Begun(tuple(taken), tuple(anew), _freeze(model, until, anew) if until is not None else ())


def take_weights(layers: Iterable[Any], arrays: dict[str, np.ndarray]) -> list[str]:
    """Give layers the weights of an origin where name and shape agree; names of those that took them."""
    taken = [layer for layer in layers if _fits(layer, arrays)]
    for layer in taken:
        for weight in layer.weights:
            weight.assign(arrays[weight.path])
    return [layer.name for layer in taken]


def _fits(layer: Any, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the origin has a layer of this name with the same weights."""
    there = {path: array.shape for path, array in arrays.items() if path.startswith(f"{layer.name}/")}
    return there == {weight.path: tuple(weight.shape) for weight in layer.weights}


def _freeze(model: Any, until: str, anew: Sequence[str]) -> tuple[str, ...]:
    names = [layer.name for layer in weighted(model)]
    if until not in names:
        raise ConfigError(
            f"[train] freeze_until: expected a layer, got '{until}'{nearest(until, names)} "
            f"(layers: {', '.join(names)})"
        )
    frozen = names[: names.index(until) + 1]
    if unlearned := [name for name in frozen if name in anew]:
        raise ConfigError(
            f"[train] freeze_until: up to '{until}' there are layers that begin anew "
            f"({', '.join(unlearned)}); name an earlier one"
        )
    for layer in model.layers[: [layer.name for layer in model.layers].index(until) + 1]:
        layer.trainable = False  # batch normalisation is then in inference mode too
    if not model.trainable_weights:
        raise ConfigError(
            f"[train] freeze_until: after '{until}' nothing is left to learn; name an earlier one"
        )
    return tuple(frozen)
