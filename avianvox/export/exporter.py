"""The whole way from a run folder to a model file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.dataset.catalog import read_catalogs
from avianvox.errors import AvianvoxError, InputError, ModelFileError, require_extra
from avianvox.export.card import model_card, read_figures
from avianvox.export.flatbuffer import operators
from avianvox.export.graph import build_graph, convert
from avianvox.export.parity import TOLERANCES, Parity, measure_parity
from avianvox.export.sample_windows import Windows, recording_windows, synthetic_windows
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.tasks.asked import tasks_of
from avianvox.training.inherited import licences_of
from avianvox.training.run import Run
from avianvox.types import LabelSet

_CALIBRATION_SEED, _PARITY_SEED = 1, 0  # the file is not compared on the windows that shaped it


@dataclass(frozen=True)
class ExportReport:
    """What was written: the file, its size in bytes, its operators, and how far it is from its model.

    ``notes``: what to know beside it, one line each.
    """

    path: Path
    size: int
    info: ModelInfo
    parity: Parity
    operators: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "name": self.info.name,
            "quantization": self.info.quantization,
            "parity": self.parity.to_mapping(),
            "operators": list(self.operators),
            "notes": list(self.notes),
        }


def export_run(
    run_dir: Path | str,
    out: Path | str,
    *,
    quantize: str = "none",
    verify: bool = True,
    name: str | None = None,
    figures: Path | None = None,
    licence: str = "",
) -> ExportReport:
    """Export the model of a run folder as one self-describing file.

    The file is compared with its model on windows of the run's recordings, or of synthetic sound where
    the recordings are not at hand.

    Parameters
    ----------
    run_dir : path-like
    out : path-like
        The file; it appears whole or not at all.
    quantize : {"none", "float16", "dynamic", "int8"}
    verify : bool
        Write nothing when the file differs from its model by more than `TOLERANCES` allows.
    name : str, optional
        The model's name; the stem of ``out`` by default.
    figures : Path, optional
        ``figures.json`` of a cross-validation of this kind of model, for the card.
    licence : str
        Of the model, for the card; beside those of what it inherited.

    Raises
    ------
    MissingExtraError
        ``quantize`` needs a package that is not installed.
    InputError
        The model answers for whole recordings.
    RunError
        ``run_dir`` is not a finished run, or lacks a file.
    ModelFileError
        The file differs too much from its model.
    InputError
        Unknown quantisation, ``"int8"`` without recordings to calibrate with, or unusable ``figures``.
    OutputError
        ``out`` cannot be written.
    """
    if quantize != "none":
        require_extra("ai_edge_quantizer", extra="train", purpose=f"quantisation '{quantize}'")
    run, out = Run.open(Path(run_dir)), Path(out)
    if not run.spec.in_graph:
        raise InputError(
            f"{run_dir} was not exported: no graph makes its features ({run.spec.to_mapping().get('kind')}); "
            "train on log-mel ones"
        )
    crossvalidation = read_figures(figures, run.architecture) if figures else {}
    try:
        graph = build_graph(run.fitted().graph(), run.spec)
    except InputError as error:
        raise InputError(f"{run_dir} was not exported: {run.architecture}: {error}") from error
    calibration = training_windows(run, seed=_CALIBRATION_SEED) if quantize == "int8" else None
    flatbuffer = convert(graph, quantize=quantize, calibration=calibration)
    windows = training_windows(run, seed=_PARITY_SEED)
    notes = () if windows else (_not_found(run),)
    windows = windows or synthetic_windows(run.spec)
    parity = measure_parity(graph, flatbuffer, windows, tolerance=TOLERANCES[quantize])
    if verify and parity.problems():
        raise ModelFileError(f"{out} was not written: {'; '.join(parity.problems())}")
    provenance = dict(run.provenance) | {"figures": dict(run.figures)} | crossvalidation
    provenance["catalogs"] = [Path(source).name for source in provenance["catalogs"]]
    provenance["train"] = _without_folders(provenance["train"])
    info = ModelInfo(
        name=name or out.stem,
        kind=run.architecture,
        spec=run.spec,
        labels=run.labels if run.settings.species else LabelSet(()),
        quantization=quantize,
        provenance=provenance,
        licences=licences_of(run.config, licence),
        parity=parity.to_mapping(),
        extractor_revision=run.extractor_revision,
        pooling=run.pooling,
        outputs=outputs_of(run),
    )
    write_model_file(out, flatbuffer=flatbuffer, info=info, card=model_card(info))
    return ExportReport(out, out.stat().st_size, info, parity, operators(flatbuffer), notes)


def outputs_of(run: Run) -> tuple[Output, ...]:
    """The outputs of a run with tasks; empty, which stands for the species alone, of one without."""
    tasks = tasks_of(run.settings.tasks)
    if not tasks:
        return ()
    species = Output(SPECIES, len(run.labels) if run.settings.species else 1)
    return species, *(
        Output(
            task.name,
            task.n_outputs,
            exclusive=task.activation == "softmax",
            kind=task.kind,
            classes=task.classes,
            unit=task.unit,
            pooling=task.pooling,
        )
        for task in tasks
    )


def training_windows(run: Run, *, seed: int) -> Windows:
    """Windows of the recordings that a run learned from, as far as its catalogs still lead to them."""
    return recording_windows(recordings_of(run.config, run.split["train"]), run.spec, seed=seed)


def recordings_of(config: Mapping[str, Any], ids: Iterable[str]) -> list[Path]:
    """Files of recordings, as far as the catalogs of a run's configuration still lead to them."""
    learned = set(ids)
    there = [source for source in config["catalogs"] if Path(source).exists()]
    try:
        recordings = read_catalogs(there).recordings if there else ()
    except AvianvoxError:
        recordings = ()
    return [r.path for r in recordings if r.id in learned]


def _not_found(run: Run) -> str:
    return (
        "training recordings not found in "
        f"{', '.join(run.config['catalogs']) or 'its catalogs, which the run does not name'}; "
        "the exported file is compared with its model on synthetic sound"
    )


def _without_folders(value: Any, key: str = "") -> Any:
    """Settings in which names of files stand without their folders: a model file travels."""
    if isinstance(value, dict):
        return {name: _without_folders(own, name) for name, own in value.items()}
    if isinstance(value, list):
        return [_without_folders(own, key) for own in value]
    return Path(value).name if key in ("from", "store", "model") and isinstance(value, str) else value
