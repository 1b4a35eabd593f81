"""`add_ear`: ingredients become a model file in the user's folder, after a trial run."""

from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from avianvox.ears.card import ear_card
from avianvox.ears.graft import describe, graft, halve
from avianvox.ears.ingredients import Ingredients
from avianvox.errors import InputError, ModelFileError
from avianvox.features.waveform import WaveformSpec
from avianvox.files import output_error, scratch_folder
from avianvox.modelfile import (
    EMBEDDING,
    SPECIES,
    ModelInfo,
    Output,
    bundled_models,
    read_model_file,
    write_model_file,
)
from avianvox.modelfolder import own_path

KIND = "ear"

_TRIAL_S = 120.0  # that a graph may take for two windows
_ROUNDING = 1e-3


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
    path = own_path(name)
    if name in bundled_models():
        raise InputError(f"'{name}' is the name of a bundled model; choose another one with --name")
    if path.exists() and not replace:
        raise InputError(
            f"there is a model '{name}' already; name another one with --name, or give --replace"
        )
    where = ingredients.source.get("file", name)
    payload, info = _finished(ingredients, name, float16=float16, where=where)
    others = dict(ingredients.extras)
    card = ear_card(info)
    with scratch_folder() as scratch:
        tried = scratch / path.name
        write_model_file(tried, flatbuffer=payload, info=info, card=card, others=others)
        _try(tried, where)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    write_model_file(path, flatbuffer=payload, info=info, card=card, others=others)
    return Added(path, info)


def _finished(ingredients: Ingredients, name: str, *, float16: bool, where: str) -> tuple[bytes, ModelInfo]:
    """The graph with its embedding as an output, and its description."""
    payload, outputs = ingredients.payload, {}
    original = sha256(payload).hexdigest()
    try:
        if ingredients.embedding is not None:
            payload = graft(payload, outputs={EMBEDDING: ingredients.embedding})
            outputs[EMBEDDING] = _position(payload, ingredients.embedding)
        if float16:
            payload = halve(payload)
        graph = describe(payload)
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
        Output(key, graph.outputs[index].n_values, index, exclusive=False) for key, index in outputs.items()
    ]
    info = ModelInfo(
        name=name,
        kind=KIND,
        spec=WaveformSpec(ingredients.sample_rate, ingredients.n_samples),
        labels=ingredients.labels,
        quantization="float16" if float16 else "none",
        licences=dict(ingredients.licences),
        outputs=(species, *embeddings),
        not_animals=tuple(ingredients.labels.names[i] for i in ingredients.not_animals),
        source={"graph sha256": original} | dict(ingredients.source),
    )
    return payload, info


def _position(payload: bytes, which: str | int) -> int:
    """Where a tensor stands among the outputs of a graph."""
    outputs = describe(payload).outputs
    return next(i for i, tensor in enumerate(outputs) if which in (tensor.name, tensor.index))


def _try(path: Path, where: str) -> None:
    """Run a model file in another process, which it may end. Raises `ModelFileError`."""
    from avianvox.workers.processes import Workers

    with Workers(1) as workers:
        try:
            lowest, highest = workers.start(run_trial, path).result(timeout=_TRIAL_S)
        except BrokenExecutor as error:
            raise ModelFileError(
                f"{where}: the graph ends the process that runs it; it is damaged"
            ) from error
        except TimeoutError as error:
            raise ModelFileError(
                f"{where}: the graph takes more than {_TRIAL_S:.0f} s for two windows; is the window right?"
            ) from error
        except ModelFileError as error:
            raise ModelFileError(f"{where}: {error.about(path)}") from error
    if lowest < -_ROUNDING or highest > 1 + _ROUNDING:
        raise ModelFileError(
            f"{where}: expected scores from 0 to 1, the graph gives {lowest:.3g} to {highest:.3g}; "
            "name what makes scores of them: --activation sigmoid or softmax"
        )


def run_trial(path: Path) -> tuple[float, float]:
    """Run a model file on a window of silence and on one that begins with a second of noise.

    Returns
    -------
    tuple of float
        Its lowest and highest score.
    """
    from avianvox.inference.runtime import RUNTIMES

    model = read_model_file(path)
    runtime = RUNTIMES.get("litert")(model)
    spec = model.info.spec
    noise = np.zeros((spec.n_frames, spec.n_features), np.float32)
    n_noisy = min(spec.sample_rate, spec.n_frames)
    noise[:n_noisy] = 0.1 * np.random.default_rng(0).standard_normal((n_noisy, 1), np.float32)
    scores = np.concatenate([runtime.run(rows)[SPECIES] for rows in (np.zeros_like(noise), noise)])
    return float(scores.min()), float(scores.max())
