"""A folder of clips keeps to its budget, to what is its own, and to whole files."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from avianvox.audio.cut import Clip
from avianvox.audio.field_notes import read_field_notes
from avianvox.errors import InputError, OutputError, StoreError
from avianvox.tables.appended import Appended
from avianvox.tables.formats import read_table
from avianvox.trigger import clips as clips_module
from avianvox.trigger.clips import INDEX, open_clips, read_size
from avianvox.types import Detection

RATE = 8000
BYTES = 2 * 2 * RATE + 44  # of two seconds as WAV


def event(n: int = 0, **values: object) -> Detection:
    facts = {"scientific_name": "Parus major", "score": 0.876, "decision": None, "time_source": "clock"}
    time = f"2026-05-01T05:{n // 60:02d}:{n % 60:02d}.250-04:00"
    return Detection("mic", begin_s=n + 1.0, end_s=n + 1.5, begin_time=time, **facts | values)  # type: ignore[arg-type]


def clip(n: int = 0) -> Clip:
    """Two seconds from second ``n`` of the stream; all samples are n / 100."""
    return Clip(np.full((2 * RATE, 1), n / 100, np.float32), RATE, n * RATE, 16)


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / INDEX, newline="") as file:
        return list(csv.DictReader(file))


def sounds(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.wav"))


def test_a_clip_has_its_name_its_sound_and_its_row(tmp_path: Path) -> None:
    with open_clips(tmp_path / "new" / "clips", budget=10**6) as clips:
        path = clips.save(event(3), clip(3))
    assert path.name == "20260501T050002.250-0400_Parus_major_0.88.flac"
    samples, rate = soundfile.read(path)
    assert (rate, len(samples)) == (RATE, 2 * RATE)
    assert np.abs(samples - 0.03).max() < 1 / 32768
    (row,) = rows(path.parent)
    assert (row["file"], int(row["bytes"])) == (path.name, path.stat().st_size)
    (found,) = read_table(path.parent / INDEX)
    assert (found.path, found.begin_s, found.end_s, found.decoded_s) == (str(path), 1.0, 1.5, 2.0)
    assert (found.recorder, found.begin_time) == ("mic", "2026-05-01T05:00:03.250-04:00")
    notes = read_field_notes(path)
    assert notes.time_at(found.begin_s) == found.begin_time  # `inspect` and `classify` know when it was


def test_a_name_is_never_taken_twice(tmp_path: Path) -> None:
    with open_clips(tmp_path, budget=10**6, kind="wav") as clips:
        names = [clips.save(event(), clip()).name for _ in range(3)]
    assert [name.partition("0.88")[2] for name in names] == [".wav", "_2.wav", "_3.wav"]
    assert [row["file"] for row in rows(tmp_path)] == names


def test_the_oldest_go_and_only_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(b"x" * BYTES)
    (tmp_path / "a.txt").write_text("notes")
    with open_clips(tmp_path, budget=5 * BYTES, kind="wav") as clips:
        names = [clips.save(event(n), clip(n)).name for n in range(4)]
    (tmp_path / names[0]).rename(tmp_path / "kept.wav")
    (tmp_path / names[1]).write_bytes(b"cut by hand")
    with open_clips(tmp_path, budget=5 * BYTES, kind="wav") as clips:
        names += [clips.save(event(n), clip(n)).name for n in range(4, 9)]
        assert clips.n_removed == 2  # two of the first four: the others are the user's now
    ours = sorted(set(sounds(tmp_path)) - {"mine.wav", "kept.wav", names[1]})
    assert ours == names[4:]
    assert (tmp_path / names[1]).read_bytes() == b"cut by hand"
    assert (tmp_path / "mine.wav").stat().st_size == BYTES
    assert (tmp_path / "a.txt").read_text() == "notes"
    listed = [row["file"] for row in rows(tmp_path)]
    assert listed == [names[1], *names[4:]]  # of the others, no file is left under its name
    assert sum((tmp_path / name).stat().st_size for name in ours) <= 5 * BYTES


def test_some_are_removed_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    rewrite = Appended.rewrite
    monkeypatch.setattr(Appended, "rewrite", lambda self, rows: (written.append(1), rewrite(self, rows)))
    with open_clips(tmp_path, budget=40 * BYTES, kind="wav") as clips:
        for n in range(60):
            clips.save(event(n), clip(n))
            assert sum(path.stat().st_size for path in tmp_path.glob("*.wav")) <= 40 * BYTES
    assert len(written) == 7  # three at a time: one for the new clip, and a twentieth of the budget
    assert len(rows(tmp_path)) == len(sounds(tmp_path))


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = open_clips(tmp_path, budget=BYTES - 1, kind="wav")
    with small as clips, pytest.raises(OutputError, match="raise --clips-budget"):
        clips.save(event(), clip())
    with open_clips(tmp_path, budget=10**9, kind="wav") as clips:
        kept = clips.save(event(), clip())
        disk = SimpleNamespace(total=10**10, free=500_000_000 + BYTES - 1)
        monkeypatch.setattr(clips_module.shutil, "disk_usage", lambda _: disk)
        with pytest.raises(OutputError, match="the disk is nearly full"):
            clips.save(event(1), clip(1))
        disk.free += 1
        clips.save(event(2), clip(2))
        monkeypatch.setattr(Appended, "append", _full)
        with pytest.raises(OutputError, match="full"):
            clips.save(event(3), clip(3))
    assert len(sounds(tmp_path)) == len(rows(tmp_path)) == 2
    assert kept.exists()
    assert {path.suffix for path in tmp_path.iterdir()} == {".wav", ".csv", ".lock"}


def _full(*_: object) -> None:
    raise OutputError("the disk is full")


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    with open_clips(tmp_path, budget=10**6, kind="wav") as clips:
        path = clips.save(event(), clip())
    (tmp_path / ".next.wav.avianvox-0.partial").write_bytes(b"half")
    with open(tmp_path / INDEX, "a") as file:
        file.write("half a row,12")
    with open_clips(tmp_path, budget=10**6, kind="wav") as clips:
        assert not list(tmp_path.glob(".*.partial"))
        clips.save(event(1), clip(1))
    assert rows(tmp_path)[0]["file"] == path.name
    assert len(rows(tmp_path)) == 2
    assert all(row["message"] == "" and row["path"] for row in rows(tmp_path))


def test_an_index_that_leads_elsewhere_removes_nothing(tmp_path: Path) -> None:
    with open_clips(tmp_path / "clips", budget=10**6, kind="wav") as clips:
        clips.save(event(), clip())
    victim = tmp_path / "victim.wav"
    shutil.copy(tmp_path / "clips" / sounds(tmp_path / "clips")[0], victim)
    index = tmp_path / "clips" / INDEX
    lines = index.read_text().splitlines(keepends=True)
    index.write_text(lines[0] + lines[1].replace(rows(tmp_path / "clips")[0]["file"], "../victim.wav"))
    with open_clips(tmp_path / "clips", budget=BYTES, kind="wav") as clips:
        clips.save(event(1), clip(1))
    assert victim.exists()


def test_another_process_and_another_index_are_refused(tmp_path: Path) -> None:
    busy = pytest.raises(StoreError, match="another process saves clips there")
    with open_clips(tmp_path, budget=10**6), busy, open_clips(tmp_path, budget=10**6):
        pass
    (tmp_path / INDEX).write_text("path,score\nmine.wav,1\n")
    with pytest.raises(OutputError, match="no index of clips"), open_clips(tmp_path, budget=10**6):
        pass
    assert (tmp_path / INDEX).read_text() == "path,score\nmine.wav,1\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("2 gb", 2 * 10**9), ("1.5G", 1_500_000_000), ("64MiB", 64 << 20), ("123", 123)],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "2XB", "GB", "nan", "1e9", "2 GB more", "2I"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InputError, match="such as 2GB"):
        read_size(text)
