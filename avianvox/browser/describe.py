"""What the page knows of a model: ``page.json``, with every setting and filter that classifying needs."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from avianvox.audio import decode, headers
from avianvox.errors import ModelFileError
from avianvox.features.extract import LEAST_POWER
from avianvox.features.filters import dct_matrix, hann_window, hz_to_mel, mel_matrix
from avianvox.features.silence import SILENCE_DB, SilenceTest
from avianvox.features.spec import FeatureSpec
from avianvox.features.waveform import SILENCE, WaveformSilence, WaveformSpec
from avianvox.inference import calibration as calibrations
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.inference.classifier import confidence_by, read_calibration
from avianvox.inference.events import EventOptions, event_thresholds
from avianvox.inference.litert import OUTPUT, SIGNATURE
from avianvox.inference.pooling import LEAST, pooling_for
from avianvox.inference.window_stream import hop_frames
from avianvox.modelfile import ModelFile
from avianvox.modelinfo import SPECIES, ModelInfo
from avianvox.pages.clips import ANCHORS, TICKS_HZ
from avianvox.tables.columns import COLUMNS, DECIMALS
from avianvox.types import NO_BIRD

_PICTURE_HZ = 86.0
"""Columns of the spectrogram a second, where the model has no bands of its own."""


def describe_page(model: ModelFile) -> dict[str, Any]:
    """Plain values, ready for JSON.

    Parameters
    ----------
    model : ModelFile

    Raises
    ------
    ModelFileError
        The model can't be run by the page; one line says why.
    """
    info, spec = model.info, model.info.spec
    if info.payload != "tflite":
        raise ModelFileError(
            f"{model.path}: expected a model with a graph of TFLite, got one of '{info.payload}'; the page "
            "for browsers runs TFLite alone"
        )
    if not isinstance(spec, FeatureSpec | WaveformSpec) or not getattr(spec, "in_graph", True):
        raise ModelFileError(f"{model.path}: its features ({type(spec).__name__}) are not made in browsers")
    bands = spec if isinstance(spec, FeatureSpec) else None
    if bands is not None and bands.n_fft & (bands.n_fft - 1):
        raise ModelFileError(
            f"{model.path}: expected an FFT of a power of two, got {bands.n_fft}; browsers make no other"
        )
    confidence_by(info)  # refuses a pooling that is not known
    calibration = read_calibration(model)
    return {
        "name": info.name,
        "labels": list(info.labels.names),
        "common_names": list(info.labels.common_names),
        "sample_rate": spec.sample_rate,
        "hop_length": spec.hop_length,
        "n_frames": spec.n_frames,
        "hop_frames": hop_frames(spec, float(info.pooling.get("overlap_s", 0.0))),
        "window_s": spec.window_s,
        "front": None if bands is None else _front(bands),
        "picture": _picture(bands or _bands_to_look_at(spec.sample_rate)),
        "shared": bands is not None,
        "silence": _silence(spec.silence_test(), bands),
        **_outputs(info),
        "pooling": _pooling(info),
        "may_be_named": _animals(info),
        "calibration": None if calibration is None else _calibration(calibration),
        "rules": {"least_score": calibrations.LEAST_SCORE, "least_odds": calibrations.LEAST_ODDS},
        "events": _events(info, calibration),
        "meter": {
            "silent_range": decode.SILENT_RANGE,
            "narrow": decode.NARROW,
            "full_scale": decode.FULL_SCALE,
            "clipped_share": decode.CLIPPED_SHARE,
            "tolerance_s": decode.TOLERANCE_S,
            "absurd": decode.ABSURD,
            "rates_hz": headers.LIKELY_HZ,
        },
        "columns": [[name, DECIMALS.get(name)] for name in COLUMNS],
        "palette": ANCHORS.split(),
    }


def _front(spec: FeatureSpec) -> dict[str, Any]:
    """What makes mel bands and MFCC of sound; of the mel filters the bins that each band hears."""
    matrix = mel_matrix(spec)
    heard = [np.flatnonzero(matrix[:, band]) for band in range(spec.n_mels)]
    first = [int(bins[0]) if len(bins) else 0 for bins in heard]
    count = [int(bins[-1]) - int(bins[0]) + 1 if len(bins) else 0 for bins in heard]
    weights = [matrix[a : a + n, band] for band, (a, n) in enumerate(zip(first, count, strict=True))]
    return {
        "sample_rate": spec.sample_rate,
        "n_fft": spec.n_fft,
        "hop_length": spec.hop_length,
        "n_mels": spec.n_mels,
        "n_mfcc": spec.n_mfcc,
        "floor_db": float(10.0 * np.log10(spec.log_floor)),
        "least_power": float(LEAST_POWER),
        "window": _packed(hann_window(spec)),
        "dct": _packed(dct_matrix(spec)),
        "first": first,
        "count": count,
        "weights": _packed(np.concatenate(weights)),
    }


def _picture(spec: FeatureSpec) -> dict[str, Any]:
    """The same, and where frequencies stand in a spectrogram: 0 at its lower edge, 1 at its upper one."""
    low, high = hz_to_mel(spec.fmin_hz), hz_to_mel(spec.fmax_hz)
    ticks = [
        [f"{hz / 1000:g} kHz", float((hz_to_mel(hz) - low) / (high - low))]
        for hz in TICKS_HZ
        if spec.fmin_hz < hz < spec.fmax_hz
    ]
    return _front(spec) | {"ticks": ticks}


def _packed(values: np.ndarray) -> str:
    """Float32, little-endian, as text."""
    return b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _bands_to_look_at(sample_rate: int) -> FeatureSpec:
    """The spectrogram of a model that hears sound itself."""
    hop = 1 << max(4, round(np.log2(sample_rate / _PICTURE_HZ)))
    return FeatureSpec(
        sample_rate=sample_rate, n_fft=2 * hop, hop_length=hop, fmax_hz=sample_rate / 2, n_mels=96
    )


def _silence(test: Callable[[np.ndarray], bool], bands: FeatureSpec | None) -> dict[str, Any]:
    if isinstance(test, SilenceTest) and bands is not None:
        levels = {"n_bands": bands.n_mels, "n_lowest": test.n_lowest, "level_db": SILENCE_DB}
        return {"kind": "bands", "edge": test.edge, **levels}
    assert isinstance(test, WaveformSilence)
    return {"kind": "sound", "edge": test.edge, "block": test.block, "level": SILENCE}


def _outputs(info: ModelInfo) -> dict[str, Any]:
    """The signature to run, its outputs in the model's order, and which of them are the species."""
    by_signature = info.outputs[0].index is None
    names = [output.name for output in info.outputs]
    return {
        "signature": SIGNATURE if by_signature else None,
        "outputs": [
            {
                "key": OUTPUT if output.name == SPECIES else output.name,
                "index": output.index,
                "activation": output.activation,
            }
            for output in info.outputs
        ],
        "species": names.index(SPECIES),
    }


