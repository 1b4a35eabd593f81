"""The audit by ear on synthetic recordings: clean, and with planted leaks and shortcuts."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from avianvox.audio.decode import load_waveform
from avianvox.audit.duplicates import Duplicate
from avianvox.audit.findings import Finding
from avianvox.audit.sound import _duplicate_findings, _Heard, sound_findings
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import Fold, Split, make_split
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.types import LabelSet, Recording

Sounds = list[tuple[Recording, np.ndarray]]


@pytest.fixture(scope="module")
def halves(synth_catalog_dir: Path) -> Sounds:
    """Two recordings out of each of the sixteen, of different lengths, at 22,050 Hz."""
    rng = np.random.default_rng(0)
    made: Sounds = []
    for recording in read_catalog(synth_catalog_dir).recordings:
        samples = load_waveform(recording.path, sample_rate=22050)[0].samples
        for k, half in enumerate(np.array_split(samples, 2)):
            made.append((replace(recording, id=f"{recording.id}-{k}"), half[: rng.integers(35_000, 44_000)]))
    return made


def draw(sounds: Sounds) -> dict[str, Split]:
    recordings = [recording for recording, _ in sounds]
    return {g: make_split(recordings, grouping=g, n_folds=2, seed=0) for g in ("random", "session")}


def audit(
    sounds: Sounds,
    folder: Path,
    *,
    splits: dict[str, Split] | None = None,
    rate_of: Callable[[Recording], int] = lambda r: 22050,
) -> tuple[list[Finding], dict[str, Any]]:
    """Write the sounds and listen to them."""
    folder.mkdir()
    recordings = []
    for recording, samples in sounds:
        path, rate = folder / f"{recording.id}.flac", rate_of(recording)
        soundfile.write(path, soxr.resample(samples, 22050, rate), rate)
        recordings.append(replace(recording, path=path))
    build_store(recordings, FeatureSpec(), folder / "store", jobs=1)
    labels = LabelSet.from_recordings(recordings)
    targets = np.array([labels.index[r.label] for r in recordings])
    store = FeatureStore.open(folder / "store")
    findings, figures = sound_findings(recordings, targets, splits or draw(sounds), store)
    json.dumps(figures, allow_nan=False)
    return findings, figures


def test_a_clean_set_raises_no_alarm(halves: Sounds, tmp_path: Path) -> None:
    findings, figures = audit(halves, tmp_path / "clean")
    assert [f for f in findings if f.level != "note"] == []
    assert figures["duplicates"] == []
    assert figures["facts"]["sample rate"] == {"22050 Hz": 32}
    assert len(figures["probes"]) == 12


def test_another_sample_rate_of_one_species_is_named(halves: Sounds, tmp_path: Path) -> None:
    label = halves[0][0].label
    findings, _ = audit(halves, tmp_path / "rate", rate_of=lambda r: 16000 if r.label == label else 22050)
    (found,) = [f for f in findings if f.kind == "shortcut"]
    assert (found.level, found.title) == (
        "alarm",
        "The sample rate alone separates one species from all others",
    )
    assert label in found.detail
    assert "16000 Hz in 8 of its 8 recordings and in 0 of 24 others" in found.detail


def test_shorter_recordings_of_one_species_are_named(halves: Sounds, tmp_path: Path) -> None:
    label = halves[0][0].label
    shorter = [(r, x[: len(x) // 2] if r.label == label else x) for r, x in halves]
    findings, _ = audit(shorter, tmp_path / "short")
    found = [f for f in findings if f.kind == "shortcut" and f.level == "alarm"]
    assert "The length alone separates one species from all others" in [f.title for f in found]
    assert all(label in f.detail for f in found)


def test_what_one_session_of_each_species_shares_may_be_chance(halves: Sounds, tmp_path: Path) -> None:
    label = halves[0][0].label
    sounds = [(replace(r, recordist=r.label, date="", site=""), x) for r, x in halves if r.label != "no bird"]
    findings, _ = audit(sounds, tmp_path / "one", rate_of=lambda r: 16000 if r.label == label else 22050)
    found = [f for f in findings if "sample rate" in f.title]
    assert [(f.level, f.kind) for f in found] == [("note", "shortcut by chance")]
    assert label in found[0].detail


def test_copies_on_the_other_side_of_a_clean_split_are_named(halves: Sounds, tmp_path: Path) -> None:
    """Trimmed, amplified and coded, under another name, date and place; one of them under another label."""
    clean = draw(halves)["session"].folds[0]
    chosen = [*clean.test[[0, 5]].tolist(), int(clean.train[3])]
    copies: Sounds = []
    for k, (i, end) in enumerate(zip(chosen, ("mp3", "ogg", "flac"), strict=True)):
        recording, samples = halves[i]
        path = tmp_path / f"copy.{end}"
        soundfile.write(path, 0.4 * samples[4000:], 22050)
        coded = load_waveform(path, sample_rate=22050)[0].samples
        label = recording.label if k else next(r.label for r, _ in halves if r.label != recording.label)
        copies.append((replace(recording, id=f"copy-{end}", label=label, site="elsewhere"), coded))
    leaky = Split((Fold(np.append(clean.train, [32, 33]), np.append(clean.test, 34)),), "session", 0)
    findings, figures = audit([*halves, *copies], tmp_path / "leak", splits={"session": leaky})
    by_kind = {f.kind: f for f in findings}
    across, labels = by_kind["duplicate on both sides"], by_kind["one sound, two labels"]
    assert (across.level, labels.level) == ("alarm", "warning")
    assert "session split 3." in across.detail
    pairs = [(halves[i][0].id, copy.id) for i, (copy, _) in zip(chosen, copies, strict=True)]
    assert [(d["first"], d["second"]) for d in figures["duplicates"]] == sorted(pairs)
    for i, (copy, _) in zip(chosen, copies, strict=True):
        named = f"{halves[i][0].id} ({halves[i][0].label}) and {copy.id} ({copy.label}): "
        assert named in across.detail
        assert (named in labels.detail) == (copy.id == "copy-mp3")


def test_a_pair_with_two_labels_gets_one_advice() -> None:
    recordings = [Recording(name, Path(name), name[0]) for name in ("a1", "b1", "b2")]
    heard = _Heard(recordings, np.arange(3), np.array([0, 1, 1]), {})
    same = [Duplicate(0, 1, "same sound", 0.0, 2.0, 1.0), Duplicate(1, 2, "same sound", 0.0, 2.0, 1.0)]
    note, warning = sorted(_duplicate_findings(same, heard), key=lambda finding: finding.level)
    assert (note.level, warning.level) == ("note", "warning")
    assert "b1 (b) and b2 (b)" in note.detail
    assert "a1" not in note.detail
    assert "a1 (a) and b1 (b)" in warning.detail
    assert "starting at 0.0 s in the first and at 0.0 s in the second" in note.detail


def test_recordings_without_features_are_passed_over(halves: Sounds, tmp_path: Path) -> None:
    silent = (replace(halves[0][0], id="empty"), np.zeros(0, np.float32))
    _, figures = audit([silent, *halves[:12]], tmp_path / "empty")
    assert figures["recordings"] == 12
