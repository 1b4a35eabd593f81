"""How far an exported file stands from the model it came from, measured and not assumed.

The reference is Keras on the rows of the plain extractor, which is what the model learned from. Both roads of
the file (sound in, features in) are held against it, and the front end's rows against the extractor's.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import ModelFileError
from avianvox.export.graph import (
    FEATURES_SIGNATURE,
    WAVEFORM_SIGNATURE,
    Graph,
    named,
    signature_runners,
)
from avianvox.export.sample_windows import Windows

AUDIBLE_DB = 60.0
"""Mel values further below the loudest one of their window are left out of the features' comparison: there,
the noise of 32-bit arithmetic is as loud as the sound."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Most that differs: scores, mel values in dB; and the least share of equal first answers."""

    scores: float
    features_db: float = 0.01
    agreement: float = 1.0


TOLERANCES = {
    "none": Tolerance(scores=1e-3),
    "float16": Tolerance(scores=5e-3),
    "dynamic": Tolerance(scores=0.05, agreement=0.95),
    "int8": Tolerance(scores=0.1, agreement=0.9),
}
"""For each quantisation."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences over a set of windows.

    Attributes
    ----------
    windows : int
    source : str
        What the windows are.
    features_db : float
        Largest difference of mel values between the front end in Keras and the extractor, within 60 dB of
        the window's loudest value.
    keras_scores : float
        Largest difference of Keras' scores with sound in and with the extractor's rows in.
    waveform_scores, features_scores : float
        Largest difference between the file's scores and the reference, for each signature.
    mean_scores : float
        Mean over the windows of the larger of both differences.
    agreement : float in [0, 1]
        Share of windows whose best class is the reference's with both signatures; a class that the reference
        scores equal to its best within the tolerance counts as its best.
    tolerance : Tolerance
        That the file was held against.
    """

    windows: int
    source: str
    features_db: float
    keras_scores: float
    waveform_scores: float
    features_scores: float
    mean_scores: float
    agreement: float
    tolerance: Tolerance

    def lines(self) -> list[str]:
        """The figures for a person to read, one line each."""
        return [
            f"compared on {self.source}",
            f"features, Keras against extractor: largest difference {self.features_db:.1e} dB",
            f"scores from sound, against Keras: largest difference {self.waveform_scores:.1e}",
            f"scores from features, against Keras: largest difference {self.features_scores:.1e}",
            f"mean difference of scores: {self.mean_scores:.1e}; same best class: {self.agreement:.1%} of "
            f"windows",
        ]

    def problems(self) -> list[str]:
        """What lies beyond the tolerance, one line each."""
        limit = self.tolerance
        checks = [
            ("front end and extractor differ by", self.features_db, limit.features_db, " dB"),
            ("scores from sound differ by", self.waveform_scores, limit.scores, ""),
            ("scores from features differ by", self.features_scores, limit.scores, ""),
        ]
        lines = [
            f"{what} {value:.2g}{unit}, expected at most {most:g}{unit}"
            for what, value, most, unit in checks
            if not value <= most
        ]
        if not self.agreement >= limit.agreement:
            lines.append(
                f"best classes agree in {self.agreement:.1%} of windows, expected at least "
                f"{limit.agreement:.1%}"
            )
        return lines

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for the model file, rounded to three digits so that they read well."""
        return {
            key: float(f"{value:.3g}") if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def measure_parity(graph: Graph, flatbuffer: bytes, windows: Windows, *, tolerance: Tolerance) -> Parity:
    """Run the same windows through Keras and through both signatures of a file.

    Parameters
    ----------
    graph : Graph
        What ``flatbuffer`` was converted from.
    flatbuffer : bytes
    windows : Windows
        At least one.
    tolerance : Tolerance

    Raises
    ------
    ModelFileError
        When there is no window to compare, or a signature is missing.
    """
    if not windows:
        raise ModelFileError("cannot compare the exported file with its model: no windows of sound")
    runners = signature_runners(flatbuffer)
    if set(runners) != {WAVEFORM_SIGNATURE, FEATURES_SIGNATURE}:
        raise ModelFileError(f"the converted file has the signatures {sorted(runners)}")
    reference, n_scores = _answers(graph.from_features, windows.features)
    from_waveform, _ = _answers(graph.from_waveform, windows.waveforms)
    by_waveform, by_features = runners[WAVEFORM_SIGNATURE], runners[FEATURES_SIGNATURE]
    with silence_decoders():  # LiteRT announces its delegate at the first run
        roads = np.array(
            [
                [_side_by_side(by_waveform(waveform=window[None]))[0][0] for window in windows.waveforms],
                [_side_by_side(by_features(features=window[None]))[0][0] for window in windows.features],
            ]
        )
    scale = np.maximum(np.abs(reference), 1.0)  # numbers of tasks are in units; scores are at most 1
    difference = (np.abs(roads - reference) / scale).max(axis=2)
    scores, roads = reference[:, :n_scores], roads[..., :n_scores]
    chosen = np.take_along_axis(scores[None], roads.argmax(axis=2)[..., None], axis=2)[..., 0]
    equal = (chosen >= scores.max(axis=1) - tolerance.scores).all(axis=0)
    return Parity(
        windows=len(windows),
        source=windows.source,
        features_db=_features_difference(graph, windows),
        keras_scores=float((np.abs(from_waveform - reference) / scale).max()),
        waveform_scores=float(difference[0].max()),
        features_scores=float(difference[1].max()),
        mean_scores=float(difference.max(axis=0).mean()),
        agreement=float(equal.mean()),
        tolerance=tolerance,
    )


def _answers(model: Any, inputs: np.ndarray) -> tuple[np.ndarray, int]:
    """Scores, then what is said to tasks, shape (n, n_numbers); and how many of the numbers are scores."""
    batches = [inputs[i : i + _BATCH] for i in range(0, len(inputs), _BATCH)]
    found = [_side_by_side(named(model(batch, training=False))) for batch in batches]
    return np.concatenate([numbers for numbers, _ in found]), found[0][1]


def _side_by_side(outputs: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    scores, *tasks = (np.asarray(outputs[name]) for name in sorted(outputs, key=lambda n: (n != "scores", n)))
    return np.concatenate([scores, *tasks], axis=1), scores.shape[1]


def _rows(model: Any, inputs: np.ndarray) -> np.ndarray:
    batches = [inputs[i : i + _BATCH] for i in range(0, len(inputs), _BATCH)]
    return np.concatenate([model(batch, training=False).numpy() for batch in batches])


def _features_difference(graph: Graph, windows: Windows) -> float:
    n_mels = graph.spec.n_mels
    mel = windows.features[..., :n_mels]
    difference = np.abs(_rows(graph.front_end, windows.waveforms)[..., :n_mels] - mel)
    audible = mel >= mel.max(axis=(1, 2), keepdims=True) - AUDIBLE_DB
    return float(difference[audible].max())
