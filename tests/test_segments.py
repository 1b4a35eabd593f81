"""Examples for review: which are chosen, what is cut, and how the files are called."""

import csv
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from avianvox.audio.cut import Clip
from avianvox.cli.main import main
from avianvox.dataset.credits import credit_of
from avianvox.inference.picks import choose
from avianvox.inference.segments import SegmentOptions, safe_name, write_segments
from avianvox.inference.spectrogram_picture import draw_segment, save_picture, spectrogram
from avianvox.tables.columns import HEADER, from_csv, to_csv
from avianvox.types import Detection

RATE = 32000


def detection(path: str, begin_s: float, score: float | None, name: str = "Parus major") -> Detection:
    return Detection(path, begin_s=begin_s, end_s=begin_s + 1.0, scientific_name=name, score=score, rank=1)


ROWS = [detection(f"{i % 7}.wav", float(i), (i * 37 % 100) / 100) for i in range(100)]


def scores(rows: list[Detection]) -> list[float | None]:
    return [row.score for row in rows]


def test_best_uncertain_and_random() -> None:
    assert scores(choose(ROWS, per_species=3)["Parus major"]) == [0.99, 0.98, 0.97]
    assert scores(choose(ROWS, pick="uncertain", per_species=3)["Parus major"]) == [0.5, 0.49, 0.51]
    drawn = choose(ROWS, pick="random", per_species=3)
    assert drawn == choose(ROWS[::-1], pick="random", per_species=3)
    assert drawn != choose(ROWS, pick="random", per_species=3, seed=1)


def test_a_minimum_score_leaves_lower_ones_out() -> None:
    found = choose([*ROWS, detection("a.wav", 200.0, None)], per_species=200, min_score=0.97)["Parus major"]
    assert scores(found) == [0.99, 0.98, 0.97, None]


def test_random_is_even() -> None:
    drawn = [choose(ROWS, pick="random", per_species=10, seed=s)["Parus major"] for s in range(100)]
    counts = np.array([sum(row in rows for rows in drawn) for row in ROWS])
    assert counts.sum() == 1000
    assert ((counts - 10) ** 2 / 9).sum() == pytest.approx(100, abs=45)  # chi square of 100 even shares


def test_rows_that_hold_no_example_are_passed_over() -> None:
    whole = Detection("a.wav", scientific_name="Parus major", score=1.0)
    second = replace(detection("a.wav", 0.0, 1.0), rank=2)
    failed = Detection("b.wav")
    unscored = detection("a.wav", 0.0, None)
    found = choose([whole, second, failed, unscored, detection("a.wav", 1.0, 0.1, "Anas acuta")])
    assert list(found) == ["Anas acuta", "Parus major"]
    assert found["Parus major"] == [unscored]


def test_a_name_in_two_forms_of_unicode_is_one_species() -> None:
    rows = [detection("a.wav", n, 0.5, normalize(form, "Pájaro")) for n, form in enumerate(("NFC", "NFD"))]
    assert {name: len(found) for name, found in choose(rows).items()} == {normalize("NFC", "Pájaro"): 2}


