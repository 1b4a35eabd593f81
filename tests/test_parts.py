"""Parts of recordings: the sound and the rows of the right time, and a store that notices when they move."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_store import SPEC, contents

from avianvox.audio.decode import load_waveform
from avianvox.audio.excerpt import Excerpt
from avianvox.dataset.catalog import Catalog, duplicate_audio, read_catalog
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.splits import make_split
from avianvox.errors import AudioError, InputError, StoreError
from avianvox.features.build import build_store
from avianvox.features.extract import extract_features
from avianvox.features.filters import mel_matrix
from avianvox.features.ledger import read_ledger
from avianvox.features.provide import provide_store
from avianvox.features.spans import span_frames
from avianvox.features.store import FeatureStore, verify_store
from avianvox.types import Recording, Status

TONES_HZ = (1000.0, 2000.0, 4000.0, 8000.0)


def write_tones(path: Path, rate: int = 44_100, seconds: float = 5.0) -> Path:
    """One tone after the other in soft noise, each ``seconds`` long, in stereo."""
    t = np.arange(int(seconds * rate)) / rate
    mono = np.concatenate([0.3 * np.sin(2 * np.pi * hz * t) for hz in TONES_HZ])
    mono += 1e-3 * np.random.default_rng(0).standard_normal(len(mono))
    soundfile.write(path, np.stack([mono, mono], axis=1), rate)
    return path


def part(path: Path, begin_s: float, end_s: float | None) -> Recording:
    return Recording(f"{path.name}#{begin_s}-{end_s}", path, label="A b", begin_s=begin_s, end_s=end_s)


def samples_of(path: Path, first: int, last: int | None) -> np.ndarray:
    with Excerpt(path, sample_rate=22_050, first=first, last=last) as excerpt:
        return np.concatenate(list(excerpt))


def band_of(hz: float) -> int:
    """The band that holds most of a tone."""
    return int(mel_matrix(SPEC)[round(hz * SPEC.n_fft / SPEC.sample_rate)].argmax())


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_an_excerpt_is_what_stands_there_in_the_whole(tmp_path: Path, name: str, rate: int) -> None:
    path = write_tones(tmp_path / name, rate, 0.7)
    whole = load_waveform(path, sample_rate=22_050)[0].samples
    for first, last in ((0, 1), (0, 5000), (12_345, 40_001), (len(whole) - 300, None), (50_000, 10**6)):
        found = samples_of(path, first, last)
        assert found.shape == whole[first:last].shape
        assert np.abs(found - whole[first:last]).max() < 1e-6
    with pytest.raises(AudioError, match=r"the recording ends before 45\.4 s") as refused:
        samples_of(path, 10**6, None)
    assert refused.value.status == Status.EMPTY
    with pytest.raises(InputError, match="at least one sample"):
        samples_of(path, 5, 5)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_the_store_has_the_rows_of_the_whole_in_that_place(tmp_path: Path, name: str) -> None:
    path = write_tones(tmp_path / name, seconds=1.0)
    spans = [(0.0, 0.5), (0.01, 0.02), (1.234, 3.21), (2.0, None), (0.0, None)]
    recordings = [part(path, *span) for span in spans]
    for jobs in (1, 2):
        build_store(recordings, SPEC, tmp_path / str(jobs), jobs=jobs)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert verify_store(tmp_path / "1") == []
    store = FeatureStore.open(tmp_path / "1")
    whole = extract_features(load_waveform(path, sample_rate=SPEC.sample_rate)[0], SPEC).values
    for i, span in enumerate(spans):
        first, last = span_frames(SPEC, span)
        assert np.abs(store.features(i) - whole[first:last]).max() < 0.01
        assert store.status(i) is Status.OK


def test_crops_come_from_the_right_time(tmp_path: Path) -> None:
    path = write_tones(tmp_path / "tones.wav")
    recordings = [part(path, 5.0 * i + 0.5, 5.0 * i + 4.5) for i in range(4)] + [part(path, 16.0, 16.5)]
    build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    reader = CropReader(FeatureStore.open(tmp_path / "store"), None, CropSettings(combine="mel"))
    indices = np.repeat(np.arange(5), 3)
    offsets = np.concatenate([reader.random_offsets(np.arange(5), seed=0, epoch=e) for e in range(3)])
    crops = reader.read(indices, offsets.reshape(3, 5).T.ravel())
    expected = np.repeat([band_of(hz) for hz in (*TONES_HZ, TONES_HZ[3])], 3)
    assert np.array_equal(crops.argmax(axis=2), np.repeat(expected[:, None], 128, axis=1))
    assert reader.store.n_frames.tolist() == [172, 173, 172, 172, 21]  # 4 s and 0.5 s; the short one loops


def test_a_part_beyond_the_sound_is_said(tmp_path: Path) -> None:
    path = write_tones(tmp_path / "a.wav", seconds=0.5)
    spans = [(1.0, 2.0), (1.5, 3.0), (2.5, 3.0), (2.01, 3.0), (1.95, 2.05)]
    report = build_store([part(path, *span) for span in spans], SPEC, tmp_path / "store", jobs=1)
    assert [(e.status.value, e.message) for e in report.entries] == [
        ("ok", ""),
        ("truncated", "the part is 1.5 s long, 0.5 s decode"),
        ("empty", "the recording ends before 2.5 s"),
        ("empty", "the recording ends before this part, at 2.0 s"),
        ("ok", ""),
    ]
    assert report.entries[1].header_s == pytest.approx(1.5, abs=0.03)


def test_a_part_that_has_moved_is_described_again_and_alone(tmp_path: Path) -> None:
    path = write_tones(tmp_path / "a.wav", seconds=0.5)
    first, second = (Recording(f"a#{i}", path, begin_s=s, end_s=s + 0.4) for i, s in enumerate((0.0, 0.6)))
    whole = Recording("a", path)
    build_store([first, second, whole], SPEC, tmp_path / "store", jobs=1)
    moved = replace(second, begin_s=1.1, end_s=1.5)
    with pytest.raises(StoreError, match="recording 'a#1': the store"):
        provide_store([moved], SPEC, tmp_path / "store")
    assert len(provide_store([second], SPEC, tmp_path / "store")) == 3
    report = build_store([first, moved, whole], SPEC, tmp_path / "store", jobs=1)
    assert report.n_extracted == 1
    build_store([first, moved, whole], SPEC, tmp_path / "anew", jobs=1)
    assert contents(tmp_path / "store") == contents(tmp_path / "anew")
    assert build_store([first, moved, whole], SPEC, tmp_path / "store", jobs=1).n_extracted == 0
    ledger = next((tmp_path / "store").rglob("ledger.jsonl"))
    assert [entry.span for entry in read_ledger(ledger)] == [(0.0, 0.4), (1.1, 1.5), None]
    assert '"span"' not in ledger.read_text().splitlines()[2]  # whole files keep the lines that they had


@pytest.mark.parametrize("grouping", ["random", "session", "recordist", "site"])
def test_parts_of_a_file_stand_on_one_side(grouping: str) -> None:
    rows = [
        replace(part(Path(f"{i}.wav"), float(j), j + 1.0), label="AB"[j % 2])
        for i in range(9)
        for j in range(6)
    ]
    for fold in make_split(rows, grouping=grouping).folds:
        assert not {rows[i].path for i in fold.train} & {rows[i].path for i in fold.test}
        assert {rows[i].label for i in fold.test} == {"A", "B"}
    with pytest.raises(InputError, match="the published draws part whole recordings"):
        make_split(rows, grouping="published")
    with pytest.raises(InputError, match="all are parts of one file; annotate other files too"):
        make_split(rows[:6], grouping="random")


def test_merged_catalogs_keep_the_parts_of_a_file_together(tmp_path: Path) -> None:
    here, there = (tmp_path / name / "a.wav" for name in ("here", "there"))
    for path, seconds in ((here, 0.5), (there, 0.6)):
        path.parent.mkdir()
        write_tones(path, seconds=seconds)
    mine = Catalog((part(here, 0.0, 1.0),))
    same = Catalog((part(here, 0.0, 1.0), part(here, 1.0, 2.0)))
    assert [r.id for r in mine.merged(same).recordings] == ["a.wav#0.0-1.0", "a.wav#1.0-2.0"]
    others = Catalog((part(there, 0.0, 1.0), part(there, 1.0, 2.0)))
    merged = mine.merged(others, name="there")
    assert [r.file_id for r in merged.recordings] == ["a.wav", "there/a.wav", "there/a.wav"]
    assert duplicate_audio(merged.recordings) == []


@pytest.mark.recordings
def test_parts_of_real_recordings_have_the_rows_of_the_whole(real_data: Path, tmp_path: Path) -> None:
    chosen = read_catalog(real_data / "puerto_rico").recordings[::40]
    parts = [
        replace(r, id=f"{r.id}#{begin}", begin_s=begin, end_s=begin + 0.5)
        for r in chosen
        for begin in (0.3, 2.1)
    ]
    report = build_store([*chosen, *parts], SPEC, tmp_path / "store", jobs=1)
    assert not report.failed
    store = FeatureStore.open(tmp_path / "store")
    for recording in parts:
        first, last = span_frames(SPEC, (recording.begin_s or 0.0, recording.end_s))
        whole = store.features(store.index_of(recording.file_id))[first:last, : SPEC.n_mels]
        part = store.features(store.index_of(recording.id))[:, : SPEC.n_mels]
        assert part.shape == whole.shape
        heard = whole > whole.max() - 60
        assert np.abs(part - whole)[heard].max() < 0.01
