"""``avianvox doctor``: whether everything is there, and how fast this machine is."""

import click

from avianvox.cli.common import echo

EPILOG = """\b
Speed in times real time: at 400, one day of sound takes less than four minutes.

\b
Exit codes: 0 classification works (optional features may be missing); 1 something it needs is missing or
broken: it is marked "failed", and stands on standard error with what to do.

\b
Examples:
  avianvox doctor
  avianvox doctor --json
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per check.")
@click.option(
    "--speed/--no-speed", default=True, help="Measurement of the speed of this computer.  [default: speed]"
)
def doctor(as_json: bool, speed: bool) -> None:
    """Check the installation and the speed of this computer.

    Checks packages, codecs, models, memory, disk and speed, and lists what optional features need.
    """
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as classify does, whose speed is measured
    import json
    from dataclasses import asdict

    from avianvox.cli.common import tell
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
        tell(f"  {check.state:<7} {check.name:<30} {value}{advice}", hang=41)
    for check in failed:
        echo(f"failed: {check.name}: {check.value}; {check.advice}", err=True)
    raise SystemExit(1 if failed else 0)
