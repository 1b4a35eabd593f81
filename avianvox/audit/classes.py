"""What the catalog says about single species and recordings, whatever the split."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from avianvox.audit.findings import Finding
from avianvox.audit.shared import KEYS
from avianvox.dataset.labels.described import summary
from avianvox.evaluation.plain import counted
from avianvox.types import NO_BIRD, ORIGINS, LabelSet, Recording

_MAIN_RECORDIST = 0.25  # from this share of all recordings on, one person is worth a note
_MANY = 0.05  # share of recordings about which something is unknown
_MOST_SPELLINGS = 10  # that a finding names


def undrawn_finding(grouping: str, recordings: Sequence[Recording], reason: str) -> Finding:
    """What it says of a catalog that no folds by ``grouping`` can be drawn; ``reason`` is why."""
    groups = {KEYS[grouping](r) for r in recordings} if grouping in KEYS else set()
    if len(groups) == 1 and "" not in groups:
        title = f"All recordings share one {grouping}: folds by {grouping} cannot be drawn"
    else:
        title = f"{grouping.capitalize()} folds cannot be drawn"
    return Finding(
        "alarm",
        "no folds",
        title,
        f"{reason[:1].upper()}{reason[1:]}.",
        "Add recordings of each species from other days, recordists and places. Until then, no figure of "
        "these recordings is an estimate of the accuracy on new recordings.",
    )


def class_findings(recordings: Sequence[Recording], labels: LabelSet) -> Iterator[Finding]:
    """One species alone, and species that come from one session or one recordist only."""
    if len(labels) == 1:
        yield Finding(
            "alarm",
            "one class",
            f"All recordings have one class, {_called(labels.names[0], labels)}",
            "A model that always gives this class is always right.",
            f"Add recordings of other species, or without any (class '{NO_BIRD}'). Check that the column "
            "'label' holds the species.",
        )
    single = {key: single_group_classes(recordings, key) for key in ("session", "recordist")}
    if single["session"]:
        yield Finding(
            "warning",
            "single session",
            _title(single["session"], labels, "come from one session only"),
            f"{_each(single['session'], labels)}\nFolds by session cannot evaluate them.",
            "Add recordings of them from another session, or leave them out of averages.",
        )
    by_one = {label: who for label, who in single["recordist"].items() if label not in single["session"]}
    if by_one and len({r.recordist for r in recordings}) > 1:
        yield Finding(
            "warning",
            "single recordist",
            _title(by_one, labels, "come from one recordist only"),
            f"{_each(by_one, labels)}\nFolds by recordist cannot evaluate them. Other folds cannot show "
            "whether a model recognises the species or the recordist's equipment.",
            "Add recordings by other recordists. Until then, state this beside their figures.",
        )


def _synthetic(recordings: Sequence[Recording]) -> Iterator[Finding]:
    made = [r for r in recordings if r.synthetic]
    if not made:
        return
    some = len(made) < len(recordings)
    kinds = Counter(ORIGINS.get(r.origin, r.origin) for r in made)
    of_what = len({name for r in made for name in r.made_of})
    yield Finding(
        "alarm" if some else "warning",
        "synthetic",
        f"{len(made)} of {len(recordings)} recordings are synthetic"
        if some
        else f"All {len(made)} recordings are synthetic",
        "; ".join(f"{kind}: {n}" for kind, n in sorted(kinds.items()))
        + (f". They were made of {counted(of_what, 'recording')}." if of_what else "."),
        "Evaluations refuse both together. Judge models on real recordings alone. Synthetic ones may help in "
        "training."
        if some
        else "State it beside every figure. No figure of theirs tells how a model does on real sound.",
    )


def recording_findings(recordings: Sequence[Recording]) -> Iterator[Finding]:
    """Synthetic sound, lengths of zero, unknown sessions, one recordist who made much of the set."""
    yield from _synthetic(recordings)
    empty = [r.id for r in recordings if r.duration_s is not None and r.duration_s <= 0]
    if empty:
        yield Finding(
            "warning",
            "zero duration",
            f"{counted(len(empty), 'recording')} without sound",
            f"Their duration in the catalog is 0: {', '.join(empty)}.",
            "Check the files with: avianvox probe. Leave out those without sound.",
        )
    unknown = [r.id for r in recordings if not KEYS["session"](r)]
    if len(unknown) > _MANY * len(recordings):
        yield Finding(
            "warning",
            "unknown session",
            f"{len(unknown)} of {len(recordings)} recordings have no recordist, date or site",
            "Each counts as a session of its own, so related recordings may be split between training and "
            "test.",
            "Fill in the columns 'recordist', 'date' and 'site' of the catalog.",
        )
    people = Counter(r.recordist for r in recordings if r.recordist)
    if len(people) > 1 and people.most_common(1)[0][1] >= _MAIN_RECORDIST * len(recordings):
        name, n = people.most_common(1)[0]
        n_species = len({r.label for r in recordings if r.recordist == name})
        yield Finding(
            "note",
            "main recordist",
            f"One recordist made {n / len(recordings):.0%} of the recordings",
            f"{name}: {n} of {len(recordings)}, of {n_species} species.",
            "Expect a lower accuracy on recordings by other recordists.",
        )
    voices = summary(recordings)
    if voices["unread"]:
        shown = ", ".join(f"'{text}' ({n})" for text, n in list(voices["unread"].items())[:_MOST_SPELLINGS])
        more = len(voices["unread"]) - _MOST_SPELLINGS
        yield Finding(
            "note",
            "unread spelling",
            f"{len(voices['unread'])} spellings of call types, sexes or stages are not understood",
            f"{shown}{f' and {more} more' if more > 0 else ''}. A call type is known of "
            f"{voices['understood']} of {voices['stated']} recordings that state one.",
            "List them with: avianvox data voices. What is not understood counts as not known.",
        )


def single_group_classes(recordings: Sequence[Recording], key: str) -> dict[str, str]:
    """Labels of two recordings or more that share one ``key`` of `KEYS`: ``label -> that key``.

    A label with a recording whose key isn't known is not among them.
    """
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for recording in recordings:
        keys[recording.label].append(KEYS[key](recording))
    return {
        label: found[0]
        for label, found in sorted(keys.items())
        if len(found) > 1 and len(set(found)) == 1 and found[0]
    }


def _title(found: dict[str, str], labels: LabelSet, what: str) -> str:
    if len(found) == 1:
        return f"All recordings of {_called(next(iter(found)), labels)} {what}"
    return f"{len(found)} species {what}"


def _each(found: dict[str, str], labels: LabelSet) -> str:
    return "\n".join(f"- {_called(label, labels)}: {key}" for label, key in found.items())


def _called(label: str, labels: LabelSet) -> str:
    common = labels.common_name(labels.index[label])
    return f"{label} ({common})" if common else label
