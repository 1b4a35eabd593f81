"""The parts that a report is made of: escaping, charts, spectrograms, and the order of a confusion matrix."""

import base64
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.dataset.taxonomy import Taxonomy
from avianvox.evaluation.predictions import Pooled
from avianvox.features.spec import FeatureSpec
from avianvox.pages.blocks import Column, Counter, Findings, Table, Text
from avianvox.pages.clips import clip_audio, clip_picture, cut_clip, palette_png
from avianvox.pages.markup import Markup, tag
from avianvox.pages.plot import Axis, Plot, round_step, standalone, step_corners
from avianvox.report.confusion import confusion_order, confusion_section
from avianvox.report.mistakes import instructive_mistakes
from avianvox.types import LabelSet, Recording

HOSTILE = '<script>alert("x")</script>'


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("td", "a < b", Markup("<b>c</b>"), class_="num") == '<td class="num">a &lt; b<b>c</b></td>'
    assert tag("a", href='"><script>', hidden=True, title=None) == (
        '<a href="&quot;&gt;&lt;script&gt;" hidden></a>'
    )
    assert (
        tag("line", x1=1.005, x2=-0.0, stroke_width=2.50) == '<line x1="1" x2="0" stroke-width="2.5"></line>'
    )


def test_names_out_of_a_catalog_cannot_become_code() -> None:
    table = Table(HOSTILE, (Column("species", "name"), Column("text")), [(HOSTILE, HOSTILE)])
    finding = dict.fromkeys(("level", "title", "detail", "advice"), HOSTILE)
    for block in (table, Text(HOSTILE), Findings([finding])):
        assert "<script" not in block.html(Counter())


def test_both_pages_number_tables_alike_and_keep_pipes_out_of_columns() -> None:
    table = Table("Odd.", (Column("a|b"), Column("n", ".2f")), [("x|y", 0.123), ("z", float("nan"))])
    counter = Counter()
    counter.next("Table")
    assert table.markdown(counter).splitlines() == [
        "**Table 2.** Odd.",
        "",
        "| a\\|b | n |",
        "| --- | ---: |",
        "| x\\|y | 0.12 |",
        "| z | – |",
    ]


def test_a_plot_puts_values_where_its_axes_say() -> None:
    plot = Plot(Axis(0.0, 2.0, "x"), Axis(0.0, 10.0, "y"), title="t", left=40.0, top=10.0)
    right, foot = 440.0 - 14.0, 300.0 - 42.0
    assert (plot.at_x(0.0), plot.at_x(2.0), plot.at_x(1.0)) == (40.0, right, (40.0 + right) / 2)
    assert (plot.at_y(0.0), plot.at_y(10.0)) == (foot, 10.0)
    log = Axis(1.0, 100.0, log=True)
    assert log.share(10.0) == pytest.approx(0.5)
    assert [round_step(value) for value in (0.18, 0.2, 0.21, 3.0, 7.0)] == pytest.approx(
        [0.2, 0.2, 0.5, 5, 10]
    )


def test_a_chart_alone_brings_its_styles() -> None:
    plot = Plot(Axis(0.0, 1.0), Axis(0.0, 1.0), title="<t>")
    plot.dot(0.5, 0.5, "s1", tip="<tip>")
    alone = standalone(plot.svg())
    assert alone.startswith("<svg ")
    assert "--s1:" in alone
    assert "&lt;tip&gt;" in alone


def test_corners_keep_the_shape_of_a_staircase() -> None:
    xs, ys = np.array([0, 0, 0, 0.5, 1.0, 1.0]), np.array([0, 0.2, 0.4, 0.4, 0.4, 1.0])
    kept = step_corners(xs, ys)
    assert [tuple(point) for point in np.transpose(kept)] == [(0, 0), (0, 0.4), (1, 0.4), (1, 1)]


def test_a_spectrogram_is_a_valid_png() -> None:
    from matplotlib.image import imread

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = imread(io.BytesIO(palette_png(pixels)))
    assert image.shape[:2] == (3, 4)
    brightness = image[..., :3].sum(axis=2).ravel()
    assert (np.diff(brightness) > 0).all()  # the colour map rises


