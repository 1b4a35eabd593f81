"""``avianvox doctor``: whether everything is there, and how fast this machine is."""

import click

from avianvox.cli.common import echo

EPILOG = """\b
Times real time say how many hours of sound an hour takes: 400 is a day of sound in less than four minutes.

\b
Exit codes: 0 classifying works, whatever optional features lack; 1 something that it needs is missing or
broken: it is marked "failed", and stands on standard error with what to do.

\b
Examples:
  avianvox doctor
  avianvox doctor --json
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each check.")
@click.option("--speed/--no-speed", default=True, help="Measure the speed of this machine.  [default: speed]")
def doctor(as_json: bool, speed: bool) -> None:
    """Check packages, codecs, models, memory, disk and speed, and say what optional features lack."""
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as classify does, whose speed is measured
    import json
    from dataclasses import asdict

    from avianvox.inference.health import State, examine

    failed = []
    section = ""
    for check in examine(speed=speed):
        if check.state == State.FAILED:
            failed.append(check)
        if as_json:
            click.echo(json.dumps(asdict(check), ensure_ascii=False))
            continue
        if check.section != section:
            click.echo(check.section)
            section = check.section
        value = " ".join(filter(None, (str(check.value), check.unit)))
        advice = f"; {check.advice}" if check.advice else ""
        echo(f"  {check.state:<7} {check.name:<30} {value}{advice}")
    for check in failed:
        echo(f"failed: {check.name}: {check.value}; {check.advice}", err=True)
    raise SystemExit(1 if failed else 0)
