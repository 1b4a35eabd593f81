"""From the run of a detector to one model file: signatures of built-in operators, compared with Keras."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.detect.card import detector_card
from avianvox.detect.detector import FIRST, KIND, SECOND, LiteRtParts
from avianvox.detect.finding import window_boxes
from avianvox.detect.network import DetectorNetwork
from avianvox.detect.proposals import padded, propose
from avianvox.detect.run import DetectorRun
from avianvox.errors import InputError, ModelFileError, require_extra
from avianvox.export.flatbuffer import operators
from avianvox.export.graph import (
    WAVEFORM_SIGNATURE,
    convert_saved_model,
    quantized,
    quiet,
    signature_runners,
)
from avianvox.export.sample_windows import Windows, recording_windows, synthetic_windows
from avianvox.features.normalise import Normalisation
from avianvox.files import scratch_folder
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.models.backend import keras
from avianvox.models.front_end import CombineAndNormalise, FrontEnd
from avianvox.training.inherited import licences_of
from avianvox.types import LabelSet

MOST_DIFFERENT = {"none": (1e-3, 1e-3), "float16": (5e-3, 0.05)}
"""For each quantisation: of scores, and of offsets in their units, between the file and Keras."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class BoxParity:
    """Largest differences between a file and the network it came from, over windows.

    Attributes
    ----------
    windows : int
    source : str
        What the windows are.
    objectness, offsets, map, scores, region_offsets : float
    waveform : float
        Of the probabilities that anchors have a box, with sound in.
    boxes : int
        Boxes that the file finds in them.
    quantization : str
    """

    windows: int
    source: str
    objectness: float
    offsets: float
    map: float
    scores: float
    region_offsets: float
    waveform: float
    boxes: int
    quantization: str = "none"

    def problems(self) -> list[str]:
        """What lies beyond the tolerance, one line each."""
        scores, offsets = MOST_DIFFERENT[self.quantization]
        limits = {"scores": scores, "waveform": scores, "region_offsets": offsets, "offsets": offsets}
        return [
            f"{name.replace('_', ' ')} differ by {getattr(self, name):.2g}, expected at most {most:g}"
            for name, most in limits.items()
            if not getattr(self, name) <= most
        ]


@dataclass(frozen=True)
class DetectorExport:
    """What was written: the file, its size in bytes, its operators, and how far it is from its network."""

    path: Path
    size: int
    info: ModelInfo
    parity: BoxParity
    operators: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "name": self.info.name,
            "labels": list(self.info.labels.names),
            "parity": dict(self.info.parity),
            "operators": list(self.operators),
        }


def export_detector(
    run_dir: Path | str,
    out: Path | str,
    *,
    name: str | None = None,
    licence: str = "",
    least_score: float | None = None,
    quantize: str = "none",
    recordings: Sequence[Path] = (),
) -> DetectorExport:
    """Export the detector of a run folder as one self-describing file.

    Parameters
    ----------
    run_dir : path-like
    out : path-like
        The file; it appears whole or not at all.
    name : str, optional
        The model's name; the stem of ``out`` by default.
    licence : str
        Of the model, for the card.
    least_score : float in [0, 1], optional
        From which boxes are said where nobody asks for another; 0.5 by default.
    quantize : {"none", "float16"}
        Weights in half precision.
    recordings : sequence of Path
        On windows of these the file is compared with its network; without any, on synthetic sound.

    Raises
    ------
    InputError
        An unknown quantisation.
    RunError
        ``run_dir`` is no finished run of a detector.
    ModelFileError
        The file differs too much from its network.
    OutputError
        ``out`` cannot be written.
    """
    if quantize not in MOST_DIFFERENT:
        known = ", ".join(MOST_DIFFERENT)
        raise InputError(f"unknown quantization '{quantize}' of a detector (known: {known})")
    if quantize != "none":
        require_extra("ai_edge_quantizer", extra="train", purpose=f"quantisation '{quantize}'")
    run, out = DetectorRun.open(run_dir), Path(out)
    plan = run.plan.with_least_score(0.5 if least_score is None else least_score)
    graph = Graph.of(run.network(), run)
    flatbuffer = graph.flatbuffer(quantize)
    windows = recording_windows(recordings, run.spec, seed=_SEED)
    windows = windows or synthetic_windows(run.spec)
    parity = graph.parity(flatbuffer, windows, quantize)
    if parity.problems():
        raise ModelFileError(f"{out} was not written: {'; '.join(parity.problems())}")
    labels = LabelSet(plan.labels)
    provenance = {
        key: run.config[key] for key in ("n_recordings", "boxes", "data_hash", "versions", "detect")
    }
    provenance["detect"] = {**provenance["detect"], "from": Path(provenance["detect"].get("from") or "").name}
    info = ModelInfo(
        name=name or out.stem,
        kind=KIND,
        spec=run.spec,
        labels=labels,
        quantization=quantize,
        provenance=provenance
        | {
            "catalogs": [Path(source).name for source in run.config["catalogs"]],
            "figures": dict(run.figures),
        },
        licences=licences_of(run.config, licence),
        parity=_rounded(asdict(parity)),
        extractor_revision=run.config["extractor_revision"],
        outputs=(Output(SPECIES, len(labels), exclusive=False), Output("boxes", 4)),
        boxes=plan.to_mapping(),
    )
    write_model_file(out, flatbuffer=flatbuffer, info=info, card=detector_card(info))
    return DetectorExport(out, out.stat().st_size, info, parity, operators(flatbuffer))


