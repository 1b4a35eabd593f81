"""From a trained Keras model to one flatbuffer with two ways in.

The file's signatures are ``serving_default`` (``waveform`` to ``scores``) and ``features`` (raw feature rows
to ``scores``); both share one copy of the weights. Only TFLite's own operators are let in. Quantisation
touches the network and leaves the front end in float: a mel product in eight bits is up to 87 dB off.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import InputError
from avianvox.export.flatbuffer import inline_buffers, operators
from avianvox.export.sample_windows import Windows
from avianvox.features.spec import FeatureSpec
from avianvox.files import scratch_folder
from avianvox.models.backend import keras
from avianvox.models.front_end import FrontEnd
from avianvox.registry import nearest

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
"""Weights as trained; half precision; 8-bit weights; 8-bit weights and activations."""

WAVEFORM_SIGNATURE, FEATURES_SIGNATURE = "serving_default", "features"
_OUTSIDE_FRONT_END = r"^(?!.*front_end).*$"  # of the names of an operator's outputs


@dataclass(frozen=True)
class Graph:
    """What is exported, still in Keras: the parts of one file before conversion.

    ``from_waveform``: (batch, spec.window_samples) to probabilities; ``from_features``: (batch,
    spec.n_frames, spec.n_features) to probabilities; ``front_end`` leads from the first input to the second.
    With tasks, both give outputs by name, the probabilities as ``scores``: see `named`.
    """

    spec: FeatureSpec
    front_end: keras.Model
    from_features: keras.Model
    from_waveform: keras.Model


def named(outputs: Any) -> dict[str, Any]:
    """What a model of a `Graph` gives, by name."""
    return dict(outputs) if isinstance(outputs, dict) else {"scores": outputs}


def build_graph(from_features: keras.Model, spec: FeatureSpec) -> Graph:
    """Put the front end before what a fitted model gives as its `graph`.

    Parameters
    ----------
    from_features : keras.Model
        Rows of a window, shape (batch, n_frames, n_features), to scores, shape (batch, n_classes).
    spec : FeatureSpec
    """
    waveform = keras.Input((spec.window_samples,), name="waveform")
    front_end = keras.Model(waveform, FrontEnd(spec, name="front_end")(waveform), name="sound_to_features")
    from_waveform = keras.Model(waveform, from_features(front_end(waveform)), name="sound_to_scores")
    return Graph(spec, front_end, from_features, from_waveform)


def convert(graph: Graph, *, quantize: str = "none", calibration: Windows | None = None) -> bytes:
    """The TFLite flatbuffer of a graph: two signatures, batch 1.

    Parameters
    ----------
    graph : Graph
    quantize : {"none", "float16", "dynamic", "int8"}
        The front end and the final softmax stay in float32 with all of them; ``"int8"`` keeps the last dense
        layer in float32 too, since its few weights decide between close classes.
    calibration : Windows, optional
        Typical windows, needed by ``"int8"``: the ranges of its activations are taken from them.

    Raises
    ------
    InputError
        An unknown quantisation, or ``"int8"`` without calibration or for a network without convolutions.
    """
    if quantize == "int8" and not calibration:
        raise InputError("quantization 'int8' needs training recordings for calibration, found none")
    if quantize not in QUANTIZATIONS:
        raise InputError(
            f"unknown quantization '{quantize}'{nearest(quantize, list(QUANTIZATIONS))} "
            f"(known: {', '.join(QUANTIZATIONS)})"
        )
    import tensorflow as tf

    spec, archive = graph.spec, keras.export.ExportArchive()
    archive.track(graph.from_waveform)
    archive.add_endpoint(
        WAVEFORM_SIGNATURE,
        lambda waveform: named(graph.from_waveform(waveform, training=False)),
        input_signature=[tf.TensorSpec((1, spec.window_samples), tf.float32, name="waveform")],
    )
    archive.add_endpoint(
        FEATURES_SIGNATURE,
        lambda features: named(graph.from_features(features, training=False)),
        input_signature=[tf.TensorSpec((1, spec.n_frames, spec.n_features), tf.float32, name="features")],
    )
    with scratch_folder() as folder, quiet():
        archive.write_out(str(folder), verbose=False)
        flatbuffer = convert_saved_model(folder, (WAVEFORM_SIGNATURE, FEATURES_SIGNATURE))
        return flatbuffer if quantize == "none" else quantized(flatbuffer, quantize, calibration)


def convert_saved_model(folder: Path, signatures: Sequence[str]) -> bytes:
    """The flatbuffer of a saved model, with these signatures and TFLite's own operators alone."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def quantized(flatbuffer: bytes, kind: str, calibration: Windows | None = None) -> bytes:
    """A flatbuffer with quantised weights, see `QUANTIZATIONS`; the front end stays as it is."""
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    names, recipe, ranges = qtyping.TFLOperationName, recipe_manager.RecipeManager(), None
    if kind == "float16":
        weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        half = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        for name in (names.CONV_2D, names.FULLY_CONNECTED):
            recipe.add_quantization_config(_OUTSIDE_FRONT_END, name, half, AlgorithmName.FLOAT_CASTING)
    elif kind == "dynamic":
        for name in (names.CONV_2D, names.FULLY_CONNECTED):
            recipe.add_dynamic_config(_OUTSIDE_FRONT_END, name, num_bits=8)
    else:
        assert calibration is not None
        if "CONV_2D" not in operators(flatbuffer):
            raise InputError(
                "quantization 'int8' needs convolutions and this network has none; use 'dynamic'"
            )
        for name in (names.CONV_2D, names.MAX_POOL_2D):
            recipe.add_static_config(_OUTSIDE_FRONT_END, name, activation_num_bits=8, weight_num_bits=8)
        ranges = _activation_ranges(flatbuffer, recipe, calibration)
    tool = quantizer.Quantizer(bytearray(flatbuffer), recipe.get_quantization_recipe())
    return inline_buffers(bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model))


def _activation_ranges(flatbuffer: bytes, recipe: Any, windows: Windows) -> Any:
    """The widest range of each activation: the quantiser's moving average would clip the loudest windows."""
    from ai_edge_quantizer.calibrator import Calibrator

    def widen(known: dict[str, np.ndarray], seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not known:
            return seen
        return {
            "min": np.minimum(known["min"], seen["min"]),
            "max": np.maximum(known["max"], seen["max"]),
        }

    calibrator = Calibrator(bytearray(flatbuffer), num_threads=1, qsv_update_func=widen)
    samples = {
        WAVEFORM_SIGNATURE: [{"waveform": window[None]} for window in windows.waveforms],
        FEATURES_SIGNATURE: [{"features": window[None]} for window in windows.features],
    }
    calibrator.calibrate(samples, recipe)
    return calibrator.get_model_qsvs()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the tools' progress bars, log lines and remarks about their own debugging modes to themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with silence_decoders(), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def signature_runners(flatbuffer: bytes) -> dict[str, Any]:
    """A LiteRT signature runner for each signature of a flatbuffer, one thread.

    LiteRT announces its delegate on standard error at the first run of each.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
    return {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
