"""What is reviewed, and what is kept of what is said: without a page."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from avianvox.desk.review.material import BLIND_ORDERS, EVENTS, ORDERS, RECORDINGS, Material, read_material
from avianvox.desk.review.said import SaidSoFar
from avianvox.desk.review.sounds import STEP_DB, Sounds, pooled_spectra
from avianvox.desk.review.submitted import Desk
from avianvox.errors import AudioError, InputError
from avianvox.tables.columns import HEADER, to_csv
from avianvox.types import Detection
from avianvox.verdicts.events import Listed, draw, write_drawn
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Said, read_verdicts
from avianvox.verdicts.writing import Writer

RATE = 22_050
TIT, BLACKBIRD = "Parus major", "Turdus merula"


def event(path: str, begin_s: float, species: str, score: float, **more: Any) -> Detection:
    return Detection(path, begin_s=begin_s, end_s=begin_s + 1, scientific_name=species, score=score, **more)


EVENTS_SEEN = (
    event("b.wav", 1.0, TIT, 0.9, common_name="Great Tit", rank=1),
    event("b.wav", 1.0, BLACKBIRD, 0.2, rank=2),
    event("a.wav", 0.0, TIT, 0.55),
    event("a.wav", 0.5, BLACKBIRD, 0.3),
    Detection("c.wav", decoded_s=7.0),
)


@pytest.fixture
def material() -> Material:
    return Material(EVENTS_SEEN, ["d.wav"])


def names(material: Material, positions: list[int]) -> list[tuple[str, str]]:
    items = [material.items[n].first for n in positions]
    return [(item.path, item.scientific_name) for item in items]


def test_events_with_their_guesses_and_all_recordings(material: Material) -> None:
    assert material.n_events == 3
    assert [row.scientific_name for row in material.items[0].rows] == [TIT, BLACKBIRD]
    whole = names(material, list(material.view(RECORDINGS)))
    assert whole == [("b.wav", ""), ("a.wav", ""), ("c.wav", ""), ("d.wav", "")]
    assert material.species() == [(TIT, "Great Tit", 2), (BLACKBIRD, "", 1)]
    assert material.length_s("c.wav") == 7.0
    assert material.length_s("d.wav") is None


def test_orders(material: Material) -> None:
    def ordered(order: str) -> list[tuple[str, str]]:
        return names(material, material.ordered(EVENTS, order))

    b, a, other = ("b.wav", TIT), ("a.wav", TIT), ("a.wav", BLACKBIRD)
    assert ordered("uncertain") == [a, other, b]
    assert ordered("best") == [b, a, other]
    assert ordered("species") == [b, a, other]
    assert ordered("time") == [b, a, other]  # no times: files in the order of the table
    assert set(BLIND_ORDERS) < set(ORDERS)
    with pytest.raises(InputError, match="expected one of uncertain"):
        ordered("worst")


def test_events_in_time_come_by_the_clock_across_files() -> None:
    rows = [event(f"{n}.wav", 0, TIT, 0.5, begin_time=f"2024-05-0{n}T05:00:00.000") for n in (3, 1, 2)]
    material = Material(rows)
    assert [p for p, _ in names(material, material.ordered(EVENTS, "time"))] == ["1.wav", "2.wav", "3.wav"]


def test_drawn_is_the_draw_of_the_verdicts(tmp_path: Path) -> None:
    rows = [event("a.wav", n, TIT if n % 10 else BLACKBIRD, n / 1000) for n in range(200)]
    drawn = Material(rows, seed=1).ordered(EVENTS, "drawn")
    assert sorted(drawn) == list(range(200))
    assert drawn != Material(rows, seed=2).ordered(EVENTS, "drawn")
    chosen = draw([Listed(row) for row in rows], 50, seed=1)
    assert [rows[n] for n in drawn[:50]] == [row.detection for row in chosen]
    write_drawn(chosen, tmp_path / "drawn.csv")
    found = read_material(tmp_path / "drawn.csv")
    assert found.is_drawn
    assert [item.first.begin_s for item in found.items[:50]] == [row.detection.begin_s for row in chosen]
    assert found.ordered(EVENTS, "drawn") == list(range(50))


def test_keys_are_the_same_in_every_run_and_tell_two_suggestions_apart() -> None:
    rows = [event("a.wav", 0, TIT, 0.5), event("a.wav", 0, BLACKBIRD, 0.5), event("a.wav", 0, TIT, 0.5)]
    one, other = Material(rows), Material(rows[::-1])
    assert one.n_events == 2  # a row that stands there twice is one event
    assert set(one.by_key) == set(other.by_key)
    assert len(one.by_key) == 3


def test_overlapping_events(material: Material) -> None:
    assert names(material, list(material.overlapping(1, 0.9, 1.2))) == [("a.wav", TIT), ("a.wav", BLACKBIRD)]
    assert list(material.overlapping(1, 1.5, 2.0)) == []


def test_a_minimum_score_leaves_recordings(material: Material) -> None:
    few = Material(EVENTS_SEEN, min_score=0.5)
    assert few.n_events == 2
    assert len(few.view(RECORDINGS)) == 3


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    times = np.arange(4 * RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 4000 * times) * (times >= 2)
    both = np.stack([tone, np.zeros_like(tone)], axis=1)
    soundfile.write(tmp_path / "tone.wav", tone + 1e-4 * rng.standard_normal(len(tone)), RATE)
    soundfile.write(tmp_path / "stereo.flac", both, RATE)
    return tmp_path


def test_material_of_a_table_of_a_folder_and_of_what_is_neither(folder: Path) -> None:
    assert read_material(folder).files == (str(folder / "stereo.flac"), str(folder / "tone.wav"))
    table = folder / "events.csv"
    table.write_text(HEADER + to_csv([event("tone.wav", 1.0, TIT, 0.9)]))
    found = read_material(table)
    assert (found.n_events, found.files) == (1, ("tone.wav",))
    assert len(read_material(table, audio=folder).files) == 2
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="neither a table nor a sound file"):
        read_material(empty)
    table.write_text(HEADER)
    with pytest.raises(InputError, match="the table has no rows"):
        read_material(table)


def test_a_folder_of_segments_stands_for_its_index(folder: Path) -> None:
    (folder / "index.csv").write_text(
        "file,picture," + HEADER + "x.wav,," + to_csv([event("tone.wav", 1.0, TIT, 0.9)])
    )
    assert read_material(folder).n_events == 1


@pytest.fixture
def sounds(folder: Path) -> Sounds:
    return Sounds(lambda name: folder / name)


def test_a_spectrogram_has_the_tone_in_its_row_and_time(sounds: Sounds) -> None:
    content = sounds.spectrogram("tone.wav", 1.0, 3.5, columns=50)
    rows, columns, begin_s, end_s, step_hz, dark, bright, rate = np.frombuffer(content, "<f8", 8)
    points = np.frombuffer(content, np.uint8, offset=64).reshape(int(rows), int(columns))
    assert (begin_s, end_s, rate, columns) == (1.0, 3.5, RATE, 50)
    row = round(4000 / step_hz)
    assert points[:, 40].argmax() == row
    decibels = points[row] * STEP_DB - 120
    assert decibels[40] == pytest.approx(20 * np.log10(0.5), abs=1.5)  # between two rows a window loses some
    assert decibels[10] < -60
    assert dark < bright


def test_no_call_falls_between_the_columns_of_a_long_piece() -> None:
    samples = np.zeros(60 * RATE, np.float32)
    at = 33 * RATE
    samples[at : at + 200] = np.sin(2 * np.pi * 5000 * np.arange(200) / RATE)
    power, _ = pooled_spectra(samples, RATE, 40)
    assert power.shape[1] == 40
    assert power.max(axis=0).argmax() == 22
    assert power[:, 22].max() > 1e-3


@pytest.mark.parametrize(
    ("slow", "rate", "hertz"), [(1.0, RATE, 4000), (2.0, RATE // 2, 2000), (20.0, 3000, 200)]
)
def test_sound_at_any_speed(sounds: Sounds, slow: float, rate: int, hertz: float) -> None:
    samples, found = soundfile.read(io.BytesIO(sounds.wav("tone.wav", 2.0, 3.0, slow=slow)))
    assert found == rate
    assert len(samples) == pytest.approx(rate * slow, rel=0.01)
    spectrum = np.abs(np.fft.rfft(samples[: int(rate)]))
    assert spectrum.argmax() * rate / int(rate) == pytest.approx(hertz, abs=3)


def test_pieces_are_what_lies_there_and_channels_are_apart(sounds: Sounds, folder: Path) -> None:
    whole, _ = soundfile.read(folder / "tone.wav", dtype="float32")
    for begin_s, end_s in ((0.5, 1.0), (2.25, 2.75), (0.0, 99.0)):
        clip = sounds.piece("tone.wav", begin_s, end_s, None)
        there = whole[round(begin_s * RATE) : round(end_s * RATE)]
        assert np.array_equal(clip.samples[:, 0], there)
    left, right, mixed = (sounds.piece("stereo.flac", 2.0, 3.0, c).samples for c in (1, 2, None))
    assert np.abs(right).max() == 0
    assert np.allclose(mixed, left / 2)
    with pytest.raises(AudioError, match="channel 3"):
        sounds.piece("stereo.flac", 2.0, 3.0, 3)
    with pytest.raises(InputError):
        sounds.piece("tone.wav", 3.0, 2.0, None)
    with pytest.raises(AudioError):
        sounds.head("missing.wav")


def test_quiet_sound_is_made_louder_where_asked(sounds: Sounds) -> None:
    plain, _ = soundfile.read(io.BytesIO(sounds.wav("tone.wav", 0.0, 1.0)))
    loud, _ = soundfile.read(io.BytesIO(sounds.wav("tone.wav", 0.0, 1.0, loud=True)))
    assert np.abs(plain).max() < 0.01
    assert np.abs(loud).max() > 0.3


@pytest.fixture
def said(material: Material, tmp_path: Path) -> Iterator[SaidSoFar]:
    with Writer(tmp_path / "a.verdicts.csv") as writer:
        yield SaidSoFar(material, writer)


@pytest.fixture
def desk(material: Material, said: SaidSoFar) -> Desk:
    return Desk(material, said, blind=False)


def lines(tmp_path: Path) -> list[tuple[str, str, str]]:
    return [(v.id, v.verdict, v.replaces) for v in read_verdicts(tmp_path / "a.verdicts.csv")]


def test_the_same_submission_counts_once(
    material: Material, said: SaidSoFar, desk: Desk, tmp_path: Path
) -> None:
    sent = {"id": "1", "key": material.items[0].key, "verdict": "accepted", "seconds": 2.5}
    desk.submit(sent, "Ana")
    desk.submit(sent, "Ana")
    desk.submit({**sent, "verdict": "noise"}, "Ana")
    assert lines(tmp_path) == [("1", "accepted", "")]
    kept = said.on("Ana", 0)
    assert kept is not None
    assert (kept.file, kept.start_s, kept.end_s, kept.suggested) == ("b.wav", 1.0, 2.0, TIT)
    assert (kept.score, kept.seconds, kept.blind, kept.names) == (0.9, 2.5, False, (TIT,))
    assert said.on("Bo", 0) is None
    assert said.progress("Ana", material.view(EVENTS)) == {
        "total": 3,
        "done": 1,
        Said.ACCEPTED: 1,
        "median_s": 2.5,
    }


def test_a_new_word_replaces_the_last_one_and_undoing_brings_it_back(
    material: Material, said: SaidSoFar, desk: Desk, tmp_path: Path
) -> None:
    key = material.items[0].key
    desk.submit({"id": "1", "key": key, "verdict": "accepted"}, "Ana")
    desk.submit({"id": "2", "key": key, "verdict": "other", "species": [BLACKBIRD]}, "Ana")
    assert lines(tmp_path)[1] == ("2", "other", "1")
    desk.submit({"id": "3", "key": key, "verdict": "undone", "replaces": "2"}, "Ana")
    kept = said.on("Ana", 0)
    assert kept is not None
    assert kept.id == "1"


def test_a_box_that_is_moved_is_two_lines_and_one_answer(
    material: Material, said: SaidSoFar, desk: Desk, tmp_path: Path
) -> None:
    sent = {"id": "1", "key": material.items[0].key, "verdict": "accepted", "box": [1.2, 1.8, 2000, 5000]}
    desk.submit(sent, "Ana")
    desk.submit(sent, "Ana")
    assert lines(tmp_path) == [("1", "accepted", ""), ("1.box", "accepted", "1")]
    kept = said.on("Ana", 0)
    assert kept is not None
    assert (kept.start_s, kept.end_s, kept.low_hz, kept.high_hz) == (1.2, 1.8, 2000, 5000)
    assert len(standing(read_verdicts(tmp_path / "a.verdicts.csv"))) == 1
    desk.submit({"id": "2", "key": sent["key"], "verdict": "undone", "replaces": "1"}, "Ana")
    assert said.on("Ana", 0) is None
    assert standing(read_verdicts(tmp_path / "a.verdicts.csv")) == []


def test_a_box_in_frequency_alone_is_one_line(material: Material, desk: Desk, tmp_path: Path) -> None:
    box = [1.0, 2.0, 2000, 5000]
    desk.submit({"id": "1", "key": material.items[0].key, "verdict": "accepted", "box": box}, "Ana")
    assert lines(tmp_path) == [("1", "accepted", "")]


def test_added_calls_change_and_go(said: SaidSoFar, desk: Desk) -> None:
    call = {"file": 3, "verdict": "added", "species": [TIT]}
    desk.submit({**call, "id": "1", "box": [1, 2, None, None]}, "Ana")
    desk.submit({**call, "id": "2", "box": [1, 3, 100, 200], "replaces": "1"}, "Ana")
    desk.submit({**call, "id": "3", "box": [5, 6, None, None]}, "Ana")
    assert [(v.id, v.end_s) for v in said.added("Ana", "d.wav")] == [("2", 3), ("3", 6)]
    desk.submit({"file": 3, "verdict": "undone", "id": "4", "replaces": "2"}, "Ana")
    assert [v.id for v in said.added("Ana", "d.wav")] == ["1", "3"]  # the change alone
    desk.submit({"file": 3, "verdict": "undone", "id": "5", "replaces": "4"}, "Ana")
    desk.submit({"file": 3, "verdict": "undone", "id": "6", "replaces": "2", "chain": True}, "Ana")
    assert [v.id for v in said.added("Ana", "d.wav")] == ["3"]
    assert said.added("Bo", "d.wav") == []


def test_verdicts_of_another_day_are_taken_up(material: Material, tmp_path: Path) -> None:
    path = tmp_path / "b.verdicts.csv"
    for n, name in enumerate(("Ana", "Bo")):
        with Writer(path) as writer:
            said = SaidSoFar(material, writer)
            assert said.reviewers == ["Ana"][:n]
            Desk(material, said, blind=True).submit(
                {"id": name, "key": material.items[1].key, "verdict": "other", "species": ["Corvus corax"]},
                name,
            )
    with Writer(path) as writer:
        said = SaidSoFar(material, writer)
        kept = said.on("Ana", 1)
        assert kept is not None
        assert (kept.blind, kept.names, kept.suggested) == (True, ("Corvus corax",), TIT)
        assert said.names() == ["Corvus corax"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, "verdict: expected one of accepted"),
        ({"id": ""}, "id: expected a text"),
        ({"id": 7}, "id: expected a text"),
        ({"key": "0"}, "not in this table"),
        ({"verdict": "other"}, "species: expected a scientific name"),
        ({"verdict": "other", "species": ["a;b"]}, "without ';'"),
        ({"verdict": "other", "species": "Parus major"}, "expected a list"),
        ({"verdict": "other", "species": [["x"]]}, "expected a text"),
        ({"seconds": -1}, "seconds: expected"),
        ({"seconds": float("inf")}, "seconds: expected"),
        ({"seconds": True}, "seconds: expected"),
        ({"box": [1, 2]}, "box: expected"),
        ({"box": [2, 1, None, None]}, "start_s, end_s: expected"),
        ({"verdict": "undone"}, "replaces: expected"),
        ({"note": "x" * 501}, "note: expected"),
    ],
    ids=str,
)
def test_what_no_verdict_can_say_is_refused(
    material: Material, desk: Desk, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    sent = {"id": "1", "key": material.items[0].key, "verdict": "accepted", **change}
    with pytest.raises(InputError, match=message):
        desk.submit(sent, "Ana")
    assert lines(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"file": -1},
        {"file": 9},
        {"file": "d.wav"},
        {"verdict": "noise"},
        {"box": None},
        {"box": [1, 1, None, None]},
    ],
    ids=str,
)
def test_what_no_added_call_can_be_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    sent = {"id": "1", "file": 3, "verdict": "added", "species": [TIT], "box": [1, 2, None, None], **change}
    with pytest.raises(InputError):
        desk.submit(sent, "Ana")


def test_a_hundred_thousand_events_are_read_sorted_and_asked_for() -> None:
    """By counting steps one could not tell; this must not take minutes, and here takes about a second."""
    row = event("a.wav", 0.0, TIT, 0.5)
    rows = (replace(row, path=f"{n // 100}.wav", begin_s=n % 100, end_s=n % 100 + 1) for n in range(100_000))
    material = Material(rows)
    assert material.n_events == 100_000
    for order in ORDERS:
        assert len(set(material.ordered(EVENTS, order))) == 100_000
    assert len(list(material.overlapping(999, 50.5, 51.5))) == 2