@dataclass(frozen=True)
class Graph:
    """What is exported, still in Keras: sound or rows of a window in, and map and regions in."""

    sound: Any
    first: Any
    second: Any
    run: DetectorRun

    @classmethod
    def of(cls, network: DetectorNetwork, run: DetectorRun) -> "Graph":
        spec = run.spec
        features = keras.Input((spec.n_frames, spec.n_features), name="features")
        zeros, ones = np.zeros(spec.n_features, np.float32), np.ones(spec.n_features, np.float32)
        scale = Normalisation(zeros, ones)
        combine = CombineAndNormalise(spec, scale.mean, scale.deviation, name="combine")
        first = keras.Model(features, network.first(combine(features)), name="features_to_map")
        waveform = keras.Input((spec.window_samples,), name="waveform")
        heard = first(FrontEnd(spec, name="front_end")(waveform))
        sound = keras.Model(waveform, heard, name="sound_to_map")
        found = keras.Input(network.second.input[0].shape[1:], name="map")
        regions = keras.Input((run.plan.limits.proposals, 4), name="regions")
        named = network.second([found, regions])
        scores = keras.layers.Softmax(name="scores")(named["classes"])
        second = keras.Model(
            [found, regions], {"scores": scores, "offsets": named["offsets"]}, name="regions_to_scores"
        )
        return cls(sound, first, second, run)

    def flatbuffer(self, quantize: str = "none") -> bytes:
        """The TFLite flatbuffer: batch 1, built-in operators alone."""
        import tensorflow as tf

        spec, n = self.run.spec, self.run.plan.limits.proposals
        shape = (1, *self.second.input[0].shape[1:])
        archive = keras.export.ExportArchive()
        for model in (self.sound, self.first, self.second):
            archive.track(model)
        archive.add_endpoint(
            WAVEFORM_SIGNATURE,
            lambda waveform: dict(self.sound(waveform, training=False)),
            input_signature=[tf.TensorSpec((1, spec.window_samples), tf.float32, name="waveform")],
        )
        archive.add_endpoint(
            FIRST,
            lambda features: dict(self.first(features, training=False)),
            input_signature=[tf.TensorSpec((1, spec.n_frames, spec.n_features), tf.float32, name="features")],
        )
        archive.add_endpoint(
            SECOND,
            lambda map, regions: dict(self.second([map, regions], training=False)),
            input_signature=[
                tf.TensorSpec(shape, tf.float32, name="map"),
                tf.TensorSpec((1, n, 4), tf.float32, name="regions"),
            ],
        )
        with scratch_folder() as folder, quiet():
            archive.write_out(str(folder), verbose=False)
            made = convert_saved_model(folder, (WAVEFORM_SIGNATURE, FIRST, SECOND))
            return made if quantize == "none" else quantized(made, quantize)

    def parity(self, flatbuffer: bytes, windows: Windows, quantize: str = "none") -> BoxParity:
        """Run the same windows through Keras and through the file, each stage on what Keras gave it."""
        plan = self.run.plan
        anchors, n = plan.grid.anchors(), plan.limits.proposals
        with silence_decoders():
            parts, hear = LiteRtParts(flatbuffer, n), signature_runners(flatbuffer)[WAVEFORM_SIGNATURE]
            most = dict.fromkeys(
                ("objectness", "offsets", "map", "scores", "region_offsets", "waveform"), 0.0
            )
            n_boxes = 0
            for sound, rows in zip(windows.waveforms, windows.features, strict=True):
                given = {key: np.asarray(value) for key, value in self.first(rows[None]).items()}
                objectness, offsets, found = parts.first(rows)
                heard = hear(waveform=sound[None])["objectness"][0]
                regions = propose(
                    given["objectness"][0], given["offsets"][0], anchors, plan.grid, plan.limits
                )
                named = self.second([given["map"], padded(regions, n)[None]])
                scores, better = parts.second(given["map"], regions)
                for key, one, other in (
                    ("objectness", objectness, given["objectness"][0]),
                    ("offsets", offsets, given["offsets"][0]),
                    ("map", found, given["map"]),
                    ("waveform", _probable(heard), _probable(given["objectness"][0])),
                    ("scores", scores, np.asarray(named["scores"])[0, : len(regions)]),
                    ("region_offsets", better, np.asarray(named["offsets"])[0, : len(regions)]),
                ):
                    most[key] = max(most[key], float(np.abs(one - other).max(initial=0.0)))
                n_boxes += len(window_boxes(rows, parts, plan, anchors)[0])
        return BoxParity(len(windows), windows.source, boxes=n_boxes, quantization=quantize, **most)


def _probable(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in values.items()}
