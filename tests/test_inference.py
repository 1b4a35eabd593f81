"""Windows, runtime, classifier and executors, on tones with known answers."""

import contextlib
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_model import LABELS, SPEC, write_handmade

from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError, ModelFileError
from avianvox.inference.answers import Answer
from avianvox.inference.classifier import Classifier
from avianvox.inference.question import Question
from avianvox.inference.readahead import read_ahead
from avianvox.inference.runs import _answer_one as answer_one
from avianvox.inference.runs import answer_files
from avianvox.inference.window_stream import hop_frames, stream_windows
from avianvox.tables.columns import HEADER, from_csv
from avianvox.types import LabelSet, Status
from avianvox.workers import Workplace

RATE = 22050


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture(scope="module")
def classifier(model: Path) -> Classifier:
    return Classifier.load(model)


def write_tones(path: Path, *tones: tuple[float, float]) -> Path:
    """A WAV of ``(frequency in Hz, seconds)`` one after the other."""
    parts = [0.3 * np.sin(2 * np.pi * hz * np.arange(round(s * RATE)) / RATE) for hz, s in tones]
    soundfile.write(path, np.concatenate(parts), RATE)
    return path


@pytest.mark.parametrize("n", [1, 7, 16, 17, 40, 48, 50])
@pytest.mark.parametrize("hop", [3, 16])
@pytest.mark.parametrize("block", [1, 5, 64])
def test_windows_of_a_stream_are_those_of_the_rule(n: int, hop: int, block: int) -> None:
    rows = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    blocks = [rows[i : i + block] for i in range(0, n, block)]
    found = [(first, w.copy()) for first, w in stream_windows(blocks, n_frames=16, hop=hop)]
    assert [first for first, _ in found] == window_offsets(n, 16, hop).tolist()
    for first, window in found:
        np.testing.assert_array_equal(window, rows[np.arange(first, first + 16) % n])


def test_no_rows_give_no_windows() -> None:
    assert list(stream_windows([], n_frames=16, hop=16)) == []


def test_overlap_becomes_a_hop() -> None:
    assert hop_frames(SPEC, 0.0) == 128
    assert hop_frames(SPEC, SPEC.frames_to_seconds(28)) == 100
    for overlap_s in (-0.1, SPEC.window_s, 10.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match=r"less than the model's window of 2\.97 s"):
            hop_frames(SPEC, overlap_s)


@pytest.mark.parametrize(("hz", "name"), list(zip((500, 3000, 6000), LABELS.names, strict=True)))
def test_a_tone_is_named(classifier: Classifier, tmp_path: Path, hz: float, name: str) -> None:
    prediction = classifier.classify(write_tones(tmp_path / "tone.wav", (hz, 7.0)))
    assert prediction.status is Status.OK
    best, score = prediction.top(1)[0]
    assert best == name
    assert score > 0.8
    assert prediction.header_s == prediction.decoded_s == 7.0


def test_the_timeline_tells_when(classifier: Classifier, tmp_path: Path) -> None:
    length = SPEC.window_s
    prediction = classifier.classify(write_tones(tmp_path / "two.wav", (500, 2 * length), (6000, 2 * length)))
    best = [LABELS.names[int(np.argmax(window.scores))] for window in prediction.windows]
    assert best[:2] == ["Columba bassa"] * 2
    assert best[2:] == ["Regulus altus"] * 3  # the last window is aligned to the end
    mean = np.mean([window.scores for window in prediction.windows], axis=0)
    np.testing.assert_allclose(prediction.scores, mean, atol=1e-6)
    assert [w.first_sample for w in prediction.windows[:4]] == [0, 65536, 131072, 196608]
    last = prediction.windows[-1]
    assert last.first_sample + last.n_samples == round(2 * length * RATE) * 2


def test_overlap_gives_more_windows(classifier: Classifier, tmp_path: Path) -> None:
    path = write_tones(tmp_path / "tone.wav", (500, 10.0))
    apart, overlapping = (classifier.classify(path, overlap_s=s) for s in (0.0, 1.5))
    assert (len(apart.windows), len(overlapping.windows)) == (4, 6)


