"""Events: known answers from square scores, and an oracle that sees all windows at once."""

import math
from pathlib import Path

import numpy as np
import pytest
from handmade_model import write_handmade
from hypothesis import given, settings
from hypothesis import strategies as st

from avianvox.audio.decode import open_audio
from avianvox.errors import InputError
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.inference.classifier import Classifier
from avianvox.inference.events import (
    Event,
    EventFinder,
    EventOptions,
    EventSearch,
    event_thresholds,
    find_events,
    noted_score,
)
from avianvox.inference.question import Question
from avianvox.types import LabelSet, Window

RATE = 10
LENGTH = 30  # windows of three seconds
LABELS = LabelSet(("Parus medius", "Regulus altus", "no bird"))


def windows(*rows: tuple[float, ...], hop: int = LENGTH) -> list[Window]:
    return [Window(i * hop, LENGTH, np.float32(row)) for i, row in enumerate(rows)]


def one_species(*scores: float, hop: int = LENGTH) -> list[Window]:
    return windows(*((score, 0.0, 0.0) for score in scores), hop=hop)


def found(stream: list[Window], labels: LabelSet = LABELS, **options: object) -> list[Event]:
    return list(find_events(stream, EventFinder(EventOptions(**options), labels, RATE)))  # type: ignore[arg-type]


def spans(stream: list[Window], **options: object) -> list[tuple[int, int, int]]:
    return [(event.label, event.first_sample, event.end_sample) for event in found(stream, **options)]


def test_a_square_pulse_is_one_exact_event() -> None:
    event = Event(0, 60, 60, pytest.approx(0.9), pytest.approx(0.8), 2)  # type: ignore[arg-type]
    assert found(one_species(0, 0, 0.7, 0.9, 0, 0)) == [event]
    assert found(one_species(0, 0.4, 0.4)) == []
    assert found([]) == []


def test_weak_windows_belong_to_an_event_before_and_after_a_strong_one() -> None:
    stream = one_species(0.2, 0.3, 0.6, 0.4, 0.2, 0.4)
    assert spans(stream, leave=0.5) == [(0, 30, 120)]
    assert spans(stream, leave=1.0) == [(0, 60, 90)]
    assert spans(stream, leave=0.4) == [(0, 0, 180)]
    assert spans(stream, enter=0.3, leave=1.0) == [(0, 30, 120), (0, 150, 180)]


def test_pauses_up_to_the_gap_are_bridged_and_short_events_left_out() -> None:
    stream = one_species(0.9, 0, 0.9, 0, 0, 0.9, 0.9)
    assert spans(stream) == [(0, 0, 30), (0, 60, 90), (0, 150, 210)]
    assert spans(stream, gap_s=2.9) == spans(stream)
    assert spans(stream, gap_s=3.0) == [(0, 0, 90), (0, 150, 210)]
    assert spans(stream, gap_s=6.0) == [(0, 0, 210)]
    assert spans(stream, min_length_s=3.1) == [(0, 150, 210)]
    assert spans(stream, gap_s=3.0, min_length_s=9.0) == [(0, 0, 90)]  # the pause counts as length


def test_overlapping_windows_give_spans_that_never_overlap() -> None:
    stream = one_species(0.9, 0.1, 0.9, 0.1, 0.1, 0.9, hop=10)
    assert spans(stream) == [(0, 0, 80)]
    assert found(stream)[0].n_windows == 3
    assert spans(one_species(0.9, 0, 0, 0, 0.9, hop=10)) == [(0, 0, 30), (0, 40, 70)]


def test_a_silent_pause_ends_an_event() -> None:
    first, second = one_species(0.9, 0.9)
    later = Window(second.first_sample + 60, LENGTH, second.scores)
    assert spans([first, later]) == [(0, 0, 30), (0, 90, 120)]
    assert spans([first, later], gap_s=6) == [(0, 0, 120)]


def test_a_window_counts_for_its_best_species_or_for_all() -> None:
    stream = windows((0.6, 0.55, 0.0), (0.55, 0.6, 0.0), (0.55, 0.1, 0.9))
    assert spans(stream) == [(0, 0, 30), (1, 30, 60)]
    assert spans(stream, multi_label=True) == [(1, 0, 60), (0, 0, 90)]  # ordered by (end, label)


def test_no_bird_has_no_events_and_other_classes_only_where_wanted() -> None:
    stream = windows((0.3, 0.2, 0.5), (0.1, 0.8, 0.1), (0.35, 0.4, 0.25))
    finder = EventFinder(EventOptions(enter=0.3), LABELS, RATE, wanted=(0, 2))
    assert [(e.label, e.first_sample) for e in find_events(stream, finder)] == [(0, 60)]
    nothing = EventFinder(EventOptions(multi_label=True), LABELS, RATE, wanted=())
    assert list(find_events(stream, nothing)) == []
    both = EventFinder(EventOptions(), LabelSet(("a", "b", "c")), RATE)
    assert [e.label for e in find_events(windows((0, 0, 0.9)), both)] == [2]