@given(st.text(max_size=200))
def test_names_are_safe_on_windows(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode()) <= 201
    assert not set(name) & set('<>:"/\\|?*\0\n\t')
    assert name == name.rstrip(". ")
    assert name.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A folder with ``tones.wav``: in second n, a tone of n + 1 kHz on the left; the right is silent."""
    t = np.arange(10 * RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 1000 * (np.floor(t) + 1) * t)
    (tmp_path / "recordings").mkdir()
    soundfile.write(tmp_path / "recordings" / "tones.wav", np.stack([tone, 0 * t], axis=1), RATE)
    return tmp_path


def test_cut_at_the_right_time_with_an_index_that_is_a_table(tones: Path) -> None:
    rows = [detection("tones.wav", 3.0, 0.9), replace(detection("tones.wav", 7.0, 0.5), channel=1)]
    missing = detection("gone.wav", 1.0, 0.4)
    out = tones / "out"
    made = write_segments(
        {"Parus major": [*rows, missing]},
        out,
        SegmentOptions(pad_s=0.0, audio_format="flac"),
        locate=lambda path: tones / "recordings" / path,
        credit=lambda path: f"by {path.name}",
    )
    assert [s.file for s in made] == [
        "Parus major/001_0.90_tones_3.000s.flac",
        "Parus major/002_0.50_tones_7.000s.flac",
        "",
    ]
    for segment, hz, channels in zip(made, (4000, 8000), (2, 1), strict=False):
        samples, rate = soundfile.read(out / segment.file, always_2d=True)
        assert (rate, samples.shape) == (RATE, (RATE, channels))
        assert np.abs(np.fft.rfft(samples[:, 0])).argmax() == hz
        assert (out / segment.picture).read_bytes().startswith(b"\x89PNG")
    text = (out / "index.csv").read_text()
    assert [row.begin_s for row in from_csv(text.splitlines())] == [3.0, 7.0, 1.0]
    lines = list(csv.DictReader(text.splitlines()))
    assert lines[0]["credit"] == "by tones.wav"
    assert [line["status"] for line in lines] == ["ok", "ok", "missing"]
    assert lines[2]["message"] == "no such file"


def test_padding_stops_at_the_file_and_long_events_at_a_minute(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(100 * 1000), 1000)
    rows = [
        replace(detection(str(tmp_path / "long.wav"), begin, 1.0), end_s=end)
        for begin, end in [(0, 3), (10, 99)]
    ]
    made = write_segments({"x": rows}, tmp_path / "out", SegmentOptions(pad_s=2.0, pictures=False))
    assert [(s.cut_begin_s, s.cut_end_s) for s in made] == [(0.0, 5.0), (8.0, 72.0)]
    assert {path.suffix for path in (tmp_path / "out").rglob("*.*")} == {".wav", ".csv"}


def test_species_that_differ_in_capitals_have_folders_of_their_own(tones: Path) -> None:
    row = detection(str(tones / "recordings" / "tones.wav"), 1.0, 0.5)
    options = SegmentOptions(pictures=False)
    made = write_segments({"Aa/b": [row], "aa:B": [row], "a": []}, tones / "out", options)
    assert [segment.file.split("/")[0] for segment in made] == ["Aa_b", "aa_B_2"]


def test_the_picture_shows_where_the_tone_is(tones: Path) -> None:
    from avianvox.audio.cut import cut

    ((_, clip),) = cut(tones / "recordings" / "tones.wav", [(4.0, 5.0)])
    power, step_hz = spectrogram(clip.samples[:, 0], RATE)
    assert power.mean(axis=1).argmax() * step_hz == pytest.approx(5000, abs=step_hz)
    figure = draw_segment(clip, replace(detection("x", 4.25, 0.5), end_s=4.75, low_hz=1.0, high_hz=9.0), "t")
    axes = figure.axes[0]
    assert axes.get_xlim() == (4.0, 5.0)
    assert axes.get_ylim() == (0.0, 12.0)
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches if hasattr(p, "get_x")]
    assert spans == [(4.0, 4.25), (4.75, 5.0)]


@pytest.mark.parametrize("rate", [20, 400, 1000, 384_000])
def test_sound_of_any_rate_has_a_picture(rate: int) -> None:
    t = np.arange(4 * rate) / rate
    clip = Clip(np.sin(2 * np.pi * rate / 8 * t).astype(np.float32)[:, None], rate, 0, 16)
    power, step_hz = spectrogram(clip.samples[:, 0], rate)
    assert power.mean(axis=1).argmax() * step_hz == pytest.approx(rate / 8, abs=step_hz)
    (axes,) = draw_segment(clip, detection("a.wav", 1.0, 0.5), "a").axes
    assert axes.get_ylim()[1] == pytest.approx(rate / 2000)


def test_a_letter_that_the_font_lacks_is_no_warning(tmp_path: Path) -> None:
    clip = Clip(np.ones((8000, 1), np.float32), 8000, 0, 16)
    save_picture(draw_segment(clip, detection("a.wav", 0.0, 0.5), "鳥"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_credit_comes_from_the_catalog_beside(synth_catalog_dir: Path, tmp_path: Path) -> None:
    sound = sorted(synth_catalog_dir.rglob("*.flac"))[0]
    assert sound.stem in credit_of(sound)
    assert credit_of(tmp_path / "nobody.wav") == ""


def test_credit_does_not_ask_tables_below_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder may hold millions of files, and texts of any kind."""
    (tmp_path / "notes.txt").write_bytes(b"one\rtwo\n")

    def walk(folder: object) -> None:
        raise AssertionError(f"looked through {folder}")

    monkeypatch.setattr("avianvox.dataset.sources.annotations.os.walk", walk)
    assert credit_of(tmp_path / "a.wav") == ""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["segments", *arguments])
    return int(ended.value.code or 0)