def test_a_short_recording_is_looped(classifier: Classifier, tmp_path: Path) -> None:
    prediction = classifier.classify(write_tones(tmp_path / "short.wav", (3000, 0.5)))
    assert prediction.top(1)[0][0] == "Parus medius"
    assert [(w.first_sample, w.n_samples) for w in prediction.windows] == [(0, RATE // 2)]


def test_what_is_wrong_becomes_a_status(classifier: Classifier, tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("not a sound")
    (tmp_path / "none").mkdir()
    for path, status in (
        (text, Status.UNDECODABLE),
        (tmp_path, Status.MISSING),
        (tmp_path / "none", Status.EMPTY),
        (tmp_path / "no", Status.MISSING),
    ):
        prediction = classifier.classify(path)
        assert (prediction.status, len(prediction.scores), prediction.windows) == (status, 0, ())
        assert prediction.message
        assert str(path) not in prediction.message


@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_come_in_order_and_are_those_of_each_file_alone(
    jobs: int, model: Path, tmp_path: Path
) -> None:
    paths = [str(write_tones(tmp_path / f"{i}.wav", (500 + 900 * i, 4.0 - 0.8 * i))) for i in range(4)]
    paths.insert(1, str(tmp_path / "missing.wav"))
    found = dict(answer_files(paths, model, Question(), Workplace(jobs)))
    assert [answer.entry.path for answer in found.values()] == paths
    assert found == dict(answer_files(paths, model, Question(), Workplace(jobs), ordered=False))
    for path, answer in zip(paths, found.values(), strict=True):
        alone = Classifier.load(model).classify(path)
        rows = list(from_csv([HEADER, *answer.rows.splitlines(keepends=True)]))
        assert answer.entry.status == alone.status
        shown = [(row.scientific_name, row.score) for row in rows if row.rank]
        assert shown == [(name, round(score, 4)) for name, score in alone.top(3 * bool(alone.windows))]


def crash_on_bad(model: tuple[str, int], question: Question, path: str) -> Answer:
    """Stands in for a decoder that ends its process."""
    if os.path.basename(path).startswith("bad"):
        os._exit(139)
    return answer_one(model, question, path)


def test_a_file_that_crashes_its_worker_is_named_and_the_others_are_classified(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = write_tones(tmp_path / "good 0.wav", (500, 1.0))
    paths = [tmp_path / f"{'bad' if i in (1, 2, 9) else 'good'} {i}.wav" for i in range(12)]
    for path in paths[1:]:
        path.write_bytes(sound.read_bytes())
    monkeypatch.setattr("avianvox.inference.runs._answer_one", crash_on_bad)
    answers = answer_files(map(str, paths), model, Question(), Workplace(2))
    found = [answer.entry for _, answer in answers]
    assert [entry.path for entry in found] == [str(path) for path in paths]
    assert [i for i, entry in enumerate(found) if entry.status is Status.UNDECODABLE] == [1, 2, 9]
    assert found[1].message == "the decoder crashed, or memory ran out"
    assert {*found[0].named} == {*found[11].named} == {LABELS.names[0]}


def test_workers_end_with_a_parent_that_was_killed(model: Path, tmp_path: Path) -> None:
    sound = write_tones(tmp_path / "tone.wav", (500, 1.0))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from avianvox.inference.runs import Question, Workplace, answer_files\n"
        "if __name__ == '__main__':\n"
        "    paths = [sys.argv[1]] * 100_000\n"
        "    for _ in answer_files(paths, sys.argv[2], Question(), Workplace(2)): print(flush=True)\n"
    )
    command = [sys.executable, script, sound, model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        reader = threading.Thread(target=parent.stdout.read, daemon=True)
        reader.start()
        reader.join(10)  # standard output ends when the last worker has gone, too
        assert not reader.is_alive()


def test_a_replaced_model_is_loaded_anew(tmp_path: Path) -> None:
    sound = write_tones(tmp_path / "tone.wav", (500, 3.0))
    model = write_handmade(tmp_path / "model.tflite")

    def named() -> set[str]:
        ((_, answer),) = answer_files([str(sound)], model, Question(), Workplace())
        return {*answer.entry.named}

    assert named() == {LABELS.names[0]}
    model.unlink()
    write_handmade(model, labels=LabelSet(("A a", "B b", "C c")))
    assert named() == {"A a"}


def test_a_graph_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    sound = write_tones(tmp_path / "tone.wav", (500, 3.0))
    unsigned = write_handmade(tmp_path / "unsigned.tflite", signature="other")
    with pytest.raises(ModelFileError, match=r"unsigned\.tflite: the graph cannot be run.*features"):
        Classifier.load(unsigned).classify(sound)
    few = write_handmade(tmp_path / "few.tflite", labels=LabelSet(("A a", "B b")))
    with pytest.raises(ModelFileError, match=r"few\.tflite: expected 2 numbers of .*species.*got 3"):
        Classifier.load(few).classify(sound)


def test_reading_ahead_keeps_order_and_is_bounded() -> None:
    fetched = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal fetched
        for i in range(50):
            fetched += 1
            yield np.full(1, i)

    seen = []
    for block in read_ahead(blocks(), depth=3):
        seen.append(int(block[0]))
        assert fetched <= len(seen) + 5
    assert seen == list(range(50))


def test_reading_ahead_passes_errors_on_and_leaves_no_thread() -> None:
    def blocks() -> Iterator[np.ndarray]:
        yield np.zeros(1)
        raise InputError("damaged")

    before = threading.active_count()
    with pytest.raises(InputError, match="damaged"):
        list(read_ahead(blocks()))
    stopped = read_ahead(iter(lambda: np.zeros(1), None))
    next(stopped)
    stopped.close()
    assert threading.active_count() == before


def test_an_error_of_reading_ahead_keeps_no_decoder() -> None:
    """What a frame holds would live on until garbage is looked for; soxr speaks up where that is never."""

    class Decoder:
        pass

    def blocks() -> Iterator[np.ndarray]:
        decoder = Decoder()
        held.append(weakref.ref(decoder))
        yield np.zeros(1)
        raise InputError("damaged")

    held: list[weakref.ref[Decoder]] = []
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(InputError):
            list(read_ahead(blocks()))
        assert held[0]() is None
    finally:
        gc.enable()