def test_the_calibration_brings_a_threshold_for_each_class() -> None:
    thresholds = LevelCalibration(thresholds=(0.7, math.inf, 0.1))
    calibration = Calibration(thresholds, LevelCalibration(thresholds=(0.0, 0.0, 0.0)))
    stream = windows((0.69, 0.1, 0.1), (0.7, 0.1, 0.1), (0.0, 0.99, 0.01))

    def labels(options: EventOptions, numbers: Calibration | None) -> list[int]:
        return [e.label for e in find_events(stream, EventFinder(options, LABELS, RATE, numbers))]

    assert labels(EventOptions(leave=1.0), calibration) == [0]  # no score of the second suffices
    finder = EventFinder(EventOptions(leave=1.0), LABELS, RATE, calibration)
    assert next(find_events(stream, finder)).first_sample == 30  # 0.7 as float32 is less than 0.7
    assert labels(EventOptions(enter=0.8), calibration) == [1]
    assert labels(EventOptions(), None) == [0, 1]  # 0.5 where there is no calibration
    assert labels(EventOptions(), Calibration(LevelCalibration(), LevelCalibration())) == [0, 1]


def test_what_thresholds_withhold_is_counted() -> None:
    thresholds = LevelCalibration(thresholds=(0.7, math.inf, 0.0))
    calibration = Calibration(thresholds, LevelCalibration())
    assert noted_score(LABELS, calibration) == noted_score(LABELS, None) == 0.25
    stream = windows((0.69, 0.1, 0.1), (0.1, 0.3, 0.1), (0.7, 0.1, 0.1), (0.1, 0.24, 0.1), (0.1, 0.43, 0.1))

    def search(**options: float) -> tuple[list[tuple[int, str | None]], dict[int, int]]:
        made = EventSearch(EventOptions(leave=1.0, **options), LABELS, RATE, calibration)  # type: ignore[arg-type]
        return [(e.label, made.decision(e)) for e in find_events(stream, made)], dict(made.below)

    assert search() == ([(0, "named")], {0: 1, 1: 2})
    shown, below = search(enter=0.25)  # what is said shows them
    assert shown == [(0, "uncertain"), (1, "uncertain"), (0, "named"), (1, "uncertain")]
    assert below == {0: 1, 1: 2}
    assert search(enter=0.5) == ([(0, "uncertain"), (0, "named")], {0: 1})
    low = Calibration(LevelCalibration(thresholds=(0.7, 0.129, 0.0)), LevelCalibration())
    assert noted_score(LABELS, low) == 0.12  # where one species is named, another is worth a word


def test_the_minimum_score_of_a_question_is_that_of_its_events() -> None:
    question = Question(by="event", min_score=0.3, events=EventOptions(gap_s=2.0))
    assert question.event_options == EventOptions(enter=0.3, gap_s=2.0)
    assert question.to_mapping()["events"]["enter"] == 0.3  # a ledger of another rule is refused
    assert Question(by="event").event_options.enter is None
    assert 0 < (Question(min_score=0.0).event_options.enter or 0) < 1e-5  # every event


def test_every_species_of_the_bundled_model_can_have_events() -> None:
    classifier = Classifier.load()
    assert classifier.calibration is not None
    thresholds = event_thresholds(classifier.labels, classifier.calibration)
    assert 0.1 < thresholds.min() < thresholds.max() < 0.35
    assert noted_score(classifier.labels, classifier.calibration) == 0.15


def test_smoothing_is_a_centred_mean_of_the_windows_that_are_there() -> None:
    stream = one_species(0.9, 0.3, 0.9, 0.0, 0.0, 0.6)
    smoothed = [0.6, 0.7, 0.4, 0.3, 0.2, 0.3]
    events = found(stream, smooth=3, enter=0.25, leave=1.0)
    assert [(e.first_sample, e.end_sample) for e in events] == [(0, 120), (150, 180)]
    assert events[0].score == pytest.approx(0.7)
    assert events[0].mean == pytest.approx(np.mean(smoothed[:4]))
    paused = [*stream[:2], *(Window(w.first_sample + 1, LENGTH, w.scores) for w in stream[2:])]
    events = found(paused, smooth=3, enter=0.5, leave=1.0)  # neighbours behind the pause are not counted in
    assert [e.score for e in events] == pytest.approx([0.6])


@pytest.mark.parametrize(
    "options",
    [
        {"enter": 0.0},
        {"enter": math.nan},
        {"leave": 1.5},
        {"gap_s": -1.0},
        {"gap_s": math.inf},
        {"min_length_s": math.nan},
        {"smooth": 2},
        {"smooth": 0},
    ],
)
def test_options_out_of_range_are_named(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"events: {next(iter(options))}: expected"):
        EventOptions(**options)  # type: ignore[arg-type]


