"""``avianvox listen``: name species as they call, from a microphone or a pipe."""

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from avianvox.api.asked import Asked, Live
from avianvox.cli.classify import classify
from avianvox.cli.common import echo, options_of, remark
from avianvox.cli.listen_options import OUTCOMES, Outcomes, open_trigger, refuse_idle
from avianvox.cli.listen_rows import forms_of, open_rows
from avianvox.cli.targets import Writer
from avianvox.signals import asked_to_stop

if TYPE_CHECKING:
    from avianvox.cli.listen_rows import Write
    from avianvox.inference.live import Feed, Listening
    from avianvox.trigger.trigger import Trigger

EPILOG = """\b
A terminal shows a readable line for each event. A pipe or a file gets a JSON object per line, with the
columns of docs/tables.md. begin_time and end_time are times of this computer's clock. If the stream is not
live, such as a recording, give the time of its first sample with --begin. Problems (no sound for some
seconds, a computer that is too slow) are reported on standard error. An outage of more than three seconds is
a pause. It ends an event, unless --gap is longer. begin_s and end_s include pauses.

\b
An event is written when it has ended: one window (about three seconds) and --gap after the last call.
--narrow takes up to some seconds more, until it has heard what follows.
Ctrl-C or the end of the input ends the command, after the last event is written. A closed output ends it
too. The exit code is then 0.

\b
--on-event runs a command for each event, beside listening. At most --on-event-jobs run at the same time; 64
events wait, the next ones are dropped, and that is said. A command that fails, or takes longer than
--on-event-timeout, is one line on standard error, and is counted. At the end, those that run and wait have
one more timeout to finish; a second Ctrl-C kills them. What a command prints goes to standard error. For a
shell: --on-event "sh -c '...'".

\b
--save-clips saves the sound of each event; of a long event, that of its last minute. The name has time,
species and score. clips.csv has a row for each clip, with the columns of docs/tables.md, where begin_s and
end_s are within the clip: 'avianvox review', 'segments' and 'convert' read it. If --clips-budget is reached,
the oldest clips and their rows are removed; rows of --output stay. A clip that you rename or move is yours.
No clip is saved while the disk is nearly full (5 % or 500 MB free, the smaller of both).
docs/raspberry-pi.md describes a service that survives a reboot.

Exit codes: 0 done; 1 failed, or no sound at all; 2 wrong usage.

\b
From a camera or a sound card, through a pipe:
  ffmpeg -i rtsp://garden.local/audio -ac 1 -ar 48000 -f f32le - |
    avianvox listen -
  arecord -f S16_LE -r 48000 -c 1 -t raw |
    avianvox listen - --sample-format s16le

\b
Examples:
  avianvox listen
  avianvox listen - --rate 44100 --channels 2 --sample-format s16le --gate
  avianvox listen - --begin 2026-05-01T04:30-04:00 --name garden --by window
  avianvox listen --save-clips clips --clips-budget 8GB --output events.csv
  avianvox listen --species-list "Setophaga angelae" --on-event "./camera.sh"
"""

_SHARED = {field.name for field in fields(Live)} - {"by", "place", "site", "quiet"}
"""Options that mean what they mean in ``avianvox classify``."""


@click.command(
    cls=Writer, epilog=EPILOG, params=[param for param in classify.params if param.name in _SHARED]
)
@click.argument("source", required=False, metavar="[-|DEVICE]")
@click.option(
    "--rate", type=click.IntRange(1000), default=48000, show_default=True, help="Sample rate in hertz."
)
@click.option(
    "--channels",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of channels in the input.",
)
@click.option(
    "--channel", type=click.IntRange(1), help="Channel to use, counted from 1.  [default: mix of all]"
)
@click.option(
    "--sample-format",
    type=click.Choice(["f32le", "s16le", "s32le"]),
    default="f32le",
    show_default=True,
    help="Sample format of the input, by ffmpeg's names.",
)
@click.option(
    "--by",
    type=click.Choice(["event", "window"]),
    default="event",
    show_default=True,
    help="Unit of an output line: an event, when it has ended, or a window.",
)
@click.option("--begin", metavar="TIME", help="Time of the first sample: ISO 8601 date and time.")
@click.option("--name", metavar="TEXT", help="Value of the column path.  [default: - or the device]")
@click.option("--site", default="", metavar="NAME", help="Value of the column site.")
@options_of(OUTCOMES)
@click.option("-q", "--quiet", is_flag=True, help="No summary; problems are still reported.")
def listen(
    source: str | None,
    rate: int,
    channels: int,
    channel: int | None,
    sample_format: str,
    begin: str | None,
    name: str | None,
    **asked: Any,
) -> None:
    """Name species live, from a microphone or from standard input.

    The input is raw samples on standard input (-), or DEVICE: the number or name of a microphone. By default,
    it is the system's microphone.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy, as in classify
    from avianvox.api.question import OF_EVENTS
    from avianvox.cli.classify_refusals import written
    from avianvox.errors import InputError
    from avianvox.modelfolder import default_model

    outcomes = Outcomes(**{field.name: asked.pop(field.name) for field in fields(Outcomes)})
    given = Asked(**asked | {"model": asked["model"] or default_model()}, top=1)
    of_events = OF_EVENTS | {"multi_label": "--multi-label", "narrow": "--narrow"}
    idle = [of_events[name] for name in written(of_events)] if given.by == "window" else []
    if idle:
        raise click.UsageError(f"{', '.join(idle)}: only for events, not for --by window")
    refuse_idle(outcomes, by=given.by)
    forms = forms_of(outcomes.format_names, outcomes.output)
    if given.gate_recall is not None and not (given.gate or given.gate_file):
        raise click.UsageError("--gate-recall needs --gate")
    if channel and channel > channels:
        raise click.UsageError(f"--channel {channel}: expected at most {channels} (--channels)")
    if source == "-" and sys.stdin is None:
        raise click.UsageError("standard input is closed; pipe raw samples into it (see -h)")
    if source == "-" and sys.stdin.isatty():
        raise click.UsageError("standard input is a keyboard; pipe raw samples into it (see -h)")
    try:
        sound = Input(source, rate, channels, channel, sample_format, _time(begin), name)
        _listen(given, sound, outcomes, forms)
    except InputError as error:
        raise click.UsageError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Input:
    """Where the sound comes from: ``source`` is ``-``, a microphone, or None for the system's."""

    source: str | None
    rate: int
    n_channels: int
    channel: int | None
    sample_format: str
    begin: datetime | None
    name: str | None


