"""The audit by ear: duplicates, and what facts about the files give away, in words.

`sound_findings` is the way in. It joins recordings with their features, asks `duplicates` and `probes`, and
says what they found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.audit.duplicates import Duplicate, find_duplicates
from avianvox.audit.facts import Fact, gather_facts
from avianvox.audit.findings import Finding
from avianvox.audit.probes import Probe, Shortcut, run_probes
from avianvox.dataset.splits import Fold, Split
from avianvox.errors import UnknownNameError
from avianvox.evaluation.plain import plain
from avianvox.types import Recording

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

APART = 0.9
"""From this separation on, a fact is said to tell a class from the others."""

_PARTLY = 0.75  # and from this one on, to give it away in part

_SURE = 0.01  # most the p-value of a probe may be, of 12 or so that are asked
_LIKELY = 0.05  # and that of a class that is set apart
_GRAVE = 0.05  # gain in accuracy from which a probe is an alarm
_MOST_NAMED = 10

_ADVICE = {
    "sample rate": "A recording holds nothing above half its sample rate, and a model sees that edge. Set "
    "fmax_hz to at most half the lowest rate, or use recordings of one rate.",
    "codec": "A codec leaves traces in the highest bands. Use recordings of one codec, or set fmax_hz below "
    "these bands.",
    "number of channels": "Channels are mixed to one, so their number changes nothing by itself. It may "
    "point to a recorder or an archive: check what else these recordings have in common.",
    "length": "Use windows of one length and loop short recordings (the default). Check whether accuracy "
    "rises with the minutes per species.",
    "share of padding": "Loop short recordings (the default) instead of padding them, or use a shorter "
    "window.",
    "noise floor": "Subtract each recording's noise floor before training (the model logreg_floor shows what "
    "remains), and evaluate on folds that keep sessions together.",
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Heard:
    """The recordings that have features, and what they are asked about."""

    recordings: Sequence[Recording]
    positions: np.ndarray
    targets: np.ndarray
    splits: Mapping[str, Split]

    def name(self, target: int) -> str:
        """Of a class, by its first recording."""
        recording = self.recordings[int(np.argmax(self.targets == target))]
        return f"{recording.label} ({recording.common_name})" if recording.common_name else recording.label


def sound_findings(
    recordings: Sequence[Recording],
    targets: np.ndarray,
    splits: Mapping[str, Split],
    store: "FeatureStore",
    progress: Progress | None = None,
) -> tuple[list[Finding], dict[str, Any]]:
    """What the sound of a catalog gives away.

    Parameters
    ----------
    recordings : sequence of Recording
        Those without features in ``store`` are passed over.
    targets : np.ndarray, shape (n,), int64 from 0
        Their classes.
    splits : mapping of str to Split
        Of ``recordings``.
    store : FeatureStore
    progress : callable, optional
        Called with the number of recordings done, each twice, and of all there is to do.

    Returns
    -------
    findings : list of Finding
    figures : dict
        Plain values: "facts", "probes", "shortcuts" (of a separation of 0.75 or more) and
        "duplicates".
    """
    heard = _heard(recordings, targets, splits, store)
    if not len(heard.positions):
        return [], {"recordings": 0, "facts": {}, "probes": [], "shortcuts": [], "duplicates": []}
    n = len(heard.positions)
    files = [recording.file_id for recording in heard.recordings]
    duplicates = [
        each
        for each in find_duplicates(
            store, heard.positions, progress=progress and (lambda done, _: progress(done, 2 * n))
        )
        if files[each.first] != files[each.second]  # parts of a file overlap, and stay together
    ]
    facts = gather_facts(
        heard.recordings,
        store,
        heard.positions,
        progress=progress and (lambda done, _: progress(n + done, 2 * n)),
    )
    sessions = [recording.session for recording in heard.recordings]
    probes, shortcuts = run_probes(facts, heard.targets, sessions, heard.splits)
    told = [each for each in shortcuts if each.separation >= _PARTLY]
    findings = [
        *_duplicate_findings(duplicates, heard),
        *_shortcut_findings(told, facts, heard),
        *_probe_findings(probes, heard),
    ]
    return findings, plain(
        {
            "recordings": n,
            "facts": {fact.name: fact.summary() for fact in facts},
            "probes": probes,
            "shortcuts": [{**plain(each), "label": heard.name(each.target)} for each in told],
            "duplicates": [_ids(each, heard) for each in duplicates],
        }
    )


def _heard(
    recordings: Sequence[Recording], targets: np.ndarray, splits: Mapping[str, Split], store: "FeatureStore"
) -> _Heard:
    positions = np.full(len(recordings), -1, np.int64)
    for i, recording in enumerate(recordings):
        with suppress(UnknownNameError):
            at = store.index_of(recording.id)
            positions[i] = at if store.n_frames[at] > 0 else -1
    kept = np.flatnonzero(positions >= 0)
    new = np.full(len(recordings), -1, np.int64)
    new[kept] = np.arange(len(kept))

    def cut(fold: Fold) -> Fold:
        return Fold(*(side[side >= 0] for side in (new[fold.train], new[fold.test])))

    cut_splits = {
        f"{name} {'folds' if len(split.folds) > 1 else 'split'}": Split(
            tuple(cut(fold) for fold in split.folds), split.grouping, split.seed
        )
        for name, split in splits.items()
    }
    return _Heard([recordings[i] for i in kept.tolist()], positions[kept], targets[kept], cut_splits)


def crossing(duplicates: Sequence[Duplicate], split: Split) -> list[Duplicate]:
    """The duplicates of which one stands in training and the other in testing of the same fold."""
    sides = [(set(fold.train.tolist()), set(fold.test.tolist())) for fold in split.folds]
    return [
        each
        for each in duplicates
        if any(
            (each.first in train and each.second in test) or (each.second in train and each.first in test)
            for train, test in sides
        )
    ]


def _duplicate_findings(duplicates: Sequence[Duplicate], heard: _Heard) -> Iterator[Finding]:
    across = {name: crossing(duplicates, split) for name, split in heard.splits.items()}
    leaks = [each for each in duplicates if any(each in found for found in across.values())]
    if leaks:
        counts = ", ".join(f"{name} {len(found)}" for name, found in across.items())
        yield Finding(
            "alarm",
            "duplicate on both sides",
            f"{_pairs(leaks)} of recordings with the same sound in training and test",
            f"Pairs with one recording in training and one in test: {counts}.\n{_listed(leaks, heard)}",
            "Leave out one of each pair, or give both the same recordist, date and site, so that folds by "
            "session keep them together.",
        )
    split_labels = [each for each in duplicates if heard.targets[each.first] != heard.targets[each.second]]
    inside = [each for each in duplicates if each not in leaks and each not in split_labels]
    if inside:
        yield Finding(
            "note",
            "duplicate",
            f"{_pairs(inside)} of recordings with the same sound",
            f"Each pair is on one side of every fold:\n{_listed(inside, heard)}",
            "Leave out one of each pair: the sound counts twice.",
        )
    if split_labels:
        yield Finding(
            "warning",
            "one sound, two labels",
            f"{_pairs(split_labels)} of recordings with the same sound and two labels",
            _listed(split_labels, heard),
            "Listen to them. If both species are heard, list the other one as background or leave the "
            "recordings out. If only the background noise is the same, it was added by editing, and a model "
            "may learn it.",
        )


def _pairs(duplicates: Sequence[Duplicate]) -> str:
    return "1 pair" if len(duplicates) == 1 else f"{len(duplicates)} pairs"


def _listed(duplicates: Sequence[Duplicate], heard: _Heard) -> str:
    lines = []
    for each in duplicates[:_MOST_NAMED]:
        first, second = heard.recordings[each.first], heard.recordings[each.second]
        lines.append(f"- {first.id} ({first.label}) and {second.id} ({second.label}): {_how(each)}")
    if len(duplicates) > _MOST_NAMED:
        lines.append(f"- and {len(duplicates) - _MOST_NAMED} more")
    return "\n".join(lines)


def _how(each: Duplicate) -> str:
    if each.kind != "same sound":
        return each.kind
    return (
        f"{each.overlap_s:.1f} s of the same sound, starting at {max(each.offset_s, 0.0):z.1f} s in the "
        f"first and at {max(-each.offset_s, 0.0):z.1f} s in the second (agreement {each.agreement:.2f})"
    )


def _ids(each: Duplicate, heard: _Heard) -> dict[str, Any]:
    ids = {side: heard.recordings[row].id for side, row in (("first", each.first), ("second", each.second))}
    return {**plain(each), **ids}


def _shortcut_findings(
    shortcuts: Sequence[Shortcut], facts: Sequence[Fact], heard: _Heard
) -> Iterator[Finding]:
    for fact in facts:
        found = [each for each in shortcuts if each.fact == fact.name]
        sure = [each for each in found if each.p_value <= _LIKELY]
        apart = [each for each in found if each.separation >= APART]
        for level, kind, what, which in (
            (
                "alarm",
                "shortcut",
                "alone separates {} from all others",
                [each for each in apart if each in sure],
            ),
            (
                "warning",
                "shortcut in part",
                "differs between {} and the others",
                [each for each in sure if each not in apart],
            ),
            (
                "note",
                "shortcut by chance",
                "separates {}, but with so few sessions this may be chance",
                [each for each in apart if each not in sure],
            ),
        ):
            if which:
                title = f"The {fact.name} {what.format(_species(len(which)))}"
                detail = "\n".join(_apart_in_words(each, fact, heard) for each in which)
                yield Finding(level, kind, title, detail, _ADVICE[fact.name])


def _species(n: int) -> str:
    return "one species" if n == 1 else f"{n} species"


def _apart_in_words(each: Shortcut, fact: Fact, heard: _Heard) -> str:
    own = heard.targets == each.target
    if fact.numeric:
        middle, others = (fact.in_words(float(np.median(fact.values[which]))) for which in (own, ~own))
        what = f"median {middle}, others {others}"
    else:
        words, place = np.unique(fact.values, return_inverse=True)
        counts, rest = (np.bincount(place[which], minlength=len(words)) for which in (own, ~own))
        best = int(np.argmax(counts / counts.sum() - rest / rest.sum()))
        what = (
            f"{words[best]} in {counts[best]} of its {own.sum()} recordings "
            f"and in {rest[best]} of {(~own).sum()} others"
        )
    return f"- {heard.name(each.target)}: {what} (separation {each.separation:.2f}, p = {each.p_value:.2g})"


def _probe_findings(probes: Sequence[Probe], heard: _Heard) -> Iterator[Finding]:
    for fact in dict.fromkeys(probe.fact for probe in probes):
        told = [
            each
            for each in probes
            if each.fact == fact and each.p_value <= _SURE and each.accuracy > each.chance
        ]
        if told:
            best = max(told, key=lambda each: each.accuracy - each.chance)
            yield Finding(
                "alarm" if best.accuracy - best.chance >= _GRAVE else "warning",
                "probe",
                f"The {fact} alone predicts {best.accuracy:.0%} of the test recordings correctly",
                "\n".join(
                    f"{each.split}: {each.accuracy:.1%}, chance {each.chance:.1%} (p = {each.p_value:.2g})"
                    for each in told
                ),
                _ADVICE[fact],
            )