def oracle(stream: list[Window], options: EventOptions) -> list[tuple[int, int, int, int]]:
    """(end, label, first, number of windows) of the events, from all windows at once."""
    joined = [
        i > 0 and w.first_sample <= stream[i - 1].first_sample + stream[i - 1].n_samples
        for i, w in enumerate(stream)
    ]
    run = np.cumsum([not touches for touches in joined])
    half = options.smooth // 2
    events = []
    scores = [
        np.mean(
            [v.scores for j, v in enumerate(stream) if abs(i - j) <= half and run[i] == run[j]],
            axis=0,
            dtype=np.float64,
        ).astype(np.float32)
        for i in range(len(stream))
    ]
    enter = np.float32(0.5 if options.enter is None else options.enter)
    leave = np.float32(enter * np.float32(options.leave))
    for label in (0, 1):
        counts = [s[label] >= leave and (options.multi_label or s.argmax() == label) for s in scores]
        chain: list[int] = []
        for i in [*np.flatnonzero(counts).tolist(), None]:
            end = max((stream[j].first_sample + LENGTH for j in chain), default=0)
            if chain and (i is None or stream[i].first_sample - end > options.gap_s * RATE):
                length = end - stream[chain[0]].first_sample
                strong = max(scores[j][label] for j in chain) >= enter
                if strong and length >= options.min_length_s * RATE:
                    events.append((end, label, stream[chain[0]].first_sample, len(chain)))
                chain = []
            if i is not None:
                chain.append(i)
    return sorted(events)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 70), st.lists(st.integers(0, 10), min_size=3, max_size=3)), max_size=30
    ),
    st.builds(
        EventOptions,
        enter=st.sampled_from([None, 0.3, 0.9]),
        leave=st.sampled_from([0.3, 0.7, 1.0]),
        gap_s=st.sampled_from([0.0, 0.5, 4.0]),
        min_length_s=st.sampled_from([0.0, 3.5, 6.0]),
        smooth=st.sampled_from([1, 3, 5]),
        multi_label=st.booleans(),
    ),
)
def test_the_stream_gives_what_an_oracle_finds_in_order_and_forgets_it(
    steps: list[tuple[int, list[int]]], options: EventOptions
) -> None:
    firsts = np.cumsum([step for step, _ in steps])
    stream = [
        Window(int(first), LENGTH, np.float32(tenths) / np.float32(10))
        for first, (_, tenths) in zip(firsts, steps, strict=True)
    ]
    finder = EventFinder(options, LABELS, RATE)
    expected = oracle(stream, options)
    for _ in range(2):  # a second recording finds the finder as new
        events = list(find_events(stream, finder))
        assert [(e.end_sample, e.label, e.first_sample, e.n_windows) for e in events] == expected
        assert all(e.mean <= e.score * (1 + 1e-9) for e in events)
    sooner: list[Event] = []
    for window in stream:
        sooner += [*finder.push(window), *finder.pass_to(window.first_sample + 1)]
    assert [*sooner, *finder.finish()] == events


def events_in(classifier: Classifier, sound: np.ndarray, cuts: list[int]) -> list[Event]:
    """The events of a sound that comes in blocks with these borders."""
    stream = classifier.windows(np.split(sound, cuts), overlap_s=1.5)
    options = EventOptions(enter=0.2, gap_s=1.0, smooth=3)
    return list(find_events(stream, EventFinder(options, classifier.labels, classifier.spec.sample_rate)))


def test_tones_are_events_however_their_sound_comes(tmp_path: Path, rng: np.random.Generator) -> None:
    classifier = Classifier.load(write_handmade(tmp_path / "model.tflite"))
    rate = classifier.spec.sample_rate
    seconds = np.arange(24 * rate) / rate
    hertz = np.select([seconds < 8, seconds < 17], [900.0, 3000.0], 7000.0)
    sound = (0.3 * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32)
    events = events_in(classifier, sound, [])
    assert [event.label for event in events] == [0, 1, 2]
    borders = [(e.first_sample / rate, e.end_sample / rate) for e in events]
    for (begin_s, end_s), (right_begin_s, right_end_s) in zip(
        borders, [(0, 8), (8, 17), (17, 24)], strict=True
    ):
        assert abs(begin_s - right_begin_s) < 3 > abs(end_s - right_end_s)  # a window's length
    for n_cuts in (1, 7, 60):
        cuts = np.sort(rng.integers(0, len(sound), n_cuts)).tolist()
        assert events_in(classifier, sound, cuts) == events


@pytest.mark.recordings
def test_real_events_do_not_depend_on_blocks(real_data: Path, rng: np.random.Generator) -> None:
    classifier = Classifier.load()
    path = real_data / "puerto_rico" / "audio" / "XC173294.mp3"
    with open_audio(path, sample_rate=classifier.spec.sample_rate) as audio:
        sound = np.concatenate(list(audio))
    events = events_in(classifier, sound, [])
    assert events
    cuts = np.sort(rng.integers(0, len(sound), 30)).tolist()
    assert events_in(classifier, sound, cuts) == events


def test_an_event_leaves_as_soon_as_nothing_can_join_it() -> None:
    finder = EventFinder(EventOptions(gap_s=3.0), LABELS, RATE)
    left = [len(finder.push(window)) for window in one_species(0.9, 0, 0, 0, 0.9)]
    assert left == [0, 0, 0, 1, 0]
    assert len(finder.finish()) == 1
    assert finder.finish() == []
