"""Spectrograms with boxes: which stretches are drawn, what stands at a box, and in which colours."""

from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result
from test_annotations import raven
from test_box_segmenter import CALLS, RATE, tones

from avianvox.audio.cut import cut
from avianvox.boxes.pictures import Pictures, draw_boxes
from avianvox.cli.main import cli
from avianvox.errors import AudioError
from avianvox.types import Box

DRAWN, FOUND = "#7fe3ff", "#ffd166"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "a.wav"
    soundfile.write(path, tones(CALLS), RATE)
    return path


def drawn(path: Path, recording: Path, **boxes: tuple[Box, ...] | None) -> str:
    for _, clip in cut(recording, [(0.0, 10.0)]):
        draw_boxes(clip, path, title="a", **boxes)  # type: ignore[arg-type]
    return path.read_text()


def test_drawn_and_found_boxes_have_a_colour_each_with_labels_and_scores(
    recording: Path, tmp_path: Path
) -> None:
    found = (Box(1, 2, 2000, 3000, "Parus major", 0.87), Box(8.9, 12, 2000, 3000, "", 0.61))
    truth = (Box(1, 2.1, 2000, 3000, "Turdus merula"), Box(20, 21, 100, 900, "elsewhere"))
    both = drawn(tmp_path / "a.svg", recording, found=found, drawn=truth)
    for words in ("Parus major 0.87", "0.61", "Turdus merula", ">drawn<", ">found<"):
        assert words in both
    assert "elsewhere" not in both
    assert both.count(DRAWN) == 3  # a box, its words, and the key
    assert both.count(FOUND) == 5
    assert drawn(tmp_path / "b.svg", recording, found=found, drawn=truth) == both
    alone = drawn(tmp_path / "c.svg", recording, found=truth)
    assert "Turdus merula" in alone
    assert ">drawn<" not in alone
    one = drawn(tmp_path / "d.svg", recording, found=(Box(1, 2, 300, 800, "Otus $asio"),))
    assert ">4.0<" in one  # kilohertz: a low voice is not small at the bottom
    assert ">4.0<" not in alone
    assert "Otus $asio" in one


def test_the_stretches_with_most_boxes_are_drawn(recording: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, tones((), 31.0), RATE)
    boxes = [Box(begin, begin + 1, 2000, 3000, score=0.5) for begin in (1, 12, 14, 21, 23, 25)]
    Pictures(tmp_path / "two", 2, svg=True).draw(long, boxes[:1], boxes[1:])
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "long_10s.png",
        "long_10s.svg",
        "long_20s.png",
        "long_20s.svg",
    ]
    with pytest.raises(AudioError):
        Pictures(tmp_path / "two", 1).draw(tmp_path / "gone.wav", boxes)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["boxes", *map(str, arguments)])


def test_the_commands_of_boxes_draw_them(recording: Path, tmp_path: Path) -> None:
    found = tmp_path / "found"
    done = run("find", recording, "--out", found, "--low-hz", 2000, "--high-hz", 4000, "--pictures", 1)
    assert done.exit_code == 0, done.output
    assert (found / "pictures" / "a_0s.png").read_bytes().startswith(b"\x89PNG")
    raven(recording.with_name("a.selections.txt"), (2.0, 2.5, "Parus major"), low=2600, high=3400)
    judged = run(
        *("judge", recording.parent, found, "--out", tmp_path / "judged", "--no-png"),
        *("--pictures", 1, "--svg", "--threshold", 0.999),
    )
    assert judged.exit_code == 0, judged.output
    (picture,) = (tmp_path / "judged" / "spectrograms").glob("*.svg")
    assert picture.read_text().count(FOUND) == 1  # the key alone: no box has this score
    for command in (("find", recording), ("judge", recording.parent, found)):
        idle = run(*command, "--out", tmp_path / "judged", "--svg")
        assert idle.exit_code == 2
        assert "--svg needs --pictures" in idle.output
