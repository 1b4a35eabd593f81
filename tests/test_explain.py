"""Maps of what a model listens to, and whether they deserve trust; of models with known answers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_ear import LABELS as EAR_LABELS
from handmade_ear import N_SAMPLES, RATE, ear, tone
from handmade_model import LABELS, SPEC, write_handmade

import avianvox as av
from avianvox.cli.main import main
from avianvox.ears.graft import graft
from avianvox.errors import InputError
from avianvox.evaluation.overlap import Weights
from avianvox.explain.deletion import deletion
from avianvox.explain.figures import explanation_figure, sheet
from avianvox.explain.heard import hear, stretched, view_of
from avianvox.explain.judged import JudgedMap, JudgeOptions, judge
from avianvox.explain.judged_folder import read_rows
from avianvox.explain.listener import FileListener
from avianvox.explain.maps import explain, listener_of
from avianvox.explain.occlusion import BandSilencer, Grid, Occlusion, SoundSilencer, log_odds
from avianvox.explain.rejection import rejection, session_folds, summary_of, weights_of
from avianvox.features.floor import noise_floor
from avianvox.features.waveform import WaveformSpec
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.pages.raster import png_of
from avianvox.types import LabelSet, Recording

HEIGHTS = dict(zip(LABELS.names, (500.0, 3000.0, 6000.0), strict=True))
BURST_S = (1.0, 1.5)


def burst(hz: float, seed: int, *, length_s: float = 3.0) -> np.ndarray:
    """Noise with a tone from 1 to 1.5 s."""
    t = np.arange(round(length_s * SPEC.sample_rate)) / SPEC.sample_rate
    calling = (t >= BURST_S[0]) & (t < BURST_S[1])
    return 0.5 * np.sin(2 * np.pi * hz * t) * calling + 0.002 * np.random.default_rng(seed).normal(
        size=len(t)
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears low, middle and high, and two recordings of each."""
    folder = tmp_path_factory.mktemp("explain")
    write_handmade(folder / "model.tflite")
    for label, hz in HEIGHTS.items():
        (folder / "birds" / label).mkdir(parents=True)
        for k in range(2):
            path = folder / "birds" / label / f"{label[:3]}{k}.wav"
            soundfile.write(path, burst(hz, k), SPEC.sample_rate)
    return folder


@pytest.fixture(scope="module")
def listener(here: Path) -> FileListener:
    return FileListener.load(here / "model.tflite")


@pytest.fixture(scope="module")
def high(here: Path) -> Path:
    return here / "birds" / "Regulus altus" / "Reg0.wav"


def test_the_map_lies_where_the_voice_is(listener: FileListener, high: Path) -> None:
    found = explain(listener, high, Occlusion(0.25, 16), name="occlusion")
    assert found.scientific_name == found.best == "Regulus altus"
    frame, band = np.unravel_index(np.argmax(found.values), found.values.shape)
    second = found.heard.view.frames_to_seconds(int(frame))
    assert BURST_S[0] - 0.2 < second < BURST_S[1] + 0.2
    assert 4500 < found.heard.hz[band] < 8000
    assert found.gain > 0.2
    assert found.share > found.chance


def test_the_score_is_that_of_classifying(listener: FileListener, high: Path) -> None:
    prediction = listener.classifier.classify(high)
    assert np.array_equal(hear(listener, high).pooled, prediction.scores)
    bundled = FileListener.load("caribbean_california")  # calibrated, weighted windows that overlap
    sample = Path(av.__file__).parent / "bundled" / "sample.ogg"
    heard = hear(bundled, sample)
    assert np.allclose(heard.pooled, bundled.classifier.classify(sample).scores, atol=1e-6)


def test_a_species_may_be_asked_for(listener: FileListener, high: Path) -> None:
    found = explain(listener, high, Occlusion(0.5, 8), name="occlusion", species="low dove")
    assert (found.scientific_name, found.best) == ("Columba bassa", "Regulus altus")
    there = round(1.25 * SPEC.sample_rate / SPEC.hop_length)
    assert found.values[there].min() < 0  # the high tone speaks against it
    with pytest.raises(InputError, match=r"does not know the species 'Columba basa'; did you mean"):
        explain(listener, high, Occlusion(), name="occlusion", species="Columba basa")


