"""Place and season: the geo model, the prior, and answers that take it into account."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from handmade_geo import SPECIES, geo_entries, make_geo
from handmade_model import LABELS, write_handmade
from hypothesis import given
from hypothesis import strategies as st

from avianvox.audio.notes import FieldNotes
from avianvox.cli.main import cli
from avianvox.errors import InputError, ModelFileError
from avianvox.inference.answers import answer_file
from avianvox.inference.classifier import Classifier
from avianvox.inference.ledger_lines import entry_of
from avianvox.inference.place import Expectation, GeoModel, geo_of, highest_text
from avianvox.inference.place_options import ALL_YEAR, Place, PlaceOptions, week_of
from avianvox.inference.question import Question
from avianvox.inference.runs import Tally
from avianvox.inference.species import read_species
from avianvox.modelfile import read_model_file
from avianvox.tables.columns import HEADER, from_csv
from avianvox.types import LabelSet

NORTH, SOUTH = Place(60, 10, 20), Place(-60, 10, 20)
RATE = 22050

unit = st.floats(0, 1, width=32)
numbers = st.lists(unit, min_size=4, max_size=4).map(lambda values: np.array(values, np.float32))


@pytest.fixture(scope="module")
def geo() -> GeoModel:
    return GeoModel(make_geo(), SPECIES, LABELS)


def found_here(here: np.ndarray, elsewhere: np.ndarray) -> Expectation:
    return Expectation(here, np.maximum(here, elsewhere))


@pytest.mark.parametrize(
    ("day", "week"),
    [((1, 1), 1), ((1, 7), 1), ((1, 8), 2), ((1, 31), 4), ((2, 29), 8), ((5, 22), 20), ((12, 31), 48)],
)
def test_a_month_has_four_weeks(day: tuple[int, int], week: int) -> None:
    assert week_of(date(2024, *day)) == week


@pytest.mark.parametrize("where", [(91, 0), (0, 181), (float("nan"), 0), (0, 0, 0), (0, 0, 49)])
def test_a_place_that_is_none_is_refused(where: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"place: (latitude|longitude|week): expected"):
        Place(*where)  # type: ignore[arg-type]


@given(scores=numbers, here=numbers, elsewhere=numbers)
def test_a_weight_of_nothing_changes_nothing(
    scores: np.ndarray, here: np.ndarray, elsewhere: np.ndarray
) -> None:
    weighed = found_here(here, elsewhere).weigh(scores, weight=0)
    assert weighed.tobytes() == scores.tobytes()


@given(scores=numbers, number=unit, weight=st.floats(0, 10))
def test_equal_numbers_change_no_order(scores: np.ndarray, number: float, weight: float) -> None:
    here = np.full(4, number, np.float32)
    weighed = Expectation(here, np.ones(4, np.float32)).weigh(scores.astype(np.float64), weight)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(weighed[order]) >= 0).all()


@given(score=unit, low=unit, high=unit, weight=st.floats(0, 10), wall=unit)
def test_the_more_expected_the_higher_and_never_above_the_sound(
    score: float, low: float, high: float, weight: float, wall: float
) -> None:
    low, high = sorted((low, high))
    highest = np.ones(2, np.float32)
    scores = np.full(2, score, np.float64)
    less, more = Expectation(np.array([low, high]), highest).weigh(scores, weight, wall)
    assert less <= more + 1e-12
    assert 0 <= more <= score + 1e-12


def test_the_odds_are_multiplied_by_the_share() -> None:
    expectation = Expectation(np.array([0.0, 0.0145, 0.5]), np.array([0.9, 0.9, 0.9]))
    assert expectation.share == pytest.approx([1 / 31, 0.5, 1.0])
    assert expectation.against.tolist() == [True, False, False]
    weighed = expectation.weigh(np.array([0.5, 0.5, 0.5]), weight=1)
    assert weighed == pytest.approx([1 / 32, 1 / 3, 0.5])


def test_what_is_known_nowhere_is_neither_argued_against_nor_walled_off() -> None:
    expectation = Expectation(np.array([0.0002, 0.0002]), np.array([0.0010, 0.9]))
    scores = np.array([0.8, 0.8])
    spared, common = expectation.weigh(scores)
    assert spared > 0.5
    assert expectation.against.tolist() == [False, True]
    assert common < 0.02
    assert expectation.weigh(scores, weight=0, wall=0.03).tolist() == [0.8, 0.0]


def test_a_score_of_a_class_without_a_number_keeps_every_bit() -> None:
    expectation = Expectation(np.zeros(2), np.zeros(2))
    scores = np.array([0.1, 0.7], np.float32)
    assert expectation.weigh(scores).tobytes() == scores.tobytes()


def test_a_geo_model_over_the_classes_of_another(geo: GeoModel) -> None:
    assert geo.at(NORTH).here == pytest.approx([1, 0, 1.2e-4], abs=1e-4)
    assert geo.at(SOUTH).here == pytest.approx([0, 1, 1.2e-4], abs=1e-4)
    assert geo.at(NORTH).known.tolist() == [True, True, False]
    assert geo.at(NORTH).against.tolist() == [False, True, False]
    assert geo.at(NORTH) is geo.at(NORTH), "kept for a place that comes again"


def test_classes_in_another_order_under_other_names_and_unknown_ones() -> None:
    species = ("Accipiter cooperii_Cooper's Hawk", "Parus medius", "Regulus altus")
    labels = LabelSet(("no bird", "Parus medius", "Astur cooperii"))
    here = GeoModel(make_geo(), species, labels).at(NORTH).here
    assert here == pytest.approx([0, 0, 1], abs=1e-4)


def test_a_geo_model_of_another_size_is_refused() -> None:
    geo = GeoModel(make_geo(), SPECIES[:2], LABELS, np.ones(2, np.float32))
    with pytest.raises(
        ModelFileError, match="expected 2 finite numbers, one for each of its species, got 1x3"
    ):
        geo.at(NORTH)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"geo model: it cannot be run .*; add the model again"):
        GeoModel(b"no model" * 9, SPECIES, LABELS).at(NORTH)


def with_geo(path: Path, highest: bytes | None = None) -> Path:
    return write_handmade(path, others=geo_entries(highest=highest))


def test_the_geo_model_of_a_model_file(tmp_path: Path, geo: GeoModel) -> None:
    assert geo_of(read_model_file(write_handmade(tmp_path / "none.tflite"))) is None
    path = with_geo(tmp_path / "model.tflite", highest_text(geo.highest))
    found = geo_of(read_model_file(path))
    assert found is not None
    assert found.at(SOUTH).here.tolist() == geo.at(SOUTH).here.tolist()
    assert found.highest == pytest.approx(geo.highest, abs=1e-5)


@pytest.mark.parametrize(("text", "n"), [(b"0.5\n", 1), (b"a few\n", 0)])
def test_a_list_of_highest_numbers_that_does_not_fit_is_refused(text: bytes, n: int, tmp_path: Path) -> None:
    path = with_geo(tmp_path / "model.tflite", text)
    with pytest.raises(ModelFileError, match=rf"geo_highest.txt: expected 3 numbers.*got {n}; add"):
        geo_of(read_model_file(path))


def test_where_and_when_a_recording_was_made() -> None:
    notes = FieldNotes(begin=datetime(2024, 5, 22, 6, tzinfo=UTC), latitude=60, longitude=10)
    assert PlaceOptions().place_of(notes) == Place(60, 10, 20)
    assert PlaceOptions(week=3).place_of(notes) == Place(60, 10, 3)
    assert PlaceOptions(-60, 10).place_of(notes) == Place(-60, 10, 20)
    dated = replace(notes, begin=None, day=date(2024, 1, 9))
    assert PlaceOptions().place_of(dated) == Place(60, 10, 2)
    assert PlaceOptions().place_of(FieldNotes(latitude=60, longitude=10)) == Place(60, 10, ALL_YEAR)
    assert PlaceOptions().place_of(FieldNotes()) is None


def tone(path: Path, hz: float) -> Path:
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * np.arange(4 * RATE) / RATE), RATE)
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(with_geo(tmp_path_factory.mktemp("model") / "model.tflite"))


@pytest.mark.parametrize("by", ["recording", "window", "event"])
def test_the_place_speaks_in_every_kind_of_answer(by: str, classifier: Classifier, tmp_path: Path) -> None:
    path = str(tone(tmp_path / "tone.wav", 3000.0))  # the middle one, a bird of the south
    alone = answer_file(classifier, path, Question(by=by, min_score=0.3))
    south = answer_file(classifier, path, Question(by=by, min_score=0.3, place=PlaceOptions(-60, 10)))
    north = answer_file(classifier, path, Question(by=by, min_score=0.3, place=PlaceOptions(60, 10)))
    assert "Parus medius" in alone.rows
    assert south.rows.replace(",yes,", ",,").replace(",no,", ",,") == alone.rows  # but for the column
    assert (south.entry.placed, dict(south.entry.against)) == (True, {})
    assert "Parus medius" not in north.rows
    assert north.entry.against.keys() == {"Parus medius"}
    assert (alone.entry.placed, dict(alone.entry.against)) == (None, {})


def test_a_bird_that_is_clear_is_named_all_the_same(classifier: Classifier, tmp_path: Path) -> None:
    path = str(tone(tmp_path / "tone.wav", 3000.0))
    answer = answer_file(classifier, path, Question(place=PlaceOptions(60, 10, weight=0.1)))
    first = next(iter(from_csv([HEADER, *answer.rows.splitlines(keepends=True)])))
    assert first.scientific_name == "Parus medius"
    assert answer.entry.against == {"Parus medius": 1}


def test_what_may_not_be_named_is_not_heard_all_the_same(classifier: Classifier, tmp_path: Path) -> None:
    path = str(tone(tmp_path / "tone.wav", 3000.0))
    question = Question(place=PlaceOptions(60, 10), wanted=(0, 2))
    assert dict(answer_file(classifier, path, question).entry.against) == {}


def test_a_recording_without_a_place_is_answered_and_counted(classifier: Classifier, tmp_path: Path) -> None:
    path = str(tone(tmp_path / "tone.wav", 3000.0))
    answer = answer_file(classifier, path, Question(place=PlaceOptions()))
    assert answer.rows == answer_file(classifier, path, Question()).rows
    assert answer.entry.placed is False
    tally = Tally()
    tally.add(answer.entry)
    assert tally.placeless == 1


def test_a_model_without_a_geo_model_is_refused_in_one_line(tmp_path: Path) -> None:
    classifier = Classifier.load(write_handmade(tmp_path / "model.tflite"))
    with pytest.raises(InputError, match="'low_middle_high' has no geo model, so it knows no places"):
        answer_file(classifier, str(tone(tmp_path / "a.wav", 3000)), Question(place=PlaceOptions(60, 10)))


def test_a_question_without_a_place_is_that_of_older_ledgers() -> None:
    assert "place" not in Question().to_mapping()
    asked = Question(place=PlaceOptions(60, 10)).to_mapping()["place"]
    assert asked == {"latitude": 60, "longitude": 10, "week": None, "weight": 2.0, "wall": 0.0}


def test_an_entry_of_an_older_ledger_is_read(classifier: Classifier, tmp_path: Path) -> None:
    from dataclasses import asdict

    entry = answer_file(classifier, str(tone(tmp_path / "tone.wav", 3000.0)), Question()).entry
    older = {name: value for name, value in asdict(entry).items() if name not in ("against", "placed")}
    assert entry_of(older) == entry


def test_the_list_of_a_place_can_be_given_back(tmp_path: Path) -> None:
    path = with_geo(tmp_path / "model.tflite")
    arguments = ["species", "--lat", "60", "--lon", "10", "--model", str(path)]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0
    assert shown.stdout == "Columba bassa_Low Dove  # expected here: 1.00\n"
    assert "1 species; 1 that the geo model does not know" in shown.stderr
    (tmp_path / "list.txt").write_text(shown.stdout)
    assert read_species(str(tmp_path / "list.txt"), LABELS).indices == (0,)
    rows = CliRunner().invoke(cli, [*arguments, "--unknown", "--csv"]).stdout.splitlines()
    assert rows[0] == "scientific_name,common_name,expected,known"
    assert rows[2] == "Regulus altus,High Kinglet,0.0001,false"
    first = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout.splitlines()[0])
    assert (first["scientific_name"], first["known"]) == ("Columba bassa", True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--lat", "3"], "--lat and --lon: give both of them"),
        (["--week", "3"], "need a place: give --lat and --lon, or --place auto"),
        (["--place", "auto", "--lat", "3", "--lon", "3"], "--place auto excludes --lat and --lon"),
        (["--place", "auto", "--date", "2026-13-01"], "--date: expected a date such as 2026-05-20"),
        (["--place", "auto", "--date", "2026-12-01", "--week", "3"], "--week and --date: give one"),
        (["--place", "auto"], "has no geo model, so it knows no places"),
    ],
)
def test_wrong_options_of_a_place_are_one_line(given: list[str], told: str, tmp_path: Path) -> None:
    model = write_handmade(tmp_path / "model.tflite")
    sound = tone(tmp_path / "a.wav", 3000)
    shown = CliRunner().invoke(cli, ["classify", str(sound), "--model", str(model), *given])
    assert shown.exit_code == 2
    assert told in shown.stderr


def test_the_summary_says_what_was_heard_all_the_same() -> None:
    from collections import Counter

    from avianvox.api.question import against_place

    assert list(against_place(Counter(), 0)) == []
    assert list(against_place(Counter({"Parus medius": 2}), 3)) == [
        "place not known in 3 files: answered by sound alone; --lat and --lon give one",
        "heard though not expected here: Parus medius 2",
    ]


def test_classify_by_the_command_line(tmp_path: Path) -> None:
    """A place in the file's own notes, another by hand, and a run that goes on with the same one alone."""
    model = str(with_geo(tmp_path / "model.tflite"))
    sound, out = tone(tmp_path / "a.wav", 3000), str(tmp_path / "out.csv")
    asked = ["classify", str(sound), "--model", model, "--min-score", "0.3", "-o", out]
    done = CliRunner().invoke(cli, [*asked, "--lat", "60", "--lon", "10"])
    assert done.exit_code == 0
    assert "heard though not expected here: Parus medius 1" in done.stderr
    assert "Parus medius" not in (tmp_path / "out.csv").read_text()
    other = CliRunner().invoke(cli, [*asked, "--lat", "-60", "--lon", "10", "--resume"])
    assert other.exit_code == 2
    assert "had other settings (latitude was" in other.stderr
    again = CliRunner().invoke(cli, [*asked, "--lat", "60", "--lon", "10", "--resume"])
    assert again.exit_code == 0
    assert "heard though not expected here: Parus medius 1" in again.stderr
    unknown = CliRunner().invoke(cli, ["classify", str(sound), "--model", model, "--place", "auto"])
    assert "Parus medius" in unknown.stdout
    assert "place not known in 1 file: answered by sound alone" in unknown.stderr


