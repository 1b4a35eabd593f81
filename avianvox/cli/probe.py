"""``avianvox probe``: what recordings hold and whether they decode."""

import click

from avianvox.cli.common import echo

header_only_option = click.option("--header-only", is_flag=True, help="Header only, without decoding (fast).")
lines_option = click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per file.")


@click.command(epilog="Example: avianvox probe --json recording.mp3")
@click.argument("paths", nargs=-1, required=True)
@header_only_option
@lines_option
def probe(paths: tuple[str, ...], header_only: bool, as_json: bool) -> None:
    """Show format, duration and status of recordings.

    PATHS are files, folders or globs. Ends with exit code 3 when a file is truncated, empty, undecodable,
    unsupported or missing; each of them is listed on standard error.
    """
    import json
    from dataclasses import asdict

    from avianvox.audio.find import find_inputs
    from avianvox.audio.probe import probe as probe_file
    from avianvox.cli.common import exit_with_failures, tell

    failed = []
    if not as_json:
        click.echo(_row("status", "header", "decoded", "rate", "ch", "codec", "file"))
    for path in find_inputs(paths):
        answer = probe_file(path, decode=not header_only)
        if as_json:
            click.echo(json.dumps(asdict(answer)))
        else:
            lengths = [f"{s:.2f} s" if s is not None else "-" for s in (answer.header_s, answer.decoded_s)]
            rate, channels = answer.sample_rate or "-", answer.channels or "-"
            codec = " ".join(filter(None, (answer.container, answer.codec))) or "-"
            tell(_row(answer.status, *lengths, rate, channels, codec, answer.path), hang=4)
            if answer.message and not answer.status.failed:
                echo(f"{answer.path}: {answer.status}: {answer.message}", err=True)
        if answer.status.failed:
            failed.append(answer)
    exit_with_failures(f"{answer.path}: {answer.status}: {answer.message}" for answer in failed)


def _row(*cells: object) -> str:
    return "{:<11} {:>10} {:>10} {:>6} {:>3}  {:<20} {}".format(*map(str, cells))
