"""The audit: what the catalog says, then, with a feature store, what the sound says.

Start at `audit_recordings`. This file puts into words what `avianvox.audit.shared` counts on
splits; `avianvox.audit.classes` does so for species. What a rule gains over knowing nothing is a
finding where it is beyond chance (`_SURE`), and an alarm where it is large as well (`_GRAVE`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audit.classes import class_findings, recording_findings
from avianvox.audit.findings import Audit, Finding
from avianvox.audit.shared import LOOKUPS, SplitFacts, look_at, straddling
from avianvox.dataset.labels.described import summary
from avianvox.dataset.origins import refuse_generated
from avianvox.dataset.splits import Split
from avianvox.errors import InputError
from avianvox.evaluation.plain import counted
from avianvox.types import LabelSet, Recording

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

_SURE = 0.05 / len(LOOKUPS)  # most the p-value of a rule may be on one split
_GRAVE = 0.05  # accuracy gained from which on a rule is an alarm
_MUCH = 0.1  # share of test recordings with their session in training from which on it is a warning
_MOST_NAMED = 5  # recordings or groups that a finding names
_KEPT_TOGETHER = ("session", "recordist", "site")


def audit_recordings(
    recordings: Sequence[Recording],
    splits: Mapping[str, Split],
    labels: LabelSet,
    *,
    store: "FeatureStore | None" = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Look for what tells species apart without listening.

    Parameters
    ----------
    recordings : sequence of Recording
        Each with a label of ``labels``.
    splits : mapping of str to Split
        Splits of ``recordings`` by the name that findings call them, for example "random".
    labels : LabelSet
    store : FeatureStore, optional
        Features of the recordings: brings the audit by ear, see `avianvox.audit.sound`.
    progress : callable, optional
        Gets what is done and how much there is to do, of the audit by ear.

    Raises
    ------
    InputError
        A recording has no label of ``labels``.
    CatalogError
        A recording is generated.
    """
    refuse_generated(recordings)
    strange = [recording.id for recording in recordings if recording.label not in labels.index]
    if strange:
        raise InputError(f"audit: expected a label of each recording, got none of {', '.join(strange[:5])}")
    facts = {name: look_at(name, split, recordings, labels) for name, split in splits.items()}
    findings = [finding for split in facts.values() for finding in _split_findings(split, recordings)]
    findings += _lesser_findings(list(facts.values()))
    findings += [*class_findings(recordings, labels), *recording_findings(recordings)]
    figures = {
        "recordings": len(recordings),
        "classes": len(labels),
        "splits": {name: split.to_mapping() for name, split in facts.items()},
        "voices": summary(recordings),
    }
    if store is not None:
        from avianvox.audit.sound import sound_findings

        targets = np.array([labels.index[recording.label] for recording in recordings], np.int64)
        heard, figures["sound"] = sound_findings(recordings, targets, splits, store, progress)
        findings += heard
    return Audit(tuple(findings), figures)


def _split_findings(facts: SplitFacts, recordings: Sequence[Recording]) -> Iterator[Finding]:
    """Findings about one split."""
    grouping = facts.split.grouping
    if facts.repeated:
        yield Finding(
            "alarm",
            "recording on both sides",
            f"{facts.name}: {counted(len(facts.repeated), 'recording')} in both training and test",
            f"In the same fold: {_some(facts.repeated)}.",
            "Remove them from training or from test, or draw new folds with: avianvox data split",
        )
    if grouping in _KEPT_TOGETHER and facts.shared[grouping]:
        yield _broken(facts, recordings)
    elif facts.shared["session"]:
        yield _shared_session(facts, recordings)
    if grouping == "session" and facts.shared["day"]:
        yield Finding(
            "note",
            "same day",
            f"{facts.name}: {facts.shared['day']:.0%} of the test recordings share recordist and day with "
            "training",
            "They count as different sessions because the name of the place differs.",
            "Check whether one place has two names. Folds by recordist (--groupings recordist) are the "
            "strictest alternative.",
        )
    absent = sorted({*facts.untrained, *facts.untested})
    if absent:
        yield Finding(
            "warning",
            "class not judged",
            f"{facts.name}: {len(absent)} species cannot be evaluated in every fold",
            f"At least one fold has no training or no test recordings of: {', '.join(absent)}.",
            "Use fewer folds, add recordings of these species from other sessions, or state that the mean "
            "leaves them out.",
        )


