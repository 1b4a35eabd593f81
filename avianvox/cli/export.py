"""``avianvox export``: a training run becomes one model file."""

from pathlib import Path

import click

from avianvox.cli.common import echo, echo_text
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
The file takes sound or features and gives probabilities; phones, browsers and 'avianvox classify' run it with
TFLite's own operators. Before it is written, it is compared with the model it was made from: if they differ
by more than the kind of quantisation explains, nothing is written and the exit code is 1. They are compared
on the recordings that the run learned from; where these are gone, on synthetic sound, which is then said.

\b
Quantisation: none (float32, as trained), float16 (half the network's size), dynamic (8-bit weights: smallest,
twice as fast), int8 (8-bit weights and activations, calibrated on training recordings). The part that turns
sound into features stays in float32.

\b
Example:
  avianvox export runs/first --out first.tflite --quantize dynamic
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=Target(ours=b"TFL3", path_type=Path), required=True, help="The model file to write."
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16", "dynamic", "int8"]),
    default="none",
    show_default=True,
    help="How the network's numbers are kept.",
)
@click.option("--verify/--no-verify", default=True, help="Refuse a file that differs from its model.")
@click.option("--name", help="The model's name.  [default: the file's name]")
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    help="The figures.json of 'avianvox crossval', for the model card.",
)
@click.option("--licence", default="", help="The model's licence, for the model card.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def export(
    run: Path,
    out: Path,
    quantize: str,
    verify: bool,
    name: str | None,
    figures: Path | None,
    licence: str,
    as_json: bool,
) -> None:
    """Turn the training run in folder RUN into one model file."""
    import json

    from avianvox.audio.chatter import silence_decoders

    with silence_decoders():  # TensorFlow greets on standard error
        from avianvox.export import export_run

    report = export_run(
        run, out, quantize=quantize, verify=verify, name=name, figures=figures, licence=licence
    )
    for note in report.notes:
        echo(note, err=True)
    for problem in report.parity.problems():
        echo(f"beyond tolerance: {problem}", err=True)
    if as_json:
        echo_text(json.dumps(report.to_mapping(), indent=2, ensure_ascii=False))
        return
    echo(f"{report.path}: {report.info.kind}, {len(report.info.labels)} classes, {report.size} bytes")
    for line in report.parity.lines():
        echo(line)
    click.echo(f"operators: {', '.join(report.operators)}")
