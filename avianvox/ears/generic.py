"""Any graph that hears a waveform, and custom classifiers of BirdNET-Analyzer. Start with `read_foreign`."""

import re
from importlib.util import find_spec
from math import isfinite, prod
from pathlib import Path

from avianvox.ears import birdnet
from avianvox.ears.graft import Activation, Graph, Tensor, Which, describe, find_tensor
from avianvox.ears.ingredients import Ingredients
from avianvox.ears.labels import not_animals, read_labels
from avianvox.ears.onnx_graph import describe_onnx
from avianvox.ears.trial import elsewhere
from avianvox.errors import InputError, MissingExtraError, ModelFileError
from avianvox.files import read_regular
from avianvox.inference.onnx_runtime import INSTALL
from avianvox.modelfile import MOST_BYTES
from avianvox.types import LabelSet

SUFFIXES = (".tflite", ".onnx")
UNSTATED = "not stated"

_ENDS: dict[str, Activation] = {"LOGISTIC": "sigmoid", "SOFTMAX": "softmax"}


def read_foreign(
    path: Path,
    *,
    labels: Path | None = None,
    sample_rate: int | None = None,
    window_s: float | None = None,
    embedding: Which | None = None,
    activation: Activation | None = None,
    licence: str = "",
) -> Ingredients:
    """A model in a file of TFLite or, where onnxruntime is installed, of ONNX.

    What is not said is read from the graph where it tells. A custom classifier of BirdNET-Analyzer holds
    BirdNET's network, so that it needs nothing but its labels, which lie beside it.

    Parameters
    ----------
    path : Path
    labels : Path, optional
        Its classes; by default ``<name>_Labels.txt`` beside it.
    sample_rate : int, optional
        Of the sound that it hears, in Hz.
    window_s : float, optional
        Seconds of sound in a window.
    embedding : str or int, optional
        The tensor that describes a window, by name or index.
    activation : {"softmax", "sigmoid", "none"}, optional
        What makes scores of the graph's numbers.
    licence : str
        Of the model, as its authors state it.

    Raises
    ------
    InputError
        Something is not said that the graph doesn't tell, or contradicts it.
    MissingExtraError
        A package is missing that runs it.
    ModelFileError
        The file is damaged or no graph that hears a waveform.
    """
    try:
        payload = read_regular(path, most_bytes=MOST_BYTES)
    except OSError as error:
        raise ModelFileError(f"cannot read the model {path}: {error.strerror or error}") from error
    is_onnx = path.suffix.lower() == ".onnx"
    if is_onnx:
        _require_onnx(path)
    try:
        graph = elsewhere(str(path), describe_onnx, path) if is_onnx else describe(payload)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error.about(path)}") from error
    try:
        sound = _sound(graph)
        is_birdnet = (
            prod(sound.shape) == birdnet.N_SAMPLES and not is_onnx and _has(payload, birdnet.EMBEDDING)
        )
        if embedding is None and is_birdnet:
            embedding = birdnet.EMBEDDING
        if embedding is not None and is_onnx:
            _find_output(graph, embedding)
        elif embedding is not None:
            find_tensor(payload, embedding)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if is_birdnet and sample_rate is None and window_s is None:
        sample_rate = birdnet.SAMPLE_RATE
    rate = _rate(sound, sample_rate, window_s, path)
    classes, classes_path = _classes(path, labels)
    species = _species(graph, classes, classes_path, path)
    activation, exclusive = _activation(graph.last[species], activation, path, is_birdnet=is_birdnet)
    licences = {"model": licence or UNSTATED}
    if is_birdnet:
        whole = birdnet.LICENCES["model"]
        licences = birdnet.LICENCES | (
            {"model": f"{licence}, and {whole} for BirdNET's network in it"} if licence else {}
        )
    return Ingredients(
        name=re.sub(r"[^A-Za-z0-9._-]+|^[^A-Za-z0-9]+", "-", path.stem).strip("-._")[:80],
        payload=payload,
        sample_rate=rate,
        n_samples=prod(sound.shape),
        labels=classes,
        species=species,
        activation=activation,
        exclusive=exclusive,
        embedding=embedding,
        not_animals=not_animals(classes),
        source={"file": path.name} | ({"built on": "BirdNET"} if is_birdnet else {}),
        licences=licences,
        graph=graph if is_onnx else None,
    )