def _pooling(info: ModelInfo) -> dict[str, Any]:
    by = info.pooling.get("by")
    return {
        "kind": info.pooling.get("kind") or pooling_for(exclusive=info.exclusive),
        "by": [output.name for output in info.outputs].index(by) if by else None,
        "but": list(info.pooling.get("but", [])),
        "least": LEAST,
    }


def _animals(info: ModelInfo) -> list[int] | None:
    """Positions of the classes that may be named; None for all."""
    others = set(info.not_animals)
    return [i for i, name in enumerate(info.labels.names) if name not in others] if others else None


def _calibration(calibration: Calibration) -> dict[str, Any]:
    return {"window": _level(calibration.window), "recording": _level(calibration.recording)}


def _level(level: LevelCalibration) -> dict[str, Any]:
    thresholds = _finite(np.array(level.thresholds))
    return {**asdict(level.scaling), "thresholds": thresholds, "unknown": level.unknown}


def _events(info: ModelInfo, calibration: Calibration | None) -> dict[str, Any]:
    """How windows become events where nothing else is asked for."""
    labels = info.labels
    enter = event_thresholds(labels, calibration)
    leave = (enter * EventOptions().leave).astype(np.float32)
    no_bird = labels.index.get(NO_BIRD)
    animals = _animals(info)
    calling = sorted(set(range(len(labels)) if animals is None else animals) - {no_bird})
    return {
        "enter": _finite(enter),
        "leave": _finite(leave),
        "calling": calling,
        "competing": calling if no_bird is None else [*calling, no_bird],
        "no_bird": no_bird,
        "multi_label": not info.exclusive,
    }


def _finite(values: np.ndarray) -> list[float | None]:
    """None where no score suffices."""
    return [float(value) if np.isfinite(value) else None for value in values]
