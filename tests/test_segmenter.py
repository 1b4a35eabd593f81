"""A segmentation that is learned from boxes: layers, lessons, and what it finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.dataset.catalog import Catalog
from avianvox.errors import InputError
from avianvox.features.foreground import foreground
from avianvox.features.learned_mask import BLOCK, NAMES, Segmenter, blocks, convolved
from avianvox.features.spec import FeatureSpec
from avianvox.models.segmenter import Lesson, Marked, learn, lessons, marked_recordings
from avianvox.types import Box, Recording

SPEC = FeatureSpec(
    sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, fmax_hz=4000.0, n_mfcc=8, n_frames=64
)


def test_a_convolution_is_that_of_keras() -> None:
    from avianvox.models.backend import keras

    rng = np.random.default_rng(0)
    x, kernel = (
        rng.normal(size=(2, 9, 7, 3)).astype(np.float32),
        rng.normal(size=(5, 3, 3, 4)).astype(np.float32),
    )
    expected = np.asarray(keras.ops.conv(x, kernel, padding="same"))
    np.testing.assert_allclose(convolved(x, kernel), expected, atol=1e-4)


def test_blocks_are_means_and_maxima_above_the_floor() -> None:
    rows = np.zeros((1, 64, 8), np.float32)
    rows[0, 20:24, 2:4] = 13.0  # a block that stands one unit above the floor
    rows[0, 40, 6] = 13.0
    seen = blocks(rows)
    assert seen.shape == (1, 16, 4, 3)
    assert seen[0, 5, 1, :2] == pytest.approx([1, 1], abs=0.05)
    assert seen[0, 10, 3, :2] == pytest.approx([1 / 8, 1], abs=0.05)
    assert seen[0, 0, :, 2].tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> list[Marked]:
    """Four recorders: calls of a boxed voice at 1 kHz, and of another at 3 kHz that nobody boxed."""
    folder, rng = tmp_path_factory.mktemp("boxes"), np.random.default_rng(0)
    rows = []
    for k in range(4):
        t = np.arange(8000 * 8) / 8000
        sound = 0.02 * rng.normal(size=len(t))
        for begin in range(8):
            hz, start = (1000, 0.2) if begin % 2 else (3000, 0.5)
            during = (t >= begin + start) & (t < begin + start + 0.3)
            sound += 0.1 * during * np.sin(2 * np.pi * hz * t)
            if hz == 1000:
                call = Recording(f"{k}#{begin}", folder / f"{k}.wav", site=f"site {k}", begin_s=begin + start)
                rows.append(replace(call, end_s=begin + start + 0.3, low_hz=800.0, high_hz=1200.0))
        soundfile.write(folder / f"{k}.wav", sound, 8000)
    return marked_recordings(Catalog(tuple(rows)))


def test_boxes_are_gathered_by_recording(marked: list[Marked]) -> None:
    assert [one.place for one in marked] == [f"site {k}" for k in range(4)]
    assert [len(one.boxes) for one in marked] == [4] * 4
    assert marked[0].boxes[0] == Box(1.2, 1.5, 800.0, 1200.0)
    inside = Recording("x", Path("x.wav"), recordist="me", boxes=(Box(0, 1, 100, 200),))
    assert marked_recordings(Catalog((inside,))) == [Marked(Path("x.wav"), "me", (Box(0, 1, 100, 200),))]
    with pytest.raises(InputError, match="expected boxes with frequencies"):
        marked_recordings(Catalog((Recording("x", Path("x.wav")),)))


def test_only_the_bands_of_a_box_are_learned_from(marked: list[Marked]) -> None:
    found = lessons([*marked[:2], Marked(marked[2].path, "site 2", ())], SPEC, n_frames=64)
    boxed, quiet = found[:8], found[8:]
    assert len(quiet) == len(range(0, 251 - 63, 64))
    for lesson in boxed:
        assert lesson.rows.shape == (64, 32)
        assert lesson.voice.any()
        assert not (lesson.voice & lesson.none).any()
        assert set(np.flatnonzero(lesson.none.any(axis=0))) == set(np.flatnonzero(lesson.voice.any(axis=0)))
        frames = np.flatnonzero(lesson.voice.any(axis=1))
        assert len(frames) * 0.032 == pytest.approx(0.3, abs=0.05)
    assert all(not lesson.voice.any() and lesson.none.any() for lesson in quiet)


def test_what_is_learned_finds_the_voice_of_another_recorder(marked: list[Marked]) -> None:
    learned = learn(lessons(marked[:3], SPEC, n_frames=64))
    judged = lessons(marked[3:], SPEC, n_frames=64)

    def overlap(mask: np.ndarray, lesson: Lesson) -> float:
        known = lesson.voice | lesson.none
        return float((mask & lesson.voice).sum() / ((mask & known) | lesson.voice).sum())

    masks = learned.mask(np.stack([lesson.rows for lesson in judged]))
    plain = [overlap(foreground(lesson.rows), lesson) for lesson in judged]
    assert np.mean([overlap(mask, lesson) for mask, lesson in zip(masks, judged, strict=True)]) > 0.5
    assert min(plain) > 0
    again = learn(lessons(marked[:3], SPEC, n_frames=64))
    assert all(np.array_equal(learned.arrays[name], again.arrays[name]) for name in NAMES)
    assert masks[:, 64 // BLOCK[0] * BLOCK[0] :].sum() == 0
    with pytest.raises(InputError, match="a segmenter has kernel1"):
        Segmenter({})


def test_a_guide_may_take_its_masks_from_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    from avianvox.training.guides import voice

    asked = []
    arrays = {
        name: np.zeros(shape, np.float32)
        for name, shape in zip(
            NAMES, ((5, 3, 3, 8), (8,), (5, 3, 8, 8), (8,), (1, 1, 8, 1), (1,)), strict=True
        )
    }
    arrays["bias3"] -= 1  # nothing is voice

    def learned(*args: object) -> Segmenter:
        asked.append(args)
        return Segmenter(arrays)

    monkeypatch.setattr(voice, "_learned", learned)
    from types import SimpleNamespace

    from avianvox.models.backend import keras
    from avianvox.training.guides import Batch, Trunk

    inputs = keras.Input((64, 32, 1))
    seen = keras.layers.Conv2D(1, 4, strides=4, activation="sigmoid", name="attention_map")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(seen))
    data = SimpleNamespace(store=SimpleNamespace(log_mel=SPEC))
    reader = SimpleNamespace(settings=SimpleNamespace(n_frames=64))
    guiding = voice.Voice(boxes="calls/").begin(Trunk(model, None, None), data, reader, seed=0)  # type: ignore[arg-type]
    assert asked == [("calls/", SPEC, 64)]
    rows = np.zeros((1, 64, 32), np.float32)
    rows[0, 20:30, 10:14] = 2.0
    batch = Batch(np.zeros(1), np.zeros(1), rows, np.eye(1, dtype=np.float32), np.full(32, 13.0, np.float32))
    assert guiding.targets(batch).sum() == 0
    plain = voice.Voice().begin(Trunk(model, None, None), data, reader, seed=0)  # type: ignore[arg-type]
    assert plain.targets(batch).sum() > 0
