"""``avianvox inspect``: everything that recordings say about themselves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import echo_text
from avianvox.cli.probe import header_only_option, lines_option

if TYPE_CHECKING:
    from avianvox.audio.decode import Probe
    from avianvox.audio.field_notes import FieldNotes
    from avianvox.audio.tags import Tags

EPILOG = """\b
The time of a recording is read from these sources, in this order: GUANO metadata, Wildlife Acoustics' older
metadata, the comment of an AudioMoth, an answer of xeno-canto beside the file, xeno-canto's comment in the
file, and names such as 20240601_140505.WAV, 20240601_140505T.WAV, 665B2C80.WAV, MEADOW_20240601_140505.wav
and 20240601T140505+1000_REC.flac. The source is shown, and a remark where two sources disagree.

\b
File names and some metadata hold local time without a time zone. Give it with --timezone. Most recorders
keep one offset all year: give the offset, not the name of a place with summer time.

\b
Exit codes: 0 done; 2 wrong usage; 3 finished, but some inputs failed (listed on standard error).

\b
Examples:
  avianvox inspect recording.mp3
  avianvox inspect recorder/ --header-only --timezone=-04:00
  avianvox inspect recorder/ --json --timezone America/Puerto_Rico
"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option(
    "--timezone",
    default="",
    metavar="ZONE",
    help="Time zone of recordings that state none: America/Puerto_Rico, UTC, -04:00.  [default: unknown]",
)
@header_only_option
@lines_option
def inspect(paths: tuple[str, ...], timezone: str, header_only: bool, as_json: bool) -> None:
    """Show time, place, recorder and format of recordings.

    PATHS are files, folders or globs. For each: format, channels, length and status, begin and end with the
    source of the time, position, recorder, battery, temperature, and every note in the file as it stands.
    """
    import json

    from avianvox.audio.field_notes import read_field_notes, zone_of
    from avianvox.audio.find import find_inputs
    from avianvox.audio.probe import probe
    from avianvox.audio.tags import read_tags
    from avianvox.cli.common import exit_with_failures
    from avianvox.errors import InputError

    try:
        zone_of(timezone)
    except InputError as error:
        raise click.UsageError(f"--timezone: {error}") from error
    failed = []
    for number, path in enumerate(find_inputs(paths)):
        found, tags = probe(path, decode=not header_only), read_tags(path)
        notes = read_field_notes(path, timezone=timezone, tags=tags)
        if as_json:
            click.echo(json.dumps(_facts(found, notes, tags)))
        else:
            echo_text(("\n" if number else "") + _page(found, notes, tags))
        if found.status.failed:
            failed.append(f"{found.path}: {found.status}: {found.message}")
    exit_with_failures(failed)


def _facts(found: "Probe", notes: "FieldNotes", tags: "Tags") -> dict[str, Any]:
    """All of it as plain values: what the file holds, how it was made, and its notes as they stand."""
    from dataclasses import asdict

    from avianvox.audio.guano import parse_guano

    begin, end = _span(found, notes)
    known = asdict(notes)
    del known["begin"]
    known["day"] = notes.day.isoformat() if notes.day else None
    return (
        asdict(found)
        | {"begin_time": begin, "end_time": end}
        | known
        | {"tags": dict(tags.texts), "guano": parse_guano(tags.guano)}
    )


def _span(found: "Probe", notes: "FieldNotes") -> tuple[str, str]:
    """Begin and end; "" where not known."""
    length_s = found.decoded_s if found.decoded_s is not None else found.header_s
    return notes.time_at(0), notes.time_at(length_s) if length_s is not None else ""


def _page(found: "Probe", notes: "FieldNotes", tags: "Tags") -> str:
    """The file's name and one line a fact."""
    lines = [found.path]
    for title, text in _lines(found, notes, tags):
        first, *more = text.splitlines() or [""]
        lines += [f"  {title:<18} {first}", *(f"  {'':<18} {line}" for line in more)]
    return "\n".join(lines)


def _lines(found: "Probe", notes: "FieldNotes", tags: "Tags") -> Iterator[tuple[str, str]]:
    from avianvox.audio.guano import parse_guano

    begin, end = _span(found, notes)
    channels = "1 channel" if found.channels == 1 else f"{found.channels} channels"
    lengths = (("decoded", found.decoded_s), ("by the header", found.header_s))
    facts = {
        "status": found.status + (f": {found.message}" if found.message else ""),
        "format": f"{found.container} {found.codec}, {found.sample_rate} Hz, {channels}"
        if found.channels
        else "",
        "length": ", ".join(f"{seconds:.3f} s {how}" for how, seconds in lengths if seconds is not None),
        "begin": f"{begin} ({notes.time_source})" if begin else "",
        "end": end,
        "position": "" if notes.latitude is None else f"{notes.latitude:.6f}, {notes.longitude:.6f}",
        "elevation": _with_unit(notes.elevation_m, "m"),
        "site": notes.site,
        "recorder": notes.recorder,
        "device": " ".join(filter(None, (notes.make, notes.model))),
        "firmware": notes.firmware,
        "deployment": notes.deployment,
        "microphone": notes.microphone,
        "gain": notes.gain,
        "battery": f"{notes.battery_bound} {_with_unit(notes.battery_v, 'V')}".strip(),
        "temperature": _with_unit(notes.temperature_c, "°C"),
        "time expansion": f"{notes.time_expansion:g}" if notes.time_expansion != 1 else "",
        "recordist": notes.recordist,
        "note": notes.note,
        "remark": "\n".join(notes.remarks),
    }
    yield from ((title, text) for title, text in facts.items() if text)
    yield from tags.texts.items()
    yield from parse_guano(tags.guano).items()


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:g} {unit}"