def test_the_command(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tones / "recordings" / "detections.csv"
    rows = [detection("tones.wav", float(i), i / 10) for i in range(9)]
    table.write_text(HEADER + to_csv(rows))
    assert (
        run(str(table), "--out", str(tones / "a"), "--per-species", "2", "--pad", "0", "--no-pictures") == 0
    )
    printed = capsys.readouterr()
    assert printed.out == f"{tones / 'a' / 'index.csv'}\n"
    assert printed.err == "2 of 2 segments of 1 species\n"
    assert sorted(p.name for p in (tones / "a" / "Parus major").iterdir()) == [
        "001_0.80_tones_8.000s.wav",
        "002_0.70_tones_7.000s.wav",
    ]
    assert run(str(table), "--out", str(tones / "a")) == 1
    assert "already holds files" in capsys.readouterr().err
    table.write_text(HEADER + to_csv([*rows, detection("gone.wav", 0.0, 1.0)]))
    assert run(str(table), "--out", str(tones / "b"), "--no-pictures", "--format", "flac") == 3
    assert "failed: gone.wav: missing: no such file\n" in capsys.readouterr().err
    table.write_text(HEADER + to_csv([Detection("a.wav", scientific_name="x")]))
    assert run(str(table), "--out", str(tones / "c")) == 1
    assert "expected rows with a species, a begin and an end" in capsys.readouterr().err


def test_rows_of_impossible_files_are_listed(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tones / "recordings" / "detections.csv"
    table.write_text(HEADER + to_csv([detection(path, 1.0, 0.5) for path in ("a" * 300, "b\0c", ".")]))
    assert run(str(table), "--out", str(tones / "a"), "--no-pictures") == 3
    failed = sorted(line for line in capsys.readouterr().err.splitlines() if line.startswith("failed"))
    assert [line.rpartition(": ")[2] for line in failed] == [
        "this is a folder, not a file",
        "File name too long",
        "embedded null byte",
    ]
    assert run(str(table), "--out", str(table / "below"), "--no-pictures") == 1
    assert (
        f"cannot write {table / 'below'}: there is a file where a folder should be" in capsys.readouterr().err
    )
    assert run(str(table), "--out", str(tones / "b"), "--audio", str(tones / "gone")) == 2


@pytest.mark.recordings
def test_a_real_mp3_is_cut_where_the_decoder_of_the_classifier_hears_it(
    real_data: Path, tmp_path: Path
) -> None:
    from avianvox.audio.cut import cut

    path = sorted((real_data / "puerto_rico" / "audio").glob("*.mp3"))[3]
    assert "xeno-canto.org" in credit_of(path)
    ((_, clip),) = cut(path, [(2.0, 3.0)])
    assert len(clip.samples) == clip.sample_rate
