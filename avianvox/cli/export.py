"""``avianvox export``: a training run becomes one model file."""

import os
import shlex
from pathlib import Path
from typing import Any

import click

from avianvox.cli.common import echo, echo_text, wrong_usage
from avianvox.cli.targets import MODEL_MARK, Target, Writer

EPILOG = """\b
The model file takes sound or features and gives scores. It uses builtin TFLite operators only, so phones,
browsers and 'avianvox classify' can run it. Before it is written, it is compared with its model on training
recordings, or on synthetic sound if they are missing (with a note). If they differ by more than the
quantisation explains, nothing is written and the exit code is 1.

\b
Quantisation: none (float32, as trained), float16 (half the size), dynamic (8-bit weights: smallest, twice as
fast), int8 (8-bit weights and activations, calibrated on training recordings). Feature extraction stays in
float32.

\b
--web writes a folder of static files: a page that classifies recordings and the sound of a microphone, by the
same file and rules as 'avianvox classify', on phones too, and offline after the first visit. Any web server
can hand it out. The microphone and offline use need https:// or localhost. See docs/browser.md.

\b
Examples:
  avianvox export runs/first --out first.tflite --quantize dynamic
  avianvox export runs/ours --out ours.avianvox --head-only
  avianvox export --web site
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=Target(ours=MODEL_MARK, only_ours="model file", path_type=Path),
    help="Model file to write. Required without --web.",
)
@click.option(
    "--web",
    type=Target(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for a page that classifies in browsers. RUN may be a model by name or file too.  "
    "[default of RUN: the model of classify]",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16", "dynamic", "int8"]),
    help="Quantisation of the network.  [default: none; float16 of a head on an ear]",
)
@click.option(
    "--verify/--no-verify", default=True, help="Comparison of the file with its model.  [default: verify]"
)
@click.option("--name", help="Name of the model.  [default: the file name]")
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    help="File figures.json of 'avianvox crossval', for the model card.",
)
@click.option(
    "--head-only",
    is_flag=True,
    help="Head without its ear: a small file for those who have the ear among their models.",
)
@click.option("--licence", default="", help="Licence of the model, for the model card.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def export(
    run: Path | None,
    out: Path | None,
    web: Path | None,
    quantize: str | None,
    verify: bool,
    name: str | None,
    figures: Path | None,
    head_only: bool,
    licence: str,
    as_json: bool,
) -> None:
    """Export the training run in folder RUN as one model file.

    A head that was trained on an ear (avianvox train --on) leaves with the ear's graph and licence.
    """
    from avianvox.files import scratch_folder

    fits = run is not None and (run.is_dir() or web is None)  # or a model that is there
    if run is None and web is None:
        raise click.UsageError("Missing argument 'RUN'.")
    if out is None and web is None:
        raise click.UsageError("Missing option '--out'.")
    if not fits and (out or quantize or not verify or name or figures or head_only or licence):
        raise click.UsageError("--web of a model takes no other options; they are for the folder of a run")
    if head_only and web is not None:
        raise click.UsageError("--head-only and --web exclude each other: browsers need the ear too")
    report: dict[str, Any] = {}
    lines: list[str] = []
    with scratch_folder() as scratch:
        if run is not None and fits:
            made = out or scratch / f"{name or run.resolve().name}.tflite"
            report, lines = _export(run, made, quantize, verify, name, figures, head_only, licence)
            if out is None:
                report, lines = {}, []
        if web is not None:
            page, told = _write_page(made if fits else run, web)
            report, lines = report | page, lines + told
    if as_json:
        import json

        echo_text(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for line in lines:
        echo(line)


Report = tuple[dict[str, Any], list[str]]
"""What is printed as JSON, and as lines."""


def _write_page(model: Path | None, web: Path) -> Report:
    from avianvox.browser.site import write_site
    from avianvox.modelfolder import default_model, find_model

    site = write_site(find_model(model or default_model()), web)
    python = "python" if os.name == "nt" else "python3"
    folder = f'"{web}"' if os.name == "nt" else shlex.quote(str(web))
    return {"web": site.to_mapping()}, [
        f"{site.path}: page for {site.model}, {site.n_classes} classes, {site.n_bytes} bytes",
        f"to look at it: {python} -m http.server 8000 --bind 127.0.0.1 --directory {folder}",
        "then open http://localhost:8000; phones need a server with https://",
    ]


def _export(
    run: Path,
    out: Path,
    quantize: str | None,
    verify: bool,
    name: str | None,
    figures: Path | None,
    head_only: bool,
    licence: str,
) -> Report:
    from avianvox.api.teach import export as export_model
    from avianvox.api.teach import refuse_for_run
    from avianvox.export.exporter import ExportReport

    with wrong_usage():
        refuse_for_run(run, quantize=quantize, head_only=head_only)
    made = export_model(
        run,
        out,
        quantize=quantize,
        verify=verify,
        name=name,
        figures=figures,
        licence=licence,
        head_only=head_only,
    )
    if not isinstance(made, ExportReport):
        classes = f"{len(made.info.labels)} classes, {made.size} bytes"
        return made.to_mapping(), [
            f"{made.path}: head on {made.info.source['ear']}, {classes}",
            f"licence: {made.info.licences['model']}",
        ]
    for note in made.notes:
        echo(note, err=True)
    for problem in made.parity.problems():
        echo(f"beyond tolerance: {problem}", err=True)
    return made.to_mapping(), [
        f"{made.path}: {made.info.kind}, {len(made.info.labels)} classes, {made.size} bytes",
        *made.parity.lines(),
        f"operators: {', '.join(made.operators)}",
    ]
