"""Sound that never ends: `listen`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Unpack, get_type_hints

import numpy as np

from avianvox.api.inputs import as_samples, listed
from avianvox.api.question import OF_EVENTS, question_of, refuse_contradictions
from avianvox.api.recordings import LiveOptions, asked_of
from avianvox.api.words import in_python
from avianvox.errors import InputError

if TYPE_CHECKING:
    from os import PathLike

    from avianvox.inference.live import Feed
    from avianvox.types import Detection

Source: TypeAlias = "str | int | BinaryIO | Iterable[np.ndarray] | None"


def listen(
    source: "Source" = None,
    *,
    rate: int = 48000,
    channels: int = 1,
    channel: int | None = None,
    by: str = "event",
    model: "str | PathLike[str] | None" = None,
    species: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    min_score: float | None = None,
    begin: datetime | None = None,
    name: str | None = None,
    say: Callable[[str], None] | None = None,
    **options: Unpack[LiveOptions],
) -> "Iterator[Detection]":
    """Name species as they call: a row for each event as it ends.

    Parameters
    ----------
    source : str or int, binary file, or iterable of np.ndarray, optional
        A microphone by number or name, the system's if left out; a file or pipe of raw 32-bit floating
        samples; or pieces of sound, shape (n,) or (n, channels), full scale ±1.
    rate : int, Hz
        Of the sound.
    channels : int
        Of a microphone or a pipe.
    channel : int, optional
        The one to use, counted from 1; a mix of all if left out.
    by : {"event", "window"}
    model, species, exclude, min_score
        As in `classify`.
    begin : datetime, optional
        When the first sample was heard, where that isn't now.
    name : str, optional
        What the rows call the sound in ``path``.
    say : callable, optional
        Takes one line about troubles, such as an outage.
    **options
        Those of `classify` that mean something here: not ``top``, ``coverage``, ``level``, ``timezone`` and
        ``place``.

    Yields
    ------
    Detection
        With the time of day. Leaving the loop ends listening.

    Raises
    ------
    InputError, ModelFileError, MissingExtraError
        What is asked contradicts itself, or there is no such model or microphone.

    Examples
    --------
    >>> import avianvox as av
    >>> import soundfile
    >>> blocks = soundfile.blocks("recording.ogg", blocksize=22050, dtype="float32")
    >>> [event.scientific_name for event in av.listen(blocks, rate=22050)]
    ['Coccyzus vieilloti']
    """
    from avianvox.inference.answers import narrower_of
    from avianvox.inference.classifier import Classifier
    from avianvox.inference.gate import load_gate
    from avianvox.inference.live import Feed, Listening
    from avianvox.modelfolder import default_model

    tell = say or (lambda line: None)
    if by not in ("event", "window"):
        raise InputError(f"by: expected event or window, got '{by}'")
    if channel is not None and not 1 <= channel <= channels and _is_raw(source):
        raise InputError(f"channel {channel}: expected 1 to {channels} (channels)")
    asked = asked_of(
        options,
        get_type_hints(LiveOptions),
        model=str(model or default_model()),
        by=by,
        species_list=listed(species),
        exclude=listed(exclude),
        min_score=min_score,
    )
    refuse_contradictions(asked, [one for one in OF_EVENTS if one in options])
    question = question_of(asked, lambda line: tell(in_python(line)))
    gate = load_gate(question.gate, question.gate_recall) if question.gate else None
    classifier = Classifier.load(asked.model)
    when = begin.astimezone() if begin is not None and begin.tzinfo is None else begin

    def rows() -> "Iterator[Detection]":
        feed = Feed(rate, tell, channel=channel)
        with ExitStack() as opened:
            opened.callback(feed.stopped.set)
            called = opened.enter_context(_opened(source, feed, channels))
            yield from Listening(
                classifier,
                feed,
                question,
                name=name or called,
                begin=when,
                gate=gate,
                narrower=narrower_of(classifier, question),
            )

    return rows()


def _is_raw(source: Any) -> bool:
    return source is None or isinstance(source, str | int) or hasattr(source, "read")


def _opened(source: "Source", feed: "Feed", channels: int) -> Any:
    """A context in which ``source`` goes into ``feed``; it gives the name of the sound."""
    from contextlib import nullcontext

    from avianvox.inference.live_inputs import open_microphone, read_pipe

    if source is None or isinstance(source, str | int):
        return open_microphone(None if source is None else str(source), feed, channels=channels)
    if hasattr(source, "fileno"):
        read_pipe(source.fileno(), feed, channels=channels)
    elif hasattr(source, "read"):
        raise InputError("expected a file with a descriptor, such as a pipe; give pieces of sound as arrays")
    else:
        Thread(target=_fill, args=(source, feed), daemon=True).start()
    return nullcontext("-")


def _fill(blocks: Iterable[np.ndarray], feed: "Feed") -> None:
    """Put pieces of sound into a feed until they or their listener end."""
    why = ""
    try:
        for block in blocks:
            samples, _ = as_samples(np.asarray(block), sample_rate=feed.sample_rate)
            if not feed.put(samples.reshape(len(samples), -1)):
                return
    except Exception as error:  # in a thread of its own nobody else would tell it
        why = f"the sound ended: {error}"
    feed.end(why)
