"""Answers for any number of files: worked out by an executor, kept in a ledger, counted.

`answer_files` is the stream of answers; `keep_answers` brings it into a ledger
(:mod:`avianvox.inference.ledger`) and passes over what stands there already. Files are taken one by one as
they are found, and nothing is kept of a file but its place in the ledger, so memory does not grow with their
number.
"""

import os
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from avianvox.audio.decode import CANCEL, NARROW
from avianvox.features.spec import EXTRACTOR_REVISION
from avianvox.inference.answers import Answer, Entry, answer_file, failed_answer, key_of
from avianvox.inference.question import Question
from avianvox.inference.sites import is_other_folder_site
from avianvox.modelfolder import find_model
from avianvox.types import Status
from avianvox.workers import Crashed, Workplace, open_executor

if TYPE_CHECKING:
    from pathlib import Path

    from avianvox.inference.classifier import Classifier
    from avianvox.inference.gate import Gate
    from avianvox.inference.ledger import Ledger

_CANCELLED = CANCEL.partition(" (")[0]
_NARROW = NARROW.partition("{")[0]


@dataclass
class Tally:
    """What a run has done so far.

    Attributes
    ----------
    files, kept : int
        Files answered for, and how many of them a former run had answered.
    seconds, new_seconds : float
        Of sound decoded, in all files and in this run.
    statuses, named : Counter
        Files by status; recordings, windows or events by the species that they are named.
    below : Counter
        Events that stayed below the threshold of their species, by species.
    n_windows, n_silent, n_gated : int
    doubtful : int
        Files with something odd about their time.
    against : Counter
        How often species were clearly heard that the place argues against.
    placeless : int
        Files whose place is not known, where scores are to be weighed by place.
    cancelled : int
        Files whose channels cancel each other in the mix.
    narrow : int
        Files of a sample rate that is too low for the model.
    """

    files: int = 0
    kept: int = 0
    seconds: float = 0.0
    new_seconds: float = 0.0
    n_windows: int = 0
    n_silent: int = 0
    n_gated: int = 0
    doubtful: int = 0
    cancelled: int = 0
    narrow: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    below: Counter[str] = field(default_factory=Counter)
    against: Counter[str] = field(default_factory=Counter)
    placeless: int = 0

    def add(self, entry: Entry, *, kept: bool = False) -> None:
        self.files += 1
        self.seconds += entry.decoded_s or 0.0
        if kept:
            self.kept += 1
        else:
            self.new_seconds += entry.decoded_s or 0.0
        self.n_windows += entry.n_windows
        self.n_silent += entry.n_silent
        self.n_gated += entry.n_gated
        self.doubtful += bool(entry.remarks)
        self.cancelled += _CANCELLED in entry.message
        self.narrow += _NARROW in entry.message
        self.statuses[entry.status] += 1
        self.named.update(entry.named)
        self.below.update(entry.below)
        self.against.update(entry.against)
        self.placeless += entry.placed is False

    @property
    def failed(self) -> int:
        """Files that failed."""
        return sum(n for status, n in self.statuses.items() if status.failed)


def answer_files(
    paths: Iterable[str],
    model: "str | Path",
    question: Question,
    workplace: Workplace,
    *,
    ordered: bool = True,
) -> Generator[tuple[int, Answer]]:
    """Answer for files; a file that crashes its worker is undecodable, and the others have their answers.

    Parameters
    ----------
    paths : iterable of str
        Taken as workers become free.
    model : str or path-like
        A bundled name or a model file. Each worker loads it once.
    question : Question
    workplace : Workplace
    ordered : bool
        In the order of ``paths``, or as they come.

    Yields
    ------
    tuple of int and Answer
        The position of the file in ``paths``, and its answer.

    Raises
    ------
    ModelFileError, InputError
        The model cannot be read, or the question is out of range for it.
    AvianvoxError
        No worker can be started.
    """
    path = find_model(model)
    task = partial(_answer_one, (str(path), path.stat().st_mtime_ns), question)
    with open_executor(workplace) as pool:
        answers = enumerate(pool.map(task, paths)) if ordered else pool.unordered(task, paths)
        for position, answer in answers:
            yield position, _crashed(answer, question) if isinstance(answer, Crashed) else answer


def _crashed(call: Crashed, question: Question) -> Answer:
    message = "the decoder crashed, or memory ran out"
    return failed_answer(call.item, Status.UNDECODABLE, message, question)


def keep_answers(
    paths: Iterable[str],
    model: "str | Path",
    question: Question,
    workplace: Workplace,
    ledger: "Ledger",
    tally: Tally,
) -> Iterator[Entry]:
    """Bring answers into the ledger as they come, and pass over the files that it knows.

    A file that could not be opened is tried again: what it lacked, a permission or a decoder, doesn't show in
    its size and time. So is one whose folder makes another site of it, since other inputs were given.

    Parameters are those of `answer_files`; ``tally`` counts every file.

    Yields
    ------
    Entry
        What came of a file that no former run had answered for.
    """
    positions: dict[int, int] = {}

    def moved(entry: Entry) -> bool:
        other = is_other_folder_site(entry.site, entry.path, question.sites_in)
        return other and not question.site

    def unknown() -> Iterator[str]:
        number = 0
        for position, path in enumerate(paths):
            key = key_of(path)
            entry = ledger.find(*key)
            if entry is None or entry.status in (Status.MISSING, Status.UNSUPPORTED) or moved(entry):
                positions[number] = position
                number += 1
                yield path
            else:
                ledger.keep(position, *key)
                tally.add(entry, kept=True)

    with closing(answer_files(unknown(), model, question, workplace, ordered=False)) as answers:
        for number, answer in answers:
            ledger.add(positions.pop(number), answer)
            tally.add(answer.entry)
            yield answer.entry


def settings_of(model: "str | Path", question: Question) -> Mapping[str, Any]:
    """What rows depend on beside the files: versions, hashes of model and gate, and the whole question."""
    from avianvox import __version__
    from avianvox.files import sha256_file
    from avianvox.inference.box_source import source_asked
    from avianvox.modelfile import read_model_file
    from avianvox.tables.columns import version_of

    path = find_model(model)
    table = version_of(question.tasks)
    versions = {"avianvox": __version__, "table": table, "model": sha256_file(path)}
    settings = {**versions, "extractor_revision": EXTRACTOR_REVISION, **question.to_mapping()}
    if question.overlap_s is None:
        settings["overlap_s"] = float(read_model_file(path).info.pooling.get("overlap_s", 0.0))
    del settings["sites_in"]  # it grows with the inputs; `keep_answers` looks at each file
    if question.gate is not None and os.path.isfile(question.gate):  # a bundled one is that of the version
        settings["gate"] = sha256_file(question.gate)
    if question.narrow:
        row, asked = source_asked(question.narrow)
        settings["narrow"] = sha256_file(asked) if row == "detector" else asked
    return settings


_local = threading.local()


def loaded(model: tuple[str, int]) -> "Classifier":
    """The classifier that this worker keeps; ``model``: path and time, since a file may be replaced."""
    from avianvox.inference.classifier import Classifier

    if getattr(_local, "model", None) != model:
        _local.classifier, _local.model = Classifier.load(model[0]), model
    classifier: Classifier = _local.classifier
    return classifier


def _answer_one(model: tuple[str, int], question: Question, path: str) -> Answer:
    gate = None if question.gate is None else _gate(question.gate, question.gate_recall)
    return answer_file(loaded(model), path, question, gate)


@cache
def _gate(name: str, recall: float | None) -> "Gate":
    from avianvox.inference.gate import load_gate

    return load_gate(name, recall)