def _shared_session(facts: SplitFacts, recordings: Sequence[Recording]) -> Finding:
    gain, share = _level(facts, "session_lookup"), facts.shared["session"]
    groups = list(straddling(facts.split, recordings, "session"))
    largest = max(groups, key=lambda group: len(group.test))
    by_recordist, by_site = (facts.rules[name].top1 for name in ("recordist_lookup", "site_lookup"))
    return Finding(
        gain or ("warning" if share >= _MUCH else "note"),
        "shared session",
        f"{facts.name}: {share:.0%} of the test recordings share a session with training",
        f"A session is one recordist, date and place. {_gain(facts, 'session_lookup')}\n"
        f"The same rule by recordist reaches {by_recordist:.1%}, by place {by_site:.1%}.\n"
        f"Sessions in both training and test: {len({group.key for group in groups})}, for example "
        f"{_readable(largest.key)}: {len(largest.train)} of its recordings in training, {len(largest.test)} "
        f"in test.",
        "Evaluate models on folds that keep sessions together (--groupings session). Beside any figure of "
        "this split, give the accuracy of the session rule."
        if gain or share >= _MUCH
        else "The data set is too small to show an effect. Folds by session are safer.",
    )


def _broken(facts: SplitFacts, recordings: Sequence[Recording]) -> Finding:
    grouping = facts.split.grouping
    groups = list(straddling(facts.split, recordings, grouping))
    named = "\n".join(
        f"- {_readable(group.key)}: test {_some(group.test)}; training {_some(group.train)}"
        for group in sorted(groups, key=lambda group: (-len(group.test), group.key))[:_MOST_NAMED]
    )
    more = f"\n- and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return Finding(
        "alarm",
        "broken grouping",
        f"{facts.name}: {counted(len({group.key for group in groups}), grouping)} in both training and test, "
        f"although this split should keep each {grouping} together",
        f"{facts.shared[grouping]:.1%} of the test recordings share a {grouping} with "
        f"training:\n{named}{more}\n{_gain(facts, 'session_lookup')}",
        "Do not use these folds. The file of folds was changed, or the catalog's recordists, dates or places "
        "were. Draw new folds with: avianvox data split",
    )


_BY = {
    "session_lookup": "session",
    "recordist_lookup": "recordist",
    "site_lookup": "place",
    "duration": "duration",
}
"""What each rule looks at."""

_LESSER = {
    "duration": "Use windows of one length and loop short recordings (the default) instead of padding them. "
    "Check whether a model's accuracy rises with the minutes per species.",
    "recordist_lookup": "A model may recognise the equipment and not the bird. Compare with folds by "
    "recordist (--groupings recordist).",
    "site_lookup": "A model may recognise the place by its background noise. Compare with folds by site "
    "(--groupings site).",
}
"""Rules beside the session look-up, and what to do where they gain."""


def _lesser_findings(splits: Sequence[SplitFacts]) -> Iterator[Finding]:
    """One finding for each rule that gains somewhere.

    Recordist and place count where no occasion is shared: elsewhere they say again what that one says.
    """
    for rule, advice in _LESSER.items():
        gaining = [
            facts
            for facts in splits
            if _level(facts, rule) and (rule == "duration" or not facts.shared["session"])
        ]
        if not gaining:
            continue
        best = max(gaining, key=lambda facts: facts.rules[rule].gain)
        grave = rule == "duration" and any(_level(facts, rule) == "alarm" for facts in gaining)
        yield Finding(
            "alarm" if grave else "warning",
            rule,
            f"The {_BY[rule]} of a recording alone predicts {best.rules[rule].top1:.1%} of the test "
            f"recordings correctly (baseline: {best.baseline:.1%})",
            "\n".join(f"{facts.name}: {_gain(facts, rule)}" for facts in gaining),
            advice,
        )


def _level(facts: SplitFacts, rule: str) -> str:
    """How grave the gain of a rule is; "" where chance may have done it."""
    figures = facts.rules[rule]
    if figures.gain <= 0 or figures.p_value > _SURE:
        return ""
    return "alarm" if figures.gain >= _GRAVE else "warning"


def _gain(facts: SplitFacts, rule: str) -> str:
    figures = facts.rules[rule]
    return (
        f"Without listening, the most common species of the same {_BY[rule]} in training is correct for "
        f"{figures.top1:.1%} of the test recordings (first five species: {figures.top5:.1%}; baseline: "
        f"{facts.baseline:.1%}; p = {figures.p_value:.2g})."
    )


def _readable(key: str) -> str:
    """The parts of a session that are known, with commas."""
    return ", ".join(part for part in key.split(" | ") if part.strip())


def _some(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return ", ".join(ids[:_MOST_NAMED]) + more