def _listen(asked: Asked, sound: Input, outcomes: Outcomes, forms: tuple[str, ...]) -> None:
    from avianvox.api.question import against_place, below_thresholds, check_narrow, question_of
    from avianvox.audio.decode import CANCEL
    from avianvox.audio.tape import Tape
    from avianvox.errors import AudioError
    from avianvox.inference.answers import narrower_of
    from avianvox.inference.classifier import Classifier
    from avianvox.inference.gate import load_gate
    from avianvox.inference.live import Feed, Listening
    from avianvox.inference.live_inputs import open_microphone, read_pipe
    from avianvox.trigger.service import Service

    check_narrow(asked.narrow)
    question = question_of(asked, remark)
    gate = load_gate(question.gate, question.gate_recall) if question.gate else None
    classifier = Classifier.load(asked.model)
    tape = None if outcomes.save_clips is None else Tape(sound.rate)
    feed = Feed(sound.rate, _say, channel=sound.channel, tape=tape)
    service = Service()
    feed.on_sound = service.alive
    narrower = narrower_of(classifier, question)
    late_s = asked.gap_s + (asked.smooth + 2) * classifier.spec.window_s  # of an event, after its end
    late_s += narrower.latest_s if narrower else 0.0
    with ExitStack() as opened:
        trigger = open_trigger(outcomes, _say, tape, opened, late_s=late_s)
        write = opened.enter_context(open_rows(forms, outcomes.output, question.tasks))
        kill = None if trigger is None else trigger.kill
        signals = opened.enter_context(asked_to_stop(feed.stopped.set, again=kill))
        opened.callback(feed.stopped.set)
        name = "-"
        if sound.source == "-":
            read_pipe(0, feed, channels=sound.n_channels, sample_format=sound.sample_format)
        else:
            name = opened.enter_context(open_microphone(sound.source, feed, channels=sound.n_channels))
            if not asked.quiet:
                _say(f"listening to {name}")
        name = sound.name or name
        passed = None if trigger is None else trigger.passed
        listening = Listening(
            classifier,
            feed,
            question,
            name=name,
            begin=sound.begin,
            gate=gate,
            narrower=narrower,
            passed=passed,
        )
        if trigger is not None:
            opened.callback(trigger.close)
        service.ready()
        opened.callback(service.stopping)
        n_rows = _print_rows(listening, write, trigger)
    heard_s = feed.meter.n_frames / feed.sample_rate
    if not heard_s and not signals:
        raise AudioError(
            "no sound arrived; check the microphone, or the messages of the program before the pipe"
        )
    if not asked.quiet:
        _say(_summary(listening, feed, heard_s, n_rows, trigger))
        for line in below_thresholds(listening.below, asked):
            _say(line)
        for line in against_place(listening.against, 0):
            _say(line)
    if feed.channel is None and feed.meter.cancels:
        _say(CANCEL.format(option="--channel"))


def _time(text: str | None) -> datetime | None:
    """A time with a zone: this computer's, where the text names none."""
    from avianvox.audio.notes import date_time

    if text is None:
        return None
    time = date_time(text)
    if time is None:
        raise click.UsageError(f"--begin: expected a time such as 2026-05-01T04:30:00-04:00, got '{text}'")
    return time if time.tzinfo else time.astimezone()


def _print_rows(listening: "Listening", write: "Write", trigger: "Trigger | None") -> int:
    """Write each row as it comes; a reader that has gone away ends it like the end of the input."""
    from avianvox.files import reader_is_gone

    n_rows = 0
    for row in listening:
        try:
            write(row)
        except OSError as error:
            if not reader_is_gone(error):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer must not fail again
            break
        n_rows += 1
        if trigger is not None:
            trigger.put(row)
    return n_rows


def _summary(
    listening: "Listening", feed: "Feed", heard_s: float, n_rows: int, trigger: "Trigger | None"
) -> str:
    windows = listening.windows
    n_windows = windows.n_scored + windows.n_silent + windows.n_gated
    parts = [f"{heard_s:.1f} s of sound", "1 window" if n_windows == 1 else f"{n_windows} windows"]
    parts += [f"{windows.n_silent} of them silent"] if windows.n_silent else []
    parts += [f"{windows.n_gated} skipped by the gate"] if windows.n_gated else []
    parts += [f"{feed.n_lost / feed.sample_rate:.1f} s lost"] if feed.n_lost else []
    parts += [f"{feed.meter.n_absurd:,} samples not finite"] if feed.meter.n_absurd else []
    parts += ["1 line" if n_rows == 1 else f"{n_rows} lines"]
    return ", ".join(parts + (trigger.summary() if trigger else []))


def _say(text: str) -> None:
    echo(f"avianvox listen: {text}", err=True)