def test_a_column_says_what_is_not_expected_here(tmp_path: Path) -> None:
    """The tit lives in the south; the kinglet is known nowhere."""
    model = str(with_geo(tmp_path / "model.tflite"))
    sound = tone(tmp_path / "a.wav", 3000)
    asked = ["classify", str(sound), "--model", model, "--format", "csv"]

    def column(*options: str) -> dict[str, str]:
        done = CliRunner().invoke(cli, [*asked, *options])
        assert done.exit_code == 0, done.output
        rows = csv.DictReader(io.StringIO(done.stdout))
        return {row["scientific_name"]: row["expected_here"] for row in rows}

    there = {"Columba bassa": "yes", "Parus medius": "no", "Regulus altus": ""}
    assert column("--lat", "60", "--lon", "10") == there
    assert column("--lat", "-60", "--lon", "10") == there | {"Columba bassa": "no", "Parus medius": "yes"}
    assert set(column().values()) == set(column("--place", "auto").values()) == {""}
    for_people = CliRunner().invoke(cli, [*asked[:-1], "table", "--lat", "60", "--lon", "10"])
    assert "Parus medius (Middle Tit), not expected here" in for_people.stdout
    assert for_people.stdout.count("not expected here") == 1


def test_segments_of_what_is_not_expected_here(tmp_path: Path) -> None:
    """A table that was made without a place: the option says it afterwards, and scores stay."""
    model = str(with_geo(tmp_path / "model.tflite"))
    sound, table = tone(tmp_path / "a.wav", 3000), tmp_path / "t.csv"
    made = ["classify", str(sound), "--model", model, "--by", "window", "-o", str(table)]
    assert CliRunner().invoke(cli, made).exit_code == 0
    call = ["segments", str(table), "--no-pictures", "--pick", "unexpected"]
    none = CliRunner().invoke(cli, [*call, "--out", str(tmp_path / "none")])
    assert "(--place auto, or --lat and --lon)" in str(none.exception)
    north = [*call, "--lat", "60", "--lon", "10", "--model", model, "--out", str(tmp_path / "north")]
    done = CliRunner().invoke(cli, north)
    assert done.exit_code == 0, done.output
    (row, *_) = csv.DictReader((tmp_path / "north/index.csv").read_text().splitlines())
    assert (row["scientific_name"], row["expected_here"]) == ("Parus medius", "no")
    first = next(csv.DictReader(table.read_text().splitlines()))
    assert row["score"] == first["score"]
    south = CliRunner().invoke(cli, [*call, "--lat", "-60", "--lon", "10", "--model", model, "--out", "x"])
    assert "found none" in str(south.exception)
    wrong = CliRunner().invoke(cli, [*call, "--model", model, "--out", str(tmp_path / "x")])
    assert (wrong.exit_code, "--model needs a place" in wrong.stderr) == (2, True)