def test_classes_that_are_confused_stand_side_by_side() -> None:
    blocks = np.kron(np.eye(4, dtype=np.int64), np.array([[6, 4], [4, 6]]))
    shuffle = np.random.default_rng(1).permutation(8)
    order = shuffle[list(confusion_order(blocks[np.ix_(shuffle, shuffle)]))]
    assert sorted(order) == list(range(8))
    assert [set(order[k : k + 2] // 2) for k in range(0, 8, 2)] == [{pair} for pair in order[::2] // 2]
    assert confusion_order(np.zeros((0, 0), np.int64)) == ()
    assert sorted(confusion_order(np.zeros((5, 5), np.int64))) == list(range(5))


def pooled(targets: list[int], scores: list[list[float]]) -> Pooled:
    n = len(targets)
    return Pooled(
        tuple(Recording(f"r{k}", Path(f"r{k}.wav")) for k in range(n)),
        np.array(targets),
        np.zeros(n, np.int64),
        np.array(scores, np.float64),
        np.array(scores, np.float32),
        np.arange(n),
    )


def test_the_surest_mistakes_come_first_and_no_pair_twice() -> None:
    wrong = [[0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.3, 0.0, 0.7], [0.4, 0.6, 0.0]]
    found = pooled([0, 0, 0, 2, 1], [*wrong, [0.0, 1.0, 0.0]])
    assert instructive_mistakes(found, 9) == [0, 2, 3]  # row 1 is the pair of row 0, row 4 is right
    assert instructive_mistakes(found, 1) == [0]
    assert instructive_mistakes(found, 0) == []


def test_a_matrix_without_mistakes_has_no_table_of_them() -> None:
    labels = LabelSet(("Parus major", "Turdus merula"))
    right = pooled([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    _, words = confusion_section({"session": right}, Taxonomy.of(labels)).blocks
    assert words == Text("No confusions on session folds.")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Ten seconds of silence with a tone from 6 to 7 s."""
    rate = 22050
    samples = np.zeros(10 * rate, np.float32)
    samples[6 * rate : 7 * rate] = 0.1 * np.sin(2 * np.pi * 3000 * np.arange(rate) / rate)
    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, samples, rate)
    return Recording("song", path)


def test_a_clip_is_the_window_with_its_surroundings(song: Recording) -> None:
    spec = FeatureSpec()
    clip = cut_clip(
        song, spec, hop_frames=128, window=1, n_windows=4
    )  # 431 frames: windows at 0, 128, 256 and 303
    assert clip.exact
    assert clip.window_s == pytest.approx((128 * 512 / 22050, 256 * 512 / 22050))
    assert (clip.begin_s, clip.end_s) == pytest.approx((clip.window_s[0] - 1, clip.window_s[1] + 1), abs=1e-4)
    whole = cut_clip(
        song, spec, hop_frames=128, window=0, n_windows=1
    )  # a model that judges recordings as a whole
    assert not whole.exact
    assert whole.window_s[0] < 6.0 < 7.0 < whole.window_s[1]
    long = spec.with_changes(n_frames=256)
    clip = cut_clip(song, long, hop_frames=64, window=1, n_windows=4)  # at 0, 64, 128 and 175
    assert clip.exact
    assert clip.window_s == pytest.approx((64 * 512 / 22050, 320 * 512 / 22050))


def test_a_clip_can_be_heard_and_seen(song: Recording) -> None:
    clip = cut_clip(song, FeatureSpec(), hop_frames=128, window=2, n_windows=4)
    head, body = clip_audio(clip).split(",")
    assert head in ("data:audio/mpeg;base64", "data:audio/ogg;base64")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(body)))
    assert len(samples) / rate == pytest.approx(clip.end_s - clip.begin_s, abs=0.1)
    assert 0.5 < np.abs(samples).max() < 1.0  # as loud as it can be: it was at 0.1
    picture = clip_picture(clip, title="a & b")
    assert "a &amp; b" in picture
    png = base64.b64decode(picture.split("base64,")[1].split('"')[0])
    width, height = (int.from_bytes(png[k : k + 4], "big") for k in (16, 20))
    rows = np.frombuffer(zlib.decompress(png[png.index(b"IDAT") + 4 :]), np.uint8).reshape(height, width + 1)
    loudest = np.unravel_index(rows[:, 1:].argmax(), (height, width))
    assert clip.begin_s + loudest[1] / width * (clip.end_s - clip.begin_s) == pytest.approx(6.5, abs=0.6)
