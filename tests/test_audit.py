"""The audit from the index: rules that never listen, planted leaks by name, and silence where all is well."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avianvox.audit.findings import Audit, Finding
from avianvox.audit.index import audit_recordings
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import Fold, Split, make_split, source_split
from avianvox.errors import InputError
from avianvox.evaluation.plain import counted
from avianvox.evaluation.rules import RULES
from avianvox.types import LabelSet, Recording

LABELS = LabelSet(("A", "B", "C"))


def row(name: str, label: str, session: str = "", duration_s: float | None = None) -> Recording:
    person, _, date = session.partition("@")
    return Recording(
        name, Path("none"), label, recordist=person, date=date, site=person and "w", duration_s=duration_s
    )


TRAIN = [
    row("1", "A", "ann@1", 10.2),
    row("2", "A", "ann@1", 3.0),
    row("3", "B", "ann@1", 9.8),
    row("4", "B", "ann@2", 5.0),
    row("5", "C", "bob@1", 5.3),
    row("6", "A"),
]
SHARES = np.array([3, 2, 1]) / 6


@pytest.mark.parametrize(
    ("rule", "test", "counts"),
    [
        ("session_lookup", row("t", "A", "ann@1"), [2, 1, 0]),
        ("session_lookup", row("t", "A", "ann@3"), [0, 0, 0]),
        ("session_lookup", row("t", "A"), [0, 0, 0]),  # nothing is known: not the session of recording 6
        ("recordist_lookup", row("t", "A", "ann@9"), [2, 2, 0]),
        ("recordist_lookup", row("t", "A"), [0, 0, 0]),
        ("site_lookup", row("t", "A", "eve@1"), [2, 2, 1]),
        ("duration", row("t", "A", duration_s=10.0), [1, 1, 0]),
        ("duration", row("t", "A", duration_s=0.0), [0, 0, 0]),
        ("duration", row("t", "A"), [0, 0, 0]),
        ("majority", row("t", "A", "ann@1"), [0, 0, 0]),
    ],
)
def test_a_look_up_gives_the_shares_in_its_group(rule: str, test: Recording, counts: list[int]) -> None:
    scores = RULES.get(rule)(TRAIN, [test], LABELS)
    np.testing.assert_allclose(scores[0], (counts + SHARES) / (sum(counts) + 1), rtol=1e-12)


@pytest.mark.parametrize("name", list(RULES))
def test_every_rule_gives_probabilities(name: str) -> None:
    rule = RULES.get(name)
    test = [row("t", "A", "ann@1", 5.0), row("u", "B")]
    scores = rule(TRAIN, test, LABELS)
    assert scores.shape == (2, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert rule(TRAIN, [], LABELS).shape == (0, 3)
    if name != "chance":
        with pytest.raises(InputError, match="training recordings"):
            rule([], test, LABELS)


def catalog(seed: int, n_classes: int = 6, per_class: int = 15, n_sessions: int = 30) -> list[Recording]:
    """Species, sessions and lengths that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    occasions = rng.integers(n_sessions, size=n_classes * per_class).tolist()
    lengths = rng.integers(2, 30, size=n_classes * per_class).tolist()
    return [
        Recording(
            f"r{i:03d}",
            Path("none"),
            f"Genus species{i % n_classes}",
            recordist=f"person {k % 8}",
            date=f"2020-01-{k % 28 + 1:02d}",
            site=f"site {k % 5}",
            duration_s=seconds,
        )
        for i, (k, seconds) in enumerate(zip(occasions, lengths, strict=True))
    ]


def look(rows: list[Recording], splits: dict[str, Split]) -> Audit:
    return audit_recordings(rows, splits, LabelSet.from_recordings(rows))


def drawn(rows: list[Recording], *groupings: str) -> dict[str, Split]:
    return {name: make_split(rows, grouping=name) for name in groupings}


@pytest.mark.parametrize("seed", range(6))
def test_a_clean_set_raises_no_alarm(seed: int) -> None:
    rows = catalog(seed)
    assert not look(rows, drawn(rows, "random", "session")).at("alarm")


def test_sessions_that_cross_a_grouped_split_are_named() -> None:
    rows = catalog(0)
    split = make_split(rows, grouping="session")
    train, test = split.folds[1].train.tolist(), split.folds[1].test.tolist()
    crossing = [rows[i].session for i in test if [rows[k].session for k in test].count(rows[i].session) > 1]
    moved = [next(i for i in test if rows[i].session == name) for name in dict.fromkeys(crossing[:2])]
    leaky = Fold(np.array(sorted(train + moved)), np.array([i for i in test if i not in moved]))
    planted = replace(split, folds=(split.folds[0], leaky, split.folds[2]))
    assert not look(rows, {"mine.json": split}).at("alarm")
    (alarm,) = look(rows, {"mine.json": planted}).at("alarm")
    assert alarm.kind == "broken grouping"
    assert alarm.title.startswith(f"mine.json folds: {len(set(moved))} sessions in both training and test, ")
    for i in moved:
        assert f"{rows[i].recordist}, {rows[i].date}, {rows[i].site}" in alarm.detail
        assert rows[i].id in alarm.detail