def test_a_part_of_a_recording_has_the_seconds_of_the_file(listener: FileListener, high: Path) -> None:
    part = hear(listener, high, begin_s=0.5, end_s=2.0)
    assert (part.begin_s, round(part.end_s, 1)) == (0.5, 2.0)
    assert len(part.rows) == 1  # shorter than a window: looped
    assert part.frames_of(0).max() < len(part.bands)
    for begin_s, end_s in ((2.0, 1.0), (-1.0, None)):
        with pytest.raises(InputError, match="expected --begin at or after 0"):
            hear(listener, high, begin_s=begin_s, end_s=end_s)


def test_tiles_are_brought_down_to_the_floor_and_mfcc_follow(listener: FileListener, high: Path) -> None:
    heard = hear(listener, high)
    rows, grid = heard.rows[0], Grid(8, 8)
    tiles = np.zeros((2, 8, 8), bool)
    tiles[1] = True
    kept, gone = BandSilencer(SPEC, grid).without(rows, tiles)
    assert np.allclose(kept, rows, atol=1e-3)  # MFCC are made anew
    floor = noise_floor(rows[:, : SPEC.n_mels])
    assert (gone[:, : SPEC.n_mels] <= floor + 1e-3).all()
    assert np.abs(gone[:, SPEC.n_mels :] - rows[:, SPEC.n_mels :]).max() > 5


def test_sound_loses_the_tile_and_nothing_else() -> None:
    spec = WaveformSpec(RATE, N_SAMPLES)
    view, grid = view_of(spec), Grid(4, 4)
    t = np.arange(N_SAMPLES) / RATE
    sound = (tone(500.0) + tone(2000.0)) * ((t > 0.3) & (t < 0.45))
    sound = sound + 0.001 * np.random.default_rng(0).normal(size=N_SAMPLES)
    tiles = np.zeros((2, 4, 4), bool)
    tiles[1, 1, 2] = True  # 0.25 to 0.5 s; by mel, the band of 2 kHz
    kept, gone = SoundSilencer(view, grid).without(sound[:, None].astype(np.float32), tiles)[..., 0]
    assert np.allclose(kept, sound, atol=1e-4)

    def level(values: np.ndarray, hz: float) -> float:
        part = slice(round(0.32 * RATE), round(0.43 * RATE))
        return float(np.abs(np.mean(values[part] * np.exp(-2j * np.pi * hz * t[part]))))

    assert level(gone, 2000.0) < 0.1 * level(sound, 2000.0)
    assert level(gone, 500.0) == pytest.approx(level(sound, 500.0), rel=0.05)


def test_a_foreign_ear_is_asked_by_occlusion(tmp_path: Path) -> None:
    names = LabelSet(*(tuple(part) for part in zip(*(one.split("_") for one in EAR_LABELS), strict=True)))
    info = ModelInfo(
        "tones", "ear", WaveformSpec(RATE, N_SAMPLES), names,
        outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False), Output(EMBEDDING, 4, 1, exclusive=False)),
    )  # fmt: skip
    write_model_file(
        tmp_path / "ear.tflite", flatbuffer=graft(ear(), outputs={"embedding": "pooled"}), info=info, card=""
    )
    t = np.arange(N_SAMPLES) / RATE
    sound = tone(500.0) * ((t > 0.5) & (t < 0.75)) + 0.01 * np.random.default_rng(0).normal(size=N_SAMPLES)
    soundfile.write(tmp_path / "low.wav", 0.5 * sound, RATE)
    found = explain(
        listener_of(tmp_path / "ear.tflite"), tmp_path / "low.wav", Occlusion(0.25, 4), name="occlusion"
    )
    assert found.best == "Columba bassa"
    frame, band = np.unravel_index(np.argmax(found.values), found.values.shape)
    assert 0.4 < found.heard.view.frames_to_seconds(int(frame)) < 0.85
    assert found.heard.hz[band] < 1000


