"""`add_ear`: ingredients become a model file in the user's folder, after a trial run."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from avianvox.ears.card import ear_card
from avianvox.ears.front import fold_front
from avianvox.ears.graft import describe, graft, halve
from avianvox.ears.ingredients import Ingredients
from avianvox.ears.trial import elsewhere, run_trial
from avianvox.errors import InputError, ModelFileError
from avianvox.features.waveform import WaveformSpec
from avianvox.files import atomic_write, output_error, read_regular, scratch_folder
from avianvox.modelfile import MOST_BYTES, read_model_file, verify_model_file, write_model_file
from avianvox.modelfolder import bundled_models, own_path
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output

KIND = "ear"

_ROUNDING = 1e-3
_ALIKE = 0.05
"""Difference of log-odds that a folded front end may make; that of BirdNET makes 0.00002."""


@dataclass(frozen=True, slots=True)
class Added:
    """A model that was added."""

    path: Path
    info: ModelInfo


def add_ear(
    ingredients: Ingredients, *, name: str = "", replace: bool = False, float16: bool = False
) -> Added:
    """Make a model file of a foreign graph and put it, whole, into the user's model folder.

    Before it gets there, another process runs it on silence and on a second of noise.

    Parameters
    ----------
    ingredients : Ingredients
    name : str, optional
        Of the model; by default what the ingredients are called.
    replace : bool
        Take the place of an own model of this name.
    float16 : bool
        Store large weights as float16: a smaller file.

    Raises
    ------
    InputError
        The name is taken.
    ModelFileError
        The graph is damaged, can't be run, or gives other numbers than was said.
    OutputError
        The folder can't be written.
    """
    name = name or ingredients.name
    path = _free_path(name, replace=replace)
    where = ingredients.source.get("file", name)
    payload, info = _finished(ingredients, name, float16=float16, where=where)
    others = dict(ingredients.extras)
    card = ear_card(info)
    with scratch_folder() as scratch:

        def tried(graph: bytes) -> np.ndarray:
            write_model_file(scratch / path.name, flatbuffer=graph, info=info, card=card, others=others)
            return elsewhere(where, run_trial, scratch / path.name)

        scores = tried(payload)
        _check_scores(scores, where)
        if ingredients.graph is None:
            payload = _folded(payload, scores, tried)
    _make_folder(path)
    write_model_file(path, flatbuffer=payload, info=info, card=card, others=others)
    return Added(path, info)


def add_exported(source: Path, *, name: str = "", replace: bool = False) -> Added:
    """Copy a model file of avianvox into the user's model folder, as it is, so that its name is enough.

    Parameters
    ----------
    source : Path
    name : str, optional
        Of the model; by default that of the file.
    replace : bool
        Take the place of an own model of this name.

    Raises
    ------
    InputError
        The name is taken.
    ModelFileError
        The file is damaged.
    OutputError
        The folder can't be written.
    """
    path = _free_path(name or source.stem, replace=replace)
    for problem in verify_model_file(source):
        raise ModelFileError(problem)
    _check_scores(elsewhere(str(source), run_trial, source), str(source))
    content = read_regular(source, most_bytes=MOST_BYTES)
    _make_folder(path)
    with atomic_write(path, "wb") as stream:
        stream.write(content)
    return Added(path, read_model_file(path).info)


def _free_path(name: str, *, replace: bool) -> Path:
    """Where a model of this name comes to lie; raises `InputError` where the name is taken."""
    path = own_path(name)
    if name in bundled_models():
        raise InputError(f"'{name}' is the name of a bundled model; choose another one with --name")
    if path.exists() and not replace:
        raise InputError(
            f"there is a model '{name}' already; name another one with --name, or give --replace"
        )
    return path


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def _finished(ingredients: Ingredients, name: str, *, float16: bool, where: str) -> tuple[bytes, ModelInfo]:
    """The graph with its embedding as an output, and its description."""
    payload, graph, which = ingredients.payload, ingredients.graph, ingredients.embedding
    try:
        if graph is None:
            if which is not None:
                payload = graft(payload, outputs={EMBEDDING: which})
            if float16:
                payload = halve(payload)
            graph = describe(payload)
        elif float16:
            raise ModelFileError("--float16 is for graphs of TFLite; leave it out")
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {error}") from error
    species = Output(
        SPECIES,
        len(ingredients.labels),
        ingredients.species,
        activation=ingredients.activation,
        exclusive=ingredients.exclusive,
    )
    embeddings = [
        Output(EMBEDDING, tensor.n_values, index, exclusive=False)
        for index, tensor in enumerate(graph.outputs)
        if which in (tensor.name, tensor.index)
    ]
    info = ModelInfo(
        name=name,
        kind=KIND,
        spec=WaveformSpec(ingredients.sample_rate, ingredients.n_samples),
        labels=ingredients.labels,
        quantization="float16" if float16 else "none",
        licences=dict(ingredients.licences),
        outputs=(species, *embeddings[:1]),
        not_animals=tuple(ingredients.labels.names[i] for i in ingredients.not_animals),
        source={"graph sha256": sha256(ingredients.payload).hexdigest()} | dict(ingredients.source),
        payload="tflite" if ingredients.graph is None else "onnx",
    )
    return payload, info


def _folded(payload: bytes, scores: np.ndarray, tried: Callable[[bytes], np.ndarray]) -> bytes:
    """The graph with its front end folded; as it was where its form was taken for another than it is."""
    try:
        folded = fold_front(payload)
        if folded == payload or np.abs(_log_odds(tried(folded)) - _log_odds(scores)).max() <= _ALIKE:
            return folded
    except ModelFileError:
        pass
    return payload


def _log_odds(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def _check_scores(scores: np.ndarray, where: str) -> None:
    lowest, highest = float(scores.min()), float(scores.max())
    if lowest < -_ROUNDING or highest > 1 + _ROUNDING:
        raise ModelFileError(
            f"{where}: expected scores from 0 to 1, the graph gives {lowest:.3g} to {highest:.3g}; "
            "name what makes scores of them: --activation sigmoid or softmax"
        )
