"""Recordings in, rows out: `classify` and `events`, and the two ways in which they are worked through.

`stream` gives rows as files come; `keep` brings them into a table with a ledger, from which a run goes on.
The command ``avianvox classify`` is these two.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, get_type_hints

from avianvox.api.asked import Asked
from avianvox.api.question import OF_EVENTS, question_of, refuse_contradictions
from avianvox.errors import InputError
from avianvox.registry import nearest

if TYPE_CHECKING:
    from os import PathLike

    from avianvox.api.inputs import Sounds
    from avianvox.api.tables import Detections
    from avianvox.inference.answers import Entry
    from avianvox.inference.ledger import Ledger
    from avianvox.inference.question import Question
    from avianvox.inference.runs import Tally
    from avianvox.types import Detection
    from avianvox.workers import Workplace


class LiveOptions(TypedDict, total=False):
    """What else can be asked of any sound; see `avianvox.api.asked` and ``avianvox listen -h``."""

    calibrated: bool
    date: str
    gap_s: float
    gate: bool | str
    gate_recall: float
    lat: float
    leave: float
    lon: float
    min_length_s: float
    multi_label: bool
    narrow: str
    overlap_s: float
    place_min: float
    place_weight: float
    site: str
    smooth: int
    week: int


class Options(LiveOptions, total=False):
    """What else `classify` and `events` are asked; see ``avianvox classify -h``."""

    channels: str | int
    coverage: float
    level: str
    place: str
    timezone: str
    top: int


def classify(
    sounds: "Sounds",
    *,
    model: "str | PathLike[str] | None" = None,
    by: str = "recording",
    sample_rate: int | None = None,
    species: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    min_score: float | None = None,
    jobs: int = 1,
    out: "str | PathLike[str] | None" = None,
    resume: bool = False,
    progress: "Callable[[Entry], object] | None" = None,
    **options: Unpack[Options],
) -> "Detections":
    """Name the species in recordings.

    Each recording is cut into windows of a few seconds. Its answer is what the model makes of them all;
    `events` says when species call. What is wrong with a file is the ``status`` of its row, not an error.

    Parameters
    ----------
    sounds : path-like, file object, np.ndarray, Waveform, Recording, Catalog, or an iterable of these
        Files, folders (with subfolders) and patterns such as ``"*.wav"``; samples of shape (n,) or
        (n, channels), full scale ±1, or as whole numbers.
    model : str or path-like, optional
        Name of a model, or a model file; the default one of this computer, mostly the bundled one.
    by : {"recording", "event", "window"}
        What a row speaks of. Hours, days and nights are counted by `Detections.per`.
    sample_rate : int, Hz, optional
        Of arrays. ``(array, rate)`` is an array with its own.
    species, exclude : str or sequence of str, optional
        Species that may be named, and that never are: names, scientific or common, or a file of them.
    min_score : float in [0, 1], optional
        Minimum score of a row, one for all species, in place of the model's thresholds.
    jobs : int
        Worker processes. A script that asks for more than one needs ``if __name__ == "__main__":``.
    out : path-like, optional
        A table in CSV that keeps rows as files finish, with a ledger beside it; the rows are read from it.
    resume : bool
        With ``out``: go on with an earlier run.
    progress : callable, optional
        Called with the `avianvox.inference.answers.Entry` of each file that is done.
    **options
        ``top`` (3), ``coverage``, ``level`` (``"species"``), ``calibrated`` (True), ``overlap_s``,
        ``channels`` (``"mix"``), ``timezone``, ``site``; the place: ``lat``, ``lon``, ``week``, ``date``,
        ``place`` (``"auto"``), ``place_weight``, ``place_min``; the gate: ``gate`` (True, a name or a file),
        ``gate_recall``; events: ``gap_s``, ``leave``, ``min_length_s``, ``smooth``, ``narrow``;
        ``multi_label``. They mean what the options of ``avianvox classify`` mean.

    Returns
    -------
    Detections
        In the order of the inputs; ``to_pandas()``, ``to_polars()`` and ``to_arrow()`` make a frame of them.

    Raises
    ------
    InputError
        Something that is asked contradicts itself or the model, or is no sound.
    ModelFileError
        There is no such model, or its file is damaged.

    Examples
    --------
    >>> import avianvox as av
    >>> best = av.classify("recording.ogg")[0]
    >>> best.scientific_name, str(best.decision)
    ('Coccyzus vieilloti', 'named')

    Samples are as good as a file:

    >>> import soundfile
    >>> samples, rate = soundfile.read("recording.ogg")
    >>> av.classify(samples, sample_rate=rate)[0].scientific_name
    'Coccyzus vieilloti'
    """
    from avianvox.api.inputs import listed, sound_files
    from avianvox.api.tables import Detections
    from avianvox.api.words import collected
    from avianvox.inference.runs import Tally
    from avianvox.modelfolder import default_model
    from avianvox.workers import Workplace

    if by not in ("recording", "event", "window"):
        raise InputError(
            f"by: expected recording, event or window, got '{by}'; Detections.per(by) counts by hour, day "
            "and night"
        )
    if resume and out is None:
        raise InputError("resume needs the table of an earlier run; give out")
    notes: list[str] = []
    found: list[Detection] = []
    with sound_files(sounds, sample_rate=sample_rate) as files:
        asked = asked_of(
            options,
            get_type_hints(Options),
            model=str(model or default_model()),
            by=by,
            species_list=listed(species),
            exclude=listed(exclude),
            min_score=min_score,
            paths=tuple(path for path in files.given if path not in files.names),
        )
        if out is not None and files.names:
            raise InputError("out keeps rows of files that can be read again; write the sound to files first")
        refuse_contradictions(asked, [name for name in OF_EVENTS if name in options])
        question, workplace, tally = question_of(asked, collected(notes)), Workplace(jobs), Tally()
        done = progress or (lambda entry: None)
        if out is None:
            for entry, rows in stream(files.paths(), asked.model, question, workplace, tally):
                found += map(files.named, rows)
                done(entry)
        else:
            from avianvox.tables.formats import read_table

            inputs, table = files.paths(), Path(out)
            keep(inputs, asked.model, question, workplace, table, table, tally, resume=resume, done=done)
            found += read_table(table, "csv")
    return Detections(found, notes=notes)


def events(
    sounds: "Sounds",
    *,
    model: "str | PathLike[str] | None" = None,
    sample_rate: int | None = None,
    species: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    min_score: float | None = None,
    jobs: int = 1,
    out: "str | PathLike[str] | None" = None,
    resume: bool = False,
    progress: "Callable[[Entry], object] | None" = None,
    **options: Unpack[Options],
) -> "Detections":
    """When species call: a row for each event, with begin and end in seconds.

    An event is a chain of windows in which a species reaches its threshold, or ``min_score``. A recording
    without events has one row that names nothing. Parameters, answer and errors are those of `classify`.

    Examples
    --------
    >>> import avianvox as av
    >>> event = av.events("recording.ogg")[0]
    >>> event.scientific_name, event.begin_s < event.end_s
    ('Coccyzus vieilloti', True)
    """
    return classify(
        sounds,
        model=model,
        by="event",
        sample_rate=sample_rate,
        species=species,
        exclude=exclude,
        min_score=min_score,
        jobs=jobs,
        out=out,
        resume=resume,
        progress=progress,
        **options,
    )


def asked_of(options: LiveOptions, known: Iterable[str], **given: object) -> Asked:
    """What is asked in keyword arguments. Raises ``TypeError`` for one that is not ``known``."""
    known = sorted(known)
    for name in options:
        if name not in known:
            raise TypeError(f"unexpected keyword argument '{name}'{nearest(name, known)}")
    values: dict[str, object] = {**options, **given}
    gate = values.pop("gate", False)
    if isinstance(gate, str):
        values["gate_file"] = gate
    else:
        values["gate"] = bool(gate)
    if "channels" in values:
        values["channels"] = str(values["channels"])
    return Asked(**values)  # type: ignore[arg-type]


def stream(
    inputs: Iterable[str], model: str, question: "Question", workplace: "Workplace", tally: "Tally"
) -> "Iterator[tuple[Entry, list[Detection]]]":
    """The rows of each file in the order of ``inputs``, as soon as it is its turn; ``tally`` counts it."""
    from avianvox.inference.runs import answer_files
    from avianvox.tables.columns import from_csv, header_of

    for _, answer in answer_files(inputs, model, question, workplace):
        tally.add(answer.entry)
        rows = StringIO(header_of(question.tasks) + answer.rows, newline="")
        yield answer.entry, list(from_csv(rows))


def keep(
    inputs: Iterable[str],
    model: str,
    question: "Question",
    workplace: "Workplace",
    rows: Path,
    output: Path,
    tally: "Tally",
    *,
    resume: bool,
    done: "Callable[[Entry], object]",
    heard: "Callable[[Ledger], object]" = lambda ledger: None,
) -> None:
    """Keep rows and ledger as files finish, and put the rows in order at the end.

    Parameters
    ----------
    rows, output : Path
        See `avianvox.inference.ledger.Ledger`.
    tally : Tally
        Counts every file.
    resume : bool
    done : callable
        Called with what came of each file that was read.
    heard : callable
        Called with the ledger when all files are answered for, before it lets go of its files.

    Raises
    ------
    InputError, OutputError, StoreError
    """
    from avianvox.inference.ledger import Ledger
    from avianvox.inference.runs import keep_answers, settings_of

    with Ledger(rows, output, settings_of(model, question), resume=resume) as ledger:
        for entry in keep_answers(inputs, model, question, workplace, ledger, tally):
            done(entry)
        heard(ledger)
        ledger.finish()