def _require_onnx(path: Path) -> None:
    if find_spec("onnxruntime") is None:
        raise MissingExtraError(
            f"{path}: a model in ONNX needs the package 'onnxruntime', which is not installed; "
            f"install it with: {INSTALL}, or add the model as .tflite"
        )


def _find_output(graph: Graph, which: Which) -> None:
    if not any(which in (tensor.name, tensor.index) for tensor in graph.outputs):
        raise ModelFileError(
            f"a graph in ONNX describes a window by one of its own outputs, and none is {which!r}: it gives "
            f"{', '.join(map(str, graph.outputs))}"
        )


def _sound(graph: Graph) -> Tensor:
    """The input of a graph that hears a waveform."""
    inputs = ", ".join(map(str, graph.inputs)) or "nothing"
    if len(graph.inputs) != 1 or graph.inputs[0].dtype != "float32":
        raise ModelFileError(f"expected one input, a waveform in float32, the graph takes {inputs}")
    sound = graph.inputs[0]
    if sum(n > 1 for n in sound.shape) > 1:
        raise ModelFileError(f"expected a waveform as input, the graph takes {inputs}; is it a spectrogram?")
    if prod(sound.shape) < 2:
        raise ModelFileError(f"expected an input of a fixed number of samples, the graph takes {inputs}")
    return sound


def _has(payload: bytes, name: str) -> bool:
    try:
        find_tensor(payload, name)
    except ModelFileError:
        return False
    return True


def _rate(sound: Tensor, sample_rate: int | None, window_s: float | None, path: Path) -> int:
    """Hz; raises `InputError` where what was said doesn't fit the graph's input."""
    n_samples = prod(sound.shape)
    if sample_rate is None and window_s is None:
        raise InputError(
            f"{path}: its input has {n_samples:,} samples; say --sample-rate HZ or --window S, or both"
        )
    rate = sample_rate if sample_rate is not None else round(n_samples / window_s) if window_s else 0
    seconds = window_s if window_s is not None else n_samples / max(rate, 1)
    if rate <= 0 or not isfinite(seconds) or round(rate * seconds) != n_samples:
        raise InputError(
            f"{path}: {seconds:g} s at {rate} Hz make {rate * seconds:,.0f} samples, but its input is {sound}"
        )
    return rate


def _classes(path: Path, labels: Path | None) -> tuple[LabelSet, Path]:
    beside = path.with_name(f"{path.stem}_Labels.txt")
    if labels is None and not beside.is_file():
        raise InputError(
            f"{path}: name its classes with --labels FILE, one a line ({beside.name} is not there)"
        )
    return read_labels(labels or beside), labels or beside


def _species(graph: Graph, labels: LabelSet, labels_path: Path, path: Path) -> int:
    """Position of the output with a number for each class, the first of them."""
    for i, tensor in enumerate(graph.outputs):
        if prod(tensor.shape) == len(labels) and tensor.dtype == "float32":
            return i
    raise InputError(
        f"{labels_path} has {len(labels)} classes, which don't fit {path}: it gives "
        f"{', '.join(map(str, graph.outputs)) or 'nothing'}"
    )


def _activation(
    last: str, activation: Activation | None, path: Path, *, is_birdnet: bool
) -> tuple[Activation, bool]:
    """What has to be applied yet, and whether classes exclude each other."""
    done = _ENDS.get(last)
    if done is not None:
        if activation not in (None, "none"):
            raise InputError(
                f"{path}: its graph ends in a {done}, so that its numbers are scores already; leave out "
                f"--activation {activation}"
            )
        return "none", done == "softmax"
    if activation is None:
        if not is_birdnet:
            raise InputError(
                f"{path}: its graph ends in {last or 'its input'}, so that its numbers may be logits; name "
                "what makes scores of them: --activation sigmoid, softmax or none"
            )
        activation = "sigmoid"
    return activation, activation == "softmax"
