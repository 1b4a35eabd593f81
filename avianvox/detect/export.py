"""From the run of a detector to one model file: two signatures of built-in operators, compared with Keras."""

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
from avianvox.errors import ModelFileError
from avianvox.export.exporter import recordings_of
from avianvox.export.flatbuffer import operators
from avianvox.export.graph import convert_saved_model, quiet
from avianvox.export.sample_windows import recording_windows, synthetic_windows
from avianvox.features.normalise import Normalisation
from avianvox.files import scratch_folder
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.models.backend import keras
from avianvox.models.front_end import CombineAndNormalise
from avianvox.training.inherited import licences_of
from avianvox.types import LabelSet

MOST_DIFFERENT = 1e-3
"""Of scores, and of offsets in their units, between the file and Keras."""
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
    boxes : int
        Boxes that both find; it is an error where one finds another number.
    """

    windows: int
    source: str
    objectness: float
    offsets: float
    map: float
    scores: float
    region_offsets: float
    boxes: int

    def problems(self) -> list[str]:
        """What lies beyond the tolerance, one line each."""
        return [
            f"{name.replace('_', ' ')} differ by {getattr(self, name):.2g}, expected at most "
            f"{MOST_DIFFERENT:g}"
            for name in ("scores", "region_offsets", "offsets")
            if not getattr(self, name) <= MOST_DIFFERENT
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

    Raises
    ------
    RunError
        ``run_dir`` is no finished run of a detector.
    ModelFileError
        The file differs too much from its network.
    OutputError
        ``out`` cannot be written.
    """
    run, out = DetectorRun.open(run_dir), Path(out)
    plan = run.plan.with_least_score(0.5 if least_score is None else least_score)
    graph = Graph.of(run.network(), run)
    flatbuffer = graph.flatbuffer()
    windows = recording_windows(recordings_of(run.config, run.learned), run.spec, seed=_SEED)
    windows = windows or synthetic_windows(run.spec)
    parity = graph.parity(flatbuffer, windows.features, windows.source)
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
    """What is exported, still in Keras: rows of a window in, and map and regions in."""

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
        found = keras.Input(network.second.input[0].shape[1:], name="map")
        regions = keras.Input((run.plan.limits.proposals, 4), name="regions")
        named = network.second([found, regions])
        scores = keras.layers.Softmax(name="scores")(named["classes"])
        second = keras.Model(
            [found, regions], {"scores": scores, "offsets": named["offsets"]}, name="regions_to_scores"
        )
        return cls(first, second, run)

    def flatbuffer(self) -> bytes:
        """The TFLite flatbuffer: batch 1, built-in operators alone."""
        import tensorflow as tf

        spec, n = self.run.spec, self.run.plan.limits.proposals
        shape = (1, *self.second.input[0].shape[1:])
        archive = keras.export.ExportArchive()
        archive.track(self.first)
        archive.track(self.second)
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
            return convert_saved_model(folder, (FIRST, SECOND))

    def parity(self, flatbuffer: bytes, windows: np.ndarray, source: str) -> BoxParity:
        """Run the same windows through Keras and through the file, each stage on what Keras gave it."""
        plan = self.run.plan
        anchors, n = plan.grid.anchors(), plan.limits.proposals
        with silence_decoders():
            parts = LiteRtParts(flatbuffer, n)
            most = dict.fromkeys(("objectness", "offsets", "map", "scores", "region_offsets"), 0.0)
            n_boxes = 0
            for rows in windows:
                given = {key: np.asarray(value) for key, value in self.first(rows[None]).items()}
                objectness, offsets, found = parts.first(rows)
                regions = propose(
                    given["objectness"][0], given["offsets"][0], anchors, plan.grid, plan.limits
                )
                named = self.second([given["map"], padded(regions, n)[None]])
                scores, better = parts.second(given["map"], regions)
                for key, one, other in (
                    ("objectness", objectness, given["objectness"][0]),
                    ("offsets", offsets, given["offsets"][0]),
                    ("map", found, given["map"]),
                    ("scores", scores, np.asarray(named["scores"])[0, : len(regions)]),
                    ("region_offsets", better, np.asarray(named["offsets"])[0, : len(regions)]),
                ):
                    most[key] = max(most[key], float(np.abs(one - other).max(initial=0.0)))
                n_boxes += len(window_boxes(rows, parts, plan, anchors)[0])
        return BoxParity(len(windows), source, boxes=n_boxes, **most)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in values.items()}
