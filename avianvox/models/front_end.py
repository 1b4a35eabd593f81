"""The front end as Keras layers: sound becomes features, features become a model's input.

`FrontEnd` is `avianvox.features.extract` written as a graph, without the padding at the ends: a window of
``spec.window_samples`` samples starts ``n_fft // 2`` before the centre of its first frame, so its rows equal
those that the extractor finds in the middle of a recording. `CombineAndNormalise` does what crops do in
training. Both are made of operations that become TFLite's own operators.
"""

from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.features.filters import dct_matrix, hann_window, mel_matrix
from avianvox.features.floor import FLOOR_MARGIN_DB, FLOOR_STEPS, LEAST_DB, MOST_DB, SCALE_DB
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.backend import keras
from avianvox.models.cnn import with_scores

ops = keras.ops

_DB_PER_NEPER = np.float32(10.0 / np.log(10.0))


@keras.saving.register_keras_serializable(package="avianvox")
class FrontEnd(keras.layers.Layer):  # type: ignore[misc]
    """Windows of sound to log-mel power and MFCC.

    Input shape (batch, spec.window_samples), float32, full scale ±1; output shape
    (batch, spec.n_frames, spec.n_features): dB (reference 1.0), then MFCC.

    Parameters
    ----------
    spec : FeatureSpec or mapping
        A mapping is what `get_config` made of one.
    """

    def __init__(self, spec: FeatureSpec | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.spec = spec if isinstance(spec, FeatureSpec) else FeatureSpec.from_mapping(spec)
        self._window = hann_window(self.spec)
        self._mel = mel_matrix(self.spec)
        self._dct = dct_matrix(self.spec)

    def call(self, waveform: Any) -> Any:
        spec = self.spec
        n_overlapping = spec.n_fft // spec.hop_length
        # Frames are neighbouring blocks of one hop, side by side: a gather of indices would fill the file.
        blocks = ops.reshape(waveform, (-1, spec.n_frames + n_overlapping - 1, spec.hop_length))
        frames = ops.concatenate([blocks[:, i : i + spec.n_frames] for i in range(n_overlapping)], axis=-1)
        real, imaginary = ops.rfft(frames * self._window)
        power = ops.matmul(ops.square(real) + ops.square(imaginary), self._mel)
        log_mel = ops.log(ops.maximum(power, np.float32(spec.log_floor))) * _DB_PER_NEPER
        return ops.concatenate([log_mel, ops.matmul(log_mel, self._dct)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.spec.n_frames, self.spec.n_features)

    def get_config(self) -> dict[str, Any]:
        return {**_layer_config(self), "spec": self.spec.to_mapping()}


@keras.saving.register_keras_serializable(package="avianvox")
class CombineAndNormalise(keras.layers.Layer):  # type: ignore[misc]
    """Raw features to a model's input: ``(x - mean) / deviation`` of the values that ``spec.combine`` picks.

    With ``above_floor``: what `avianvox.features.floor.above_floor` makes of the bands.

    Input shape (batch, n_frames, spec.n_features); output shape (batch, n_frames, spec.n_rows, 1).

    Parameters
    ----------
    spec : FeatureSpec or mapping
    mean, deviation : sequence of float, shape (n_features,)
        Of the training recordings' features.

    Raises
    ------
    InputError
        When ``mean`` or ``deviation`` has another shape, or a deviation is not positive.
    """

    def __init__(self, spec: FeatureSpec | dict[str, Any], mean: Any, deviation: Any, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.spec = spec if isinstance(spec, FeatureSpec) else FeatureSpec.from_mapping(spec)
        self.mean = np.asarray(mean, np.float32)
        self.deviation = np.asarray(deviation, np.float32)
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if values.shape != (self.spec.n_features,):
                raise InputError(
                    f"CombineAndNormalise: expected {name} of shape ({self.spec.n_features},), "
                    f"got {values.shape}"
                )
        if not (self.deviation > 0).all():
            raise InputError("CombineAndNormalise: every deviation must be positive")

    def call(self, features: Any) -> Any:
        if self.spec.combine == "above_floor":
            return ops.expand_dims(_above_floor(features[..., : self.spec.n_mels]), -1)
        x = (features - self.mean) / self.deviation
        mel, mfcc = x[..., : self.spec.n_mels], x[..., self.spec.n_mels :]
        if self.spec.combine == "mel":
            x = mel
        elif self.spec.combine == "overwrite":
            x = ops.concatenate([mfcc, mel[..., self.spec.n_mfcc :]], axis=-1)
        return ops.expand_dims(x, -1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:2], self.spec.n_rows, 1)

    def get_config(self) -> dict[str, Any]:
        return {
            **_layer_config(self),
            "spec": self.spec.to_mapping(),
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
        }


def network_graph(
    model: Any, normalisation: Normalisation, spec: FeatureSpec, *, answers: Any = None
) -> keras.Model:
    """A network with combination and normalisation before it: rows of a window to scores.

    Parameters
    ----------
    model : keras.Model
        (batch, n_frames, n_rows, 1) to logits, shape (batch, n_classes).
    normalisation : Normalisation
        Of the training recordings.
    spec : FeatureSpec
    answers : keras.Model, optional
        The same network with probabilities, and other outputs by name; with probabilities alone by default.

    Raises
    ------
    InputError
        When the model takes windows of another shape than the spec gives.
    """
    expected = (None, spec.n_frames, spec.n_rows, 1)
    if model.input_shape != expected:
        raise InputError(
            f"the model expects windows of shape {model.input_shape}, the features have {expected}"
        )
    features = keras.Input((spec.n_frames, spec.n_features), name="features")
    combine = CombineAndNormalise(spec, normalisation.mean, normalisation.deviation, name="combine")
    answers = with_scores(model) if answers is None else answers
    return keras.Model(features, answers(combine(features)), name="features_to_scores")


def _above_floor(x: Any) -> Any:
    floor = ops.mean(x, axis=1, keepdims=True)
    for _ in range(FLOOR_STEPS):
        floor = ops.mean(ops.minimum(x, floor + FLOOR_MARGIN_DB), axis=1, keepdims=True)
    return ops.clip(x - floor, LEAST_DB, MOST_DB) / SCALE_DB


def _layer_config(layer: keras.layers.Layer) -> dict[str, Any]:
    config: dict[str, Any] = keras.layers.Layer.get_config(layer)
    del config["trainable"]  # these layers learn nothing
    return config
