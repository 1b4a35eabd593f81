"""Events as long as the call: classify --narrow."""

import csv
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from handmade_model import write_handmade
from test_box_segmenter import RATE, tones

from avianvox.cli.main import cli
from avianvox.errors import InputError, ModelFileError
from avianvox.inference.answers import answer_file
from avianvox.inference.box_source import BOX_SOURCES, source_asked
from avianvox.inference.classifier import Classifier
from avianvox.inference.events import EventFinder, EventOptions
from avianvox.inference.found import Found
from avianvox.inference.narrow import Narrower, of_one_voice
from avianvox.inference.question import Question
from avianvox.inference.runs import settings_of
from avianvox.inference.window_stream import Pause
from avianvox.tables.columns import HEADER
from avianvox.types import Box, LabelSet, Window

HALF = RATE // 2
CALLS = (Box(2.0, 2.6, 2900, 3100), Box(13.0, 13.5, 2900, 3100), Box(14.0, 14.4, 7000, 7200))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_handmade(tmp_path_factory.mktemp("model") / "m.tflite"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    soundfile.write(path, tones(CALLS, 24.0), RATE)
    return path


def events(classifier: Classifier, path: Path, narrow: str) -> list[dict[str, str]]:
    question = Question(by="event", narrow=narrow, min_score=0.01, wanted=(1,))
    text = HEADER + answer_file(classifier, str(path), question).rows
    return list(csv.DictReader(io.StringIO(text)))


def test_an_event_is_as_long_as_the_calls_in_it(classifier: Classifier, recording: Path) -> None:
    wide, narrow = events(classifier, recording, ""), events(classifier, recording, "all")
    assert [row["scientific_name"] for row in narrow] == [row["scientific_name"] for row in wide]
    assert [row["score"] for row in narrow] == [row["score"] for row in wide]
    assert all(row["low_hz"] == "" for row in wide)
    (event,) = narrow
    assert float(wide[0]["end_s"]) - float(wide[0]["begin_s"]) > 20
    assert float(event["begin_s"]) == pytest.approx(2.0, abs=0.15)
    assert float(event["end_s"]) == pytest.approx(
        13.5, abs=0.15
    )  # what calls in another band is another voice
    assert float(event["low_hz"]) < 2900 < 3100 < float(event["high_hz"]) < 4000


def test_a_band_says_whose_calls_they_are(classifier: Classifier, recording: Path) -> None:
    (event,) = events(classifier, recording, "6000-9000")
    assert float(event["begin_s"]) == pytest.approx(14.0, abs=0.15)
    assert float(event["end_s"]) == pytest.approx(14.4, abs=0.15)
    assert 6000 < float(event["low_hz"]) < 7000
    for text in ("300", "1000-300", "x-y", "300-"):
        wrong = CliRunner().invoke(cli, ["classify", str(recording), "--by", "event", "--narrow", text])
        assert wrong.exit_code == 2
        assert "--narrow: expected all, two frequencies such as 300-1000, or the model file" in wrong.output
        assert f"got '{text}'" in wrong.output


class Drawn:
    """A detector that knows where the calls are, at half the sample rate, and hears whether sound goes by."""

    sample_rate, latest_s = HALF, 1.0

    def __init__(self, *labels: str) -> None:
        self.labels, self.n_samples = labels, 0

    def stream(self) -> "Drawn":
        return Drawn(*self.labels)

    def push(self, samples: np.ndarray) -> list[Box]:
        before, self.n_samples = self.n_samples / HALF, self.n_samples + len(samples)
        ended = [call for call in CALLS if before < call.end_s <= self.n_samples / HALF]
        return [replace(box, label=self.labels[CALLS.index(box)], score=0.7) for box in ended]

    def finish(self) -> list[Box]:
        assert self.n_samples == 24 * HALF
        return []


@pytest.mark.parametrize(
    ("labels", "begin_s", "end_s"),
    [
        (("Parus medius", "Parus medius", "Regulus altus"), 2.0, 13.5),
        (("Regulus altus", "parus medius", "song"), 13.0, 13.5),
        (("Regulus altus", "Regulus altus", "song"), 14.0, 14.4),  # no class of the model: any voice
        (("Regulus altus", "Regulus altus", "Columba bassa"), 0.0, None),  # of others alone
    ],
)
def test_boxes_of_a_detector_narrow_events_of_their_name(
    classifier: Classifier,
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    labels: tuple[str, ...],
    begin_s: float,
    end_s: float | None,
) -> None:
    file = tmp_path / "found.tflite"
    file.write_bytes(b"a detector")
    source = Drawn(*labels)
    monkeypatch.setattr(BOX_SOURCES, "get", lambda row: {"detector": lambda path, **_: source}[row])
    (event,) = events(classifier, recording, str(file))
    (wide,) = events(classifier, recording, "")
    assert float(event["begin_s"]) == pytest.approx(begin_s, abs=0.001)
    assert float(event["end_s"]) == pytest.approx(float(wide["end_s"]) if end_s is None else end_s, abs=0.001)
    assert event["score"] == wide["score"]


def test_a_detector_is_named_by_its_content_in_the_ledger(classifier: Classifier, tmp_path: Path) -> None:
    model, file = write_handmade(tmp_path / "m.tflite"), tmp_path / "found.tflite"
    said = []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        said.append(settings_of(model, Question(by="event", narrow=str(file)))["narrow"])
    assert said[0] != said[1]
    assert settings_of(model, Question(by="event", narrow="all"))["narrow"] == "all"


def test_what_is_no_detector_is_one_line(recording: Path, tmp_path: Path) -> None:
    model = write_handmade(tmp_path / "m.tflite")
    arguments = ["classify", str(recording), "--by", "event", "--narrow"]
    for file, says in (
        (str(model), f"{model} finds no boxes: it is a model of "),
        (str(tmp_path / "none.tflite"), "no model '"),
        (str(recording), f"{recording}"),
    ):
        with pytest.raises(ModelFileError) as wrong:
            CliRunner().invoke(cli, [*arguments, file], catch_exceptions=False)
        assert str(wrong.value).startswith(says)
        assert "\n" not in str(wrong.value)
    with pytest.raises(InputError, match="--narrow: expected all, two frequencies"):
        source_asked("nothing")


def test_events_without_a_box_stay_and_blocks_make_no_difference(classifier: Classifier) -> None:
    def found(samples: np.ndarray, pieces: int) -> list[tuple[int | None, int, object]]:
        narrower = Narrower("all", classifier)
        stream = classifier.windows(narrower.heard(np.array_split(samples, pieces)))
        question = Question(by="event", narrow="all", min_score=0.01, wanted=(1,))
        way = narrower.events(stream, classifier, question, Counter())
        return [(one.first_sample, one.n_samples, one.band_hz) for one in way]

    samples = tones(CALLS, 24.0)
    assert found(samples, 1) == found(samples, 50)
    ((first, n, band),) = found(tones((), 24.0), 5)
    assert (first, band) == (0, None)
    assert n > 23 * RATE


def test_boxes_are_let_go_behind_what_is_open(classifier: Classifier) -> None:
    narrower = Narrower("all", classifier)
    samples = tones((Box(2, 2.4, 2900, 3100), Box(6, 6.4, 2900, 3100)), 8.0)
    blocks = (block for _ in range(12) for block in np.array_split(samples, 8))
    question, most = Question(by="event", narrow="all", min_score=0.999), 0
    for _ in narrower.events(classifier.windows(narrower.heard(blocks)), classifier, question, Counter()):
        pass
    most = len(narrower._boxes) + len(narrower._fork.found)
    assert most <= 8  # of 24: no event is open


def test_the_voice_of_an_event_is_its_loudest_box_and_those_in_its_band() -> None:
    loud, near = Box(1, 2, 1000, 2000, score=0.9), Box(3, 4, 1400, 2600, score=0.3)
    far = Box(0, 1, 5000, 6000, score=0.8)
    assert of_one_voice([far, near, loud]) == [near, loud]
    assert of_one_voice([far]) == [far]


def test_what_may_become_an_event_is_open() -> None:
    finder = EventFinder(EventOptions(smooth=3), LabelSet(("a", "b")), 10)
    assert finder.open_from == []
    for i in range(3):
        finder.push(Window(30 * i, 30, np.float32([0.9, 0.1])))
    assert sorted(finder.open_from) == [0, 60]
    finder.finish()
    assert finder.open_from == []


def test_narrow_is_for_events_and_stands_in_the_ledger_only_where_asked(recording: Path) -> None:
    assert "narrow" not in Question().to_mapping()
    assert Question(narrow="all").to_mapping()["narrow"] == "all"
    for by in ("recording", "window", "hour"):
        wrong = CliRunner().invoke(cli, ["classify", str(recording), "--narrow", "all", "--by", by])
        assert wrong.exit_code == 2
        assert "--narrow: only for events; give --by event too" in wrong.output


def test_a_pause_ends_boxes_and_moves_those_after_it(classifier: Classifier) -> None:
    rate = classifier.spec.sample_rate
    narrower = Narrower("2000-4000", classifier)
    call, pause_s = tones((Box(2, 2.4, 2900, 3100),), 6.0), 60.0
    blocks = [call, Pause(round(pause_s * rate)), call]
    stream = classifier.windows(narrower.heard(blocks))
    question = Question(by="event", min_score=0.01, wanted=(1,))
    found = list(narrower.events(stream, classifier, question, Counter()))
    begins = [(event.first_sample or 0) / rate for event in found]
    assert begins == pytest.approx([2.0, 2.0 + 6.0 + pause_s], abs=0.15)
    assert [event.n_samples / rate for event in found] == pytest.approx([0.4, 0.4], abs=0.2)


def test_an_event_waits_for_its_last_boxes_but_not_beyond_an_outage(classifier: Classifier) -> None:
    narrower = Narrower("all", classifier)
    end = 5 * RATE
    window = classifier.spec.n_frames * classifier.spec.hop_length
    waits = Found(label=1, rank=1, first_sample=0, n_samples=end, score=0.9, decision=None)
    latest = round(narrower.latest_s * RATE)
    assert list(narrower.settled([waits], end + latest - window - 1, [])) == []
    assert list(narrower.settled([], end + latest - window, [])) == [waits]
    assert list(narrower.settled([waits], end - window, [])) == []
    list(narrower.heard([np.zeros(end, np.float32), Pause(1)]))
    assert list(narrower.settled([], end, [])) == [waits]