def test_deleting_what_the_map_marks_costs_more_than_deleting_at_random(
    here: Path, listener: FileListener
) -> None:
    gained = []
    for path in sorted((here / "birds").rglob("*.wav")):
        heard = hear(listener, path)
        target, windows = int(np.argmax(heard.pooled)), np.arange(len(heard.rows))
        method = Occlusion(0.5, 8)
        maps = method.maps(listener, heard, target, windows)
        found = deletion(listener, heard, maps, target, windows, method.grid(heard), n_random=2)
        again = deletion(listener, heard, maps, target, windows, method.grid(heard), n_random=2)
        assert {k: v.tolist() for k, v in found.scores.items()} == {
            k: v.tolist() for k, v in again.scores.items()
        }
        assert found.shares[0] == 0
        assert len({curve[0] for curve in found.scores.values()}) == 1
        backwards = deletion(listener, heard, -maps, target, windows, method.grid(heard), n_random=1)
        assert backwards.drop("map") < found.drop("map")
        gained.append(found.drop("map") - found.drop("random"))
    assert min(gained) > 0


def test_maps_are_made_finer_by_lines() -> None:
    coarse = np.array([[[0.0, 4.0], [8.0, 4.0]]])
    assert stretched(coarse, 2, 2).tolist() == coarse.tolist()
    assert stretched(coarse, 4, 2)[0, :, 0].tolist() == [0.0, 2.0, 6.0, 8.0]
    assert stretched(coarse[:, :1], 3, 2)[0, :, 1].tolist() == [4.0] * 3


def test_tiles_and_cells() -> None:
    grid, tiles = Grid(3, 2), np.arange(6.0).reshape(3, 2)
    cells = grid.cells(tiles, 7, 4)
    assert cells.shape == (7, 4)
    assert np.array_equal(grid.means(cells), tiles)
    assert log_odds(0.5) == 0.0
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    with pytest.raises(InputError, match="tiles longer than 0 s"):
        Occlusion(0.0)


def test_the_figure_is_the_same_every_time_and_can_be_printed(listener: FileListener, high: Path) -> None:
    found = explain(listener, high, Occlusion(1.0, 4), name="occlusion")
    svg = explanation_figure(found, credit="A. Person, CC BY")
    assert svg == explanation_figure(found, credit="A. Person, CC BY")
    for words in ("Regulus altus", "kHz", "seconds in the recording", "log-odds", "A. Person, CC BY"):
        assert words in svg
    assert png_of(svg, scale=1.0).startswith(b"\x89PNG")
    assert sheet([np.eye(4)], ["a"], title="one", signed=True).count("<image") == 1


Made = Callable[[int, str, bool, float, float], JudgedMap]


def made(k: int, session: str, right: bool, score: float, gain: float) -> JudgedMap:
    share = 0.5 + gain / 2
    return JudgedMap(f"r{k}", session, "a", "a" if right else "b", int(right), score, share, 0.1, 0.5, gain)


def test_rejection_by_overlap_lifts_accuracy_where_overlap_knows() -> None:
    rng = np.random.default_rng(0)
    rows = [
        made(k, f"s{k // 2}", bool(k % 2), float(rng.random()), 0.4 if k % 2 else -0.4) for k in range(80)
    ]
    kept = {(one.by, one.wanted): one for one in rejection(rows)}
    whole, half = kept["gain", 1.0], kept["gain", 0.5]
    assert (whole.coverage, whole.accuracy.value, whole.gained.value) == (1.0, 0.5, 0.0)
    assert half.accuracy.value == 1.0
    assert half.gained.low > 0.2
    assert abs(kept["score", 0.5].gained.value) < 0.2
    assert summary_of(rows)["gain_right"].value == pytest.approx(0.4)
    assert summary_of(rows)["gain_wrong"].value == pytest.approx(-0.4)
    assert weights_of(rows[:2], Weights(0.5, 0.75, 1.5)).tolist() == [1.5, 0.5]


def test_a_threshold_never_sees_the_session_that_it_is_used_on() -> None:
    sessions = np.array(["a", "b", "a", "c", "b"])
    folds = session_folds(sessions)
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]
    assert len(set(folds.tolist())) == 3
    with pytest.raises(InputError, match="two sessions or more"):
        session_folds(np.array(["a", "a"]))


