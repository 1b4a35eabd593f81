"""`export_on_ear`: a head and the ear that it listens with, in one model file. Needs no TensorFlow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.ears.graft import Head, describe, halve, splice
from avianvox.errors import ModelFileError
from avianvox.export.card import model_card
from avianvox.files import refuse_same
from avianvox.inference.head_runtime import EAR, EAR_SHA256, pack_head
from avianvox.modelfile import ModelFile, read_model_file, write_model_file
from avianvox.modelfolder import find_model
from avianvox.modelinfo import EMBEDDING, HEAD, SPECIES, ModelInfo, Output
from avianvox.models.probes.combined import POOLING
from avianvox.training.on_ear import EarRun

KIND = "head"


@dataclass(frozen=True)
class EarExport:
    """What was written."""

    path: Path
    size: int
    info: ModelInfo

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "name": self.info.name,
            "quantization": self.info.quantization,
            "ear": self.info.source["ear"],
        }


def export_on_ear(
    run_dir: Path | str,
    out: Path | str,
    *,
    name: str | None = None,
    float16: bool = True,
    licence: str = "",
    head_only: bool = False,
) -> EarExport:
    """Export a run on an ear: sound in, the run's classes out.

    The graph gives scores of the classes and the embedding. A recording is judged by the windows in which the
    head is the most confident. The licence of the ear goes on to the file.

    Parameters
    ----------
    run_dir, out : path-like
    name : str, optional
        The model's name; the stem of ``out`` by default.
    float16 : bool
        Store large weights as float16: half the size, and scores that differ by about 0.001.
    licence : str
        Of the head and the recordings, for the card; beside the ear's.
    head_only : bool
        Write the head without the ear, which is then needed among the models of whoever uses the file.

    Raises
    ------
    RunError
        ``run_dir`` is no finished run on an ear.
    ModelFileError
        The ear is not there, or another one by now.
    OutputError
        ``out`` is the ear itself, or cannot be written.
    """
    run, out = EarRun.open(run_dir), Path(out)
    ear = read_model_file(find_model(run.spec.model))
    refuse_same(out, ear.path, "the ear of the run")
    if ear.hashes["flatbuffer"] != run.spec.sha256:
        raise ModelFileError(
            f"{ear.path} is not the ear of the run in {run.path}; add that model again, or train anew"
        )
    embedding = ear.info.output(EMBEDDING)
    if embedding is None or embedding.index is None:
        raise ModelFileError(f"{ear.path} gives no embedding; export another run")
    if head_only:
        graph = pack_head(run.weight, run.bias)
    else:
        graph = _with_ear(run, ear, embedding.index, float16=float16)
    source = {EAR: ear.info.name, EAR_SHA256: run.spec.sha256} | dict(ear.info.source)
    info = ModelInfo(
        name=name or out.stem,
        kind=KIND,
        spec=ear.info.spec,
        labels=run.labels,
        quantization="float16" if float16 and not head_only else "none",
        provenance={
            "catalogs": [Path(source).name for source in run.config["catalogs"]],
            "n_recordings": run.config["n_recordings"],
            "data_hash": run.config["data_hash"],
            "versions": run.config["versions"],
            "figures": dict(run.figures),
            "train": {"on": ear.info.name, "model": "combined", "seed": run.config["seed"]},
            "note": "The ear has probably heard recordings of xeno-canto in its own training. Figures on "
            "such recordings are too good for species that it knows.",
        },
        licences={
            "model": "; ".join(
                part for part in (str(ear.info.licences.get("model", "not stated")), licence) if part
            ),
            **{k: v for k, v in ear.info.licences.items() if k != "model"},
            "recordings": run.config["licences"],
            "credits": run.config["credits"],
        },
        outputs=(
            Output(SPECIES, len(run.labels), 0, activation="softmax" if head_only else "none"),
            Output(EMBEDDING, embedding.size, 1, exclusive=False),
        ),
        calibration=run.calibration,
        source=source,
        payload=HEAD if head_only else "tflite",
        pooling={"kind": POOLING, "by": SPECIES},
    )
    write_model_file(out, flatbuffer=graph, info=info, card=model_card(info))
    return EarExport(out, out.stat().st_size, info)


def _with_ear(run: EarRun, ear: ModelFile, embedding: int, *, float16: bool) -> bytes:
    """The ear's graph with the head in place of its own classes, behind its output ``embedding``."""
    flatbuffer = bytes(ear.flatbuffer)
    at = describe(flatbuffer).outputs[embedding].index
    graph = splice(flatbuffer, Head(run.weight, run.bias, "softmax"), after=at, outputs={EMBEDDING: at})
    return halve(graph) if float16 else graph