def test_a_shared_session_is_a_warning_unless_few_share_one() -> None:
    """Also where the look-up, at this size, gains nothing."""
    rows = [row(f"{i:02d}", "ABC"[i % 3], f"p{i}@1") for i in range(40)]
    split = Split((Fold(np.arange(20), np.arange(20, 40)),), "random", 0)
    for n, level in ((1, "note"), (2, "warning")):
        leaky = [
            *rows[:20],
            *(replace(r, recordist=f"p{k}") if k < n else r for k, r in enumerate(rows[20:])),
        ]
        (found,) = [f for f in look(leaky, {"mine": split}).findings if f.kind == "shared session"]
        assert found.level == level
        assert ("too small to show an effect" in found.advice) == (level == "note")


def test_a_recording_on_both_sides_is_named() -> None:
    rows = catalog(1)
    fold = make_split(rows, grouping="random").folds[0]
    twice = replace(fold, train=np.append(fold.train, fold.test[3]))
    kinds = {f.kind: f for f in look(rows, {"file": Split((twice,), "random", 0)}).at("alarm")}
    assert f": {rows[fold.test[3]].id}." in kinds["recording on both sides"].detail


def test_sessions_that_tell_the_species_are_an_alarm_on_random_folds_alone() -> None:
    days = [int(r.label[-1]) * 4 + i // 6 % 4 for i, r in enumerate(catalog(2))]  # four of each species
    rows = [
        replace(r, recordist=f"person {day % 5}", date=f"2020-01-{day + 1:02d}", site="wood")
        for r, day in zip(catalog(2), days, strict=True)
    ]
    found = look(rows, drawn(rows, "random", "session"))
    (alarm,) = found.at("alarm")
    assert (alarm.kind, alarm.title[:13]) == ("shared session", "random folds:")
    rules = found.figures["splits"]["random"]["rules"]
    assert rules["session_lookup"]["top1"] > 0.9
    assert found.figures["splits"]["session"]["shared"]["session"] == 0


def test_lengths_that_tell_the_species_are_an_alarm_on_all_folds() -> None:
    rows = [replace(r, duration_s=1 if r.label.endswith("0") else r.duration_s) for r in catalog(3)]
    (alarm,) = look(rows, drawn(rows, "random", "session")).at("alarm")
    assert alarm.kind == "duration"
    assert alarm.detail.startswith("random folds: ")
    assert "\nsession folds: " in alarm.detail


def test_what_is_wrong_with_single_species_and_recordings() -> None:
    rows = catalog(4)
    for i, r in enumerate(rows):
        if r.label.endswith("0"):
            rows[i] = replace(r, recordist="person 1")
        elif r.label.endswith("1"):
            rows[i] = replace(r, recordist="person 2", date="2020-02-02", site="pond")
    rows[3] = replace(rows[3], duration_s=0)
    found = {f.kind: f for f in look(rows, drawn(rows, "random")).findings}
    assert "- Genus species0: person 1" in found["single recordist"].detail
    assert "species1" not in found["single recordist"].detail  # said already
    assert "- Genus species1: person 2 | 2020-02-02 | pond" in found["single session"].detail
    assert "r003" in found["zero duration"].detail
    blank = [replace(r, recordist="", date="", site="") for r in rows]
    assert "unknown session" in {f.kind for f in look(blank, drawn(blank, "random")).findings}


def test_findings_are_ranked_and_travel() -> None:
    made = [Finding(level, "kind", f"{level} title", "a\nb", "do") for level in ("note", "alarm", "warning")]
    audit = Audit(tuple(made), {"n": 1})
    assert [finding.level for finding in audit.findings] == ["alarm", "warning", "note"]
    assert audit.lines()[:4] == ["ALARM: alarm title", "  a", "  b", "  What to do: do"]
    assert Audit.from_mapping(audit.to_mapping()) == audit
    with pytest.raises(InputError, match="level"):
        Finding("terrible", "kind", "", "", "")


def test_one_thing_is_not_several() -> None:
    words = [counted(n, word) for n in (1, 2) for word in ("fold", "class")]
    assert words == ["1 fold", "1 class", "2 folds", "2 classes"]


def test_unlabelled_recordings_are_refused() -> None:
    with pytest.raises(InputError, match="t1"):
        audit_recordings([row("t1", "")], {}, LABELS)


@pytest.mark.recordings
def test_the_published_set(real_data: Path) -> None:
    """Expected values over ties; taking the first of the training list among equals gives 0.199 and 0.075."""
    found = read_catalog(real_data / "xenocanto_ca_nv")
    rows = found.recordings
    splits = {"source": source_split(rows, found.split), "random": make_split(rows, grouping="random")}
    audit = audit_recordings(rows, splits, found.labels)

    def figures(split: str, rule: str) -> float:
        return audit.figures["splits"][split]["rules"][rule]["top1"]

    assert figures("source", "session_lookup") == pytest.approx(0.2099, abs=5e-5)
    assert figures("random", "session_lookup") == pytest.approx(0.2277, abs=5e-5)
    assert figures("source", "recordist_lookup") == pytest.approx(0.0738, abs=5e-5)
    assert figures("source", "duration") == pytest.approx(0.0259, abs=5e-5)
    assert figures("source", "chance") == figures("source", "majority") == pytest.approx(1 / 91, abs=1e-6)
    assert audit.figures["splits"]["source"]["shared"]["session"] == pytest.approx(510 / 910, abs=1e-6)
    details = {finding.kind: finding.detail for finding in audit.findings}
    assert "Elegant Tern" in details["single recordist"]
    assert "XC278094, XC474593, XC94452" in details["zero duration"]
    assert [finding.kind for finding in audit.at("alarm")] == ["shared session", "shared session"]
