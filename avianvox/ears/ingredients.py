"""What a foreign model is made of before it is a model file: its graph, its classes, whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avianvox.ears.graft import Activation, Graph, Which
from avianvox.types import LabelSet


@dataclass(frozen=True, slots=True, eq=False)
class Ingredients:
    """A graph that hears a waveform, and what is known about it.

    Attributes
    ----------
    name : str
        What the model file is called unless the user chose a name.
    payload : bytes
        The graph as its authors made it: a TFLite flatbuffer, or ONNX.
    sample_rate, n_samples : int
        Of its window.
    labels : LabelSet
        Its classes in the order of ``species``.
    species : int
        Position of the scores among the graph's outputs.
    activation : {"softmax", "sigmoid", "none"}
        What makes scores of the graph's numbers; "none" where they are scores.
    exclusive : bool
        Whether the scores of a window add up to 1: one class of many.
    embedding : str or int or None
        The tensor with a description of the window, by name or index.
    not_animals : tuple of int
        Classes that are no animals.
    source : mapping
        Where it came from: file, release, hashes.
    licences : mapping
        ``model`` is the licence's name, ``model_credit`` who made it.
    extras : mapping
        Further entries of the model file.
    graph : Graph, optional
        Inputs and outputs of a graph in ONNX; None: ``payload`` is of TFLite.
    """

    name: str
    payload: bytes
    sample_rate: int
    n_samples: int
    labels: LabelSet
    species: int
    activation: Activation
    exclusive: bool
    embedding: Which | None = None
    not_animals: tuple[int, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, bytes] = field(default_factory=dict)
    graph: Graph | None = None