def test_recordings_that_fail_are_told(here: Path, listener: FileListener, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "quiet.wav", np.zeros(SPEC.sample_rate), SPEC.sample_rate)
    rows = [Recording(name, tmp_path / f"{name}.wav", "Regulus altus") for name in ("broken", "quiet")]
    told: list[tuple[str, bool]] = []
    options = JudgeOptions(delete=False)
    assert list(judge(listener, rows, Occlusion(), options, told=lambda *said: told.append(said))) == []
    assert [severe for _, severe in told] == [True, False]
    assert "too quiet to name a species" in told[1][0]


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_the_command_writes_page_figures_arrays_and_table(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    birds = sorted((here / "birds").rglob("*0.wav"))
    options = ["--tile", "1", "--bands", "4", "--out", tmp_path / "why"]
    assert run("explain", "maps", here / "model.tflite", *birds[:2], *options) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "why" / "explain.html")
    names = {path.name for path in (tmp_path / "why").rglob("*") if path.is_file()}
    expected = {"Col0_occlusion.svg", "Col0_occlusion.png", "Col0_occlusion.npz", "Par0_occlusion.npz"}
    assert expected | {"explain.html", "explain.csv", "explain.json"} <= names
    with np.load(tmp_path / "why" / "arrays" / "Col0_occlusion.npz") as arrays:
        assert arrays["map"].shape == arrays["mask"].shape == arrays["bands_db"].shape
        assert len(arrays["seconds"]) == len(arrays["map"])
        assert len(arrays["hertz"]) == arrays["map"].shape[1]
    page = (tmp_path / "why" / "explain.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert run("explain", "maps", here / "model.tflite", birds[2], *options, "--json", "--no-png") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["scientific_name"], row["on_voice"]) == ("Regulus altus", "yes")
    assert not list((tmp_path / "why").rglob("Col0*"))  # what lay there is replaced


def test_the_judgement_goes_on_where_it_was_stopped(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explain", "judge", here / "model.tflite", here / "birds", "--tile", "1.5", "--bands", "4"]
    assert run(*command, "--out", tmp_path / "a", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["recordings"], figures["right"]) == (6, 6)
    assert figures["map_over_random"]["value"] > 0
    whole = (tmp_path / "a" / "overlap.csv").read_text()
    (tmp_path / "b").mkdir()
    for name in ("judged.json", "overlap.csv"):
        (tmp_path / "b" / name).write_bytes((tmp_path / "a" / name).read_bytes())
    lines = whole.splitlines(keepends=True)
    (tmp_path / "b" / "overlap.csv").write_text("".join(lines[:3]) + lines[3][:9])  # a torn row
    assert run(*command, "--out", tmp_path / "b") == 0
    assert (tmp_path / "b" / "overlap.csv").read_text() == whole
    assert [row.id for row in read_rows(tmp_path / "b" / "overlap.csv")] == [
        line.split(",")[0] for line in lines[1:]
    ]
    weights = (tmp_path / "b" / "weights.csv").read_text().splitlines()
    assert weights[0] == "id,weight"
    assert len(weights) == 7
    capsys.readouterr()
    assert run(*command[:-2], "--bands", "3", "--out", tmp_path / "b") == 1
    assert "bands was 4 and is 3" in capsys.readouterr().err
    assert run("explain", "reject", tmp_path / "a" / "overlap.csv", "--out", tmp_path / "c", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rejection"] == figures["rejection"]
    assert run("explain", "reject", here / "model.tflite", "--out", tmp_path / "d") == 1


@pytest.mark.parametrize("method", ["grad-cam", "attention"])
def test_a_model_file_has_no_layers_to_look_at(
    method: str, here: Path, high: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("explain", "maps", here / "model.tflite", high, "--out", tmp_path / "why", "--method", method)
    assert run(*call) == 1
    assert "give the folder of a training run, or use --method occlusion" in capsys.readouterr().err
    assert run(*call[:-2], "--layer", "conv") == 2


def test_from_python(here: Path, high: Path) -> None:
    found = av.explain(high, model=here / "model.tflite", tile_s=1.0, bands=4)
    assert found.scientific_name == "Regulus altus"
    with pytest.raises(InputError, match="did you mean 'occlusion'"):
        av.explain(high, model=here / "model.tflite", method="oclusion")
