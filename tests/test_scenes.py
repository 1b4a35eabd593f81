"""Scenes: calls where their boxes say, as loud as drawn, of sessions that no other part has."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.cli.main import main
from avianvox.dataset.catalog import read_catalog
from avianvox.errors import AvianvoxError, CatalogError, InputError, RunError
from avianvox.features.spec import FeatureSpec
from avianvox.scenes.counting import animals_of_boxes, bin_of, box_counts, count_figures
from avianvox.scenes.cuts import cut_calls, masked, shifted
from avianvox.scenes.make import SceneSet, make_scenes
from avianvox.scenes.mix import band_power, scene_blocks
from avianvox.scenes.parts import Fold, fold_sessions, usable_clips
from avianvox.scenes.plan import Voices, draw_scene
from avianvox.scenes.settings import SceneSettings, bin_name, bins_between
from avianvox.types import NO_BIRD, Box, Recording

RATE = 22050
SETTINGS = SceneSettings(
    n_scenes=6, duration_s=4.0, callers=(1, 3), species=2, empty=0.0, parts="train=1,test=1", seed=3
)


def tone(hz: float, *, length_s: float = 0.4) -> np.ndarray:
    t = np.arange(round(length_s * RATE)) / RATE
    return np.sin(2 * np.pi * hz * t) * np.hanning(len(t))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """Of each of two species, in each of four sessions, one clip with two calls about 0.5 s long."""
    folder, rng, found = tmp_path_factory.mktemp("clips"), np.random.default_rng(0), []
    for session in range(4):
        for label, hz in (("Low voice", 2000.0), ("High voice", 6000.0)):
            sound = 0.001 * rng.standard_normal(3 * RATE)
            for at_s, gain in ((0.5, 0.3), (2.0, 0.2)):
                call = gain * tone(hz + 50 * session)
                sound[round(at_s * RATE) : round(at_s * RATE) + len(call)] += call
            path = folder / f"{label} {session}.wav"
            soundfile.write(path, sound, RATE)
            found.append(
                Recording(f"{label} {session}", path, label, recordist=f"R{session}", licence="CC BY-SA 4.0")
            )
    return found


@pytest.fixture(scope="module")
def backgrounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("grounds") / "background", np.random.default_rng(1)
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"wind{number}.wav", 0.02 * rng.standard_normal(3 * RATE), RATE)
    return folder


@pytest.fixture(scope="module")
def made(clips: list[Recording], backgrounds: Path, tmp_path_factory: pytest.TempPathFactory) -> SceneSet:
    return make_scenes(clips, [backgrounds], tmp_path_factory.mktemp("scenes") / "out", SETTINGS)


def test_a_call_is_cut_where_it_sounds(clips: list[Recording]) -> None:
    cuts = cut_calls(clips[0], listen_s=10, longest_s=2, sample_rate=RATE)
    assert len(cuts) == 2
    assert np.abs(cuts[0].samples).max() > np.abs(cuts[1].samples).max()
    for cut in cuts:
        assert cut.box.label == "Low voice"
        assert 0.15 < cut.box.duration_s == len(cut.samples) / RATE < 0.4
        assert 1900 < cut.box.low_hz < 2000 < cut.box.high_hz < 2100


def test_a_call_of_another_animal_is_higher_and_shorter(clips: list[Recording]) -> None:
    cut = cut_calls(clips[0], listen_s=10, longest_s=2, sample_rate=RATE)[0]
    other = shifted(cut, 0.5, RATE)
    assert other.box.duration_s == len(other.samples) / RATE
    assert other.box.duration_s == pytest.approx(cut.box.duration_s / 2**0.5, abs=1e-4)
    peak = np.abs(np.fft.rfft(other.samples)).argmax() * RATE / len(other.samples)
    assert peak == pytest.approx(2000 * 2**0.5, abs=10)
    assert shifted(cut, 0.0, RATE) is cut


def test_a_mask_that_leaves_nothing_out_changes_nothing() -> None:
    samples = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    spec = FeatureSpec()
    full = np.ones((1 + len(samples) // spec.hop_length, spec.n_fft // 2 + 1), bool)
    np.testing.assert_allclose(masked(samples, full, spec), samples, atol=1e-5)
    assert not masked(samples, ~full, spec).any()


@pytest.fixture
def voices(clips: list[Recording], backgrounds: Path) -> Voices:
    cut = {c.id: cut_calls(c, listen_s=10, longest_s=2, sample_rate=RATE) for c in clips[:4]}
    ground = Recording("wind", backgrounds / "wind0.wav", NO_BIRD)
    fold = Fold("train", tuple(clips[:4]), (ground,))
    return Voices(fold, {name: [one.box for one in cuts] for name, cuts in cut.items()})


def test_calls_sound_in_their_boxes_at_the_drawn_level(clips: list[Recording], voices: Voices) -> None:
    cuts = {c.id: cut_calls(c, listen_s=10, longest_s=2, sample_rate=RATE) for c in clips[:4]}
    settings = replace(SETTINGS, duration_s=24.0, callers=(6, 6))
    scene = draw_scene(0, 0, voices, settings)

    def calls(paste):  # type: ignore[no-untyped-def]
        return shifted(cuts[paste.clip.id][paste.call], paste.octaves, RATE)

    blocks = list(scene_blocks(scene, calls, settings))
    assert [len(block) for block in blocks] == [10 * RATE, 10 * RATE, 4 * RATE]
    mixed = np.concatenate(blocks)
    ground = np.concatenate(list(scene_blocks(replace(scene, pastes=()), calls, settings)))
    voice = mixed - ground
    outside = np.ones(len(voice), bool)
    for paste in scene.pastes:
        span = slice(paste.first_sample, round(paste.box.end_s * RATE))
        outside[span] = False
        over = band_power(voice[span], paste.box, RATE) / band_power(ground[span], paste.box, RATE)
        assert 10 * np.log10(over) == pytest.approx(paste.level_db, abs=0.1)
        assert SETTINGS.level_db[0] <= paste.level_db <= SETTINGS.level_db[1]
    assert np.abs(voice[outside]).max() < 1e-4
    assert len({paste.caller for paste in scene.pastes}) == scene.n_callers == 6


def test_boxes_overlap_only_where_they_may(voices: Voices) -> None:
    crowded = replace(SETTINGS, callers=(51, 60), overlap=True)
    scene = draw_scene(1, 0, voices, crowded)
    assert 51 <= scene.n_callers <= min(60, len(scene.pastes))
    assert any(paste.octaves for paste in scene.pastes)
    with pytest.raises(InputError, match=r"of (5\d|60) animals do not fit into 1 s without overlap"):
        draw_scene(1, 0, voices, replace(crowded, overlap=False, species=1, duration_s=1.0))


def test_numbers_of_animals_come_from_bins() -> None:
    assert bins_between(1, 3) == [(1, 1), (2, 2), (3, 3)]
    assert bins_between(9, 60) == [(9, 9), (10, 10), (11, 50), (51, 60)]
    assert bins_between(20, 30) == [(20, 30)]


def test_parts_share_no_session(made: SceneSet, clips: list[Recording]) -> None:
    session = {clip.id: clip.session for clip in clips}
    parts = [read_catalog(made.catalog(part)).recordings for part in ("train", "test")]
    heard = [{session.get(name, name) for scene in scenes for name in scene.made_of} for scenes in parts]
    assert not heard[0] & heard[1]
    assert [len(scenes) for scenes in parts] == [3, 3]
    assert len({r.session for scenes in parts for r in scenes}) == 2


def test_a_session_of_clips_and_backgrounds_stays_together(clips: list[Recording]) -> None:
    grounds = [replace(c, id=f"g{i}", label=NO_BIRD) for i, c in enumerate(clips)]
    for fold in fold_sessions(clips, grounds, ("train", "test"), seed=0):
        assert {r.session for r in fold.clips} == {r.session for r in fold.backgrounds}


def test_a_catalog_of_scenes_is_marked_and_has_counts_and_boxes(made: SceneSet) -> None:
    for scene in read_catalog(made.catalog("train")).recordings:
        assert scene.synthetic
        assert scene.origin == "scene"
        assert scene.licence == "CC BY-SA 4.0; of others not stated"
        assert scene.boxes is not None
        assert scene.count is not None
        assert len(scene.boxes) >= scene.count >= 1
        assert dict(scene.more) == {"calls": str(len(scene.boxes)), "count_bin": str(scene.count)}
        assert {box.label for box in scene.boxes} == {scene.label, *scene.background}
        assert scene.path.parent == made.catalog("train")
        assert b"synthetic" in scene.path.read_bytes()[:200]
        assert soundfile.info(scene.path).frames == 4 * RATE
    assert "Low voice" in (made.path / "train" / "ATTRIBUTION.txt").read_text()


def test_the_same_settings_give_the_same_bytes_also_after_a_stop(
    made: SceneSet, clips: list[Recording], backgrounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(made.path, out)
    before = {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    (out / "test" / "scene-00001.wav").unlink()
    (out / "train" / "recordings.csv").unlink()
    next((out / "calls").iterdir()).unlink()
    make_scenes(clips, [backgrounds], out, SETTINGS)
    assert {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()} == before
    with pytest.raises(RunError, match=r"with other settings .*seed"):
        make_scenes(clips, [backgrounds], out, replace(SETTINGS, seed=4))


def test_what_forbids_derivatives_is_left_out(clips: list[Recording]) -> None:
    forbidden = replace(clips[0], licence="CC BY-NC-ND 4.0")
    kept, notes = usable_clips([forbidden, *clips[1:]], alone=False)
    assert kept == clips[1:]
    assert notes == ["left out: 1 recording under a licence without derivatives"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"parts": "train=9,test=1"},
            "cannot draw 10 folds .* name fewer in parts, such as --parts train=1,test=1",
        ),
        ({"parts": "train"}, "parts: expected different names"),
        ({"callers": (3, 1)}, "callers: expected the least and the most"),
        ({"empty": 1.0}, "empty: expected a share"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    change: dict[str, object], message: str, clips: list[Recording], backgrounds: Path, tmp_path: Path
) -> None:
    with pytest.raises(AvianvoxError, match=message) as raised:
        make_scenes(clips, [backgrounds], tmp_path / "out", replace(SETTINGS, **change))  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_backgrounds_without_any_are_refused(clips: list[Recording], tmp_path: Path) -> None:
    for clip in clips[:2]:
        (tmp_path / "Parus major").mkdir(exist_ok=True)
        shutil.copy(clip.path, tmp_path / "Parus major")
    with pytest.raises(CatalogError, match="expected recordings without an animal, found none"):
        make_scenes(clips, [tmp_path], tmp_path / "out", SETTINGS)


def test_recordings_without_a_box_are_a_background(
    clips: list[Recording], made: SceneSet, tmp_path: Path
) -> None:
    from avianvox.scenes.parts import backgrounds_in

    folder = tmp_path / "test"
    shutil.copytree(made.catalog("test"), folder)
    table = sorted(folder.glob("*.txt"))[-1]
    table.unlink()
    assert [r.path.name for r in backgrounds_in([folder])] == [table.name.replace(".selections.txt", ".wav")]


def test_the_command_makes_scenes_and_says_that_they_are_synthetic(
    clips: list[Recording], backgrounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from avianvox.dataset.sources.plain_csv import write_plain_csv

    write_plain_csv(tmp_path / "recordings.csv", clips)
    asked = ["scenes", str(tmp_path), "--background", str(backgrounds), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *asked,
                "--scenes",
                "2",
                "--seconds",
                "4",
                "--parts",
                "train=1,test=1",
                "--empty",
                "0.99",
                "--pictures",
                "1",
            ]
        )
    assert not ended.value.code
    said = capsys.readouterr()
    assert "synthetic scenes" in said.err
    assert "CC" in said.out or "licence" in said.out
    assert {r.count for r in read_catalog(tmp_path / "out" / "train").recordings} == {0}
    assert (tmp_path / "out" / "train" / "scene-00000.png").read_bytes().startswith(b"\x89PNG")


def test_bins_of_counts_are_compared_exactly_and_within_one() -> None:
    assert [bin_of(n) for n in (0, 1, 10, 11, 50, 51, 500)] == [0, 0, 9, 10, 10, 11, 11]
    assert [bin_name(n) for n in (0, 3, 12, 60)] == ["0", "3", "11-50", "51+"]
    sessions = np.array(["a", "a", "b", "b"])
    found = count_figures(np.array([0, 1, 2, 11]), np.array([0, 2, 4, 10]), sessions)
    assert (found.exact.value, found.within_one.value, found.recordings) == (0.25, 0.75, 4)


def test_boxes_are_turned_into_animals_by_the_other_folds() -> None:
    folds = np.array(["a"] * 3 + ["b"] * 3)
    boxes = np.array([1, 3, 7, 1, 3, 7])
    double = np.array([4.0, 8.0, 16.0, 4.0, 8.0, 16.0])  # two for each box and one more
    np.testing.assert_allclose(animals_of_boxes(boxes, double, folds), double)
    flat = animals_of_boxes(np.full(6, 5), double, folds)
    np.testing.assert_allclose(flat, 8.0)


class ThreeBoxes:
    """A source that finds the same boxes everywhere."""

    sample_rate = RATE

    def boxes(self, blocks: Iterable[np.ndarray]) -> Iterator[Box]:
        assert sum(map(len, blocks)) == 4 * RATE
        yield from (Box(0.0, 1.0, 500.0, 900.0, score=score) for score in (0.9, 0.5, 0.4))


def test_boxes_of_scenes_are_counted_from_a_score_on(made: SceneSet) -> None:
    scenes = read_catalog(made.catalog("train")).recordings
    assert box_counts(scenes, ThreeBoxes()).tolist() == [2, 2, 2]
    assert box_counts(scenes, ThreeBoxes(), least_score=0.6).tolist() == [1, 1, 1]
