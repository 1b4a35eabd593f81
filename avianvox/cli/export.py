"""``avianvox export``: a training run becomes one model file."""

from pathlib import Path

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
Examples:
  avianvox export runs/first --out first.tflite --quantize dynamic
  avianvox export runs/ours --out ours.avianvox --head-only
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=Target(ours=MODEL_MARK, only_ours="model file", path_type=Path),
    required=True,
    help="Model file to write.",
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
    run: Path,
    out: Path,
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
    import json

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
    if isinstance(made, ExportReport):
        for note in made.notes:
            echo(note, err=True)
        for problem in made.parity.problems():
            echo(f"beyond tolerance: {problem}", err=True)
    if as_json:
        echo_text(json.dumps(made.to_mapping(), indent=2, ensure_ascii=False))
        return
    if isinstance(made, ExportReport):
        echo(f"{made.path}: {made.info.kind}, {len(made.info.labels)} classes, {made.size} bytes")
        for line in made.parity.lines():
            echo(line)
        click.echo(f"operators: {', '.join(made.operators)}")
        return
    echo(
        f"{made.path}: head on {made.info.source['ear']}, {len(made.info.labels)} classes, {made.size} bytes"
    )
    echo(f"licence: {made.info.licences['model']}")
