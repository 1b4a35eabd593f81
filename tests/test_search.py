"""Search: what sounds like the query comes first, whatever kind of store is searched."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_ear import N_SAMPLES, RATE, ear, tone

from avianvox.cli.main import cli
from avianvox.ears.graft import graft
from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.features.waveform import WaveformSpec
from avianvox.find.search import parse_query
from avianvox.find.windows import Windows
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.types import LabelSet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of three seconds: low, middle, nothing; and high, low, nothing. A store of each kind."""
    folder = tmp_path_factory.mktemp("search")
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        LabelSet(("A a", "B b", "C c")),
        outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False), Output(EMBEDDING, 4, 1)),
    )
    write_model_file(
        folder / "t.tflite", flatbuffer=graft(ear(), outputs={"embedding": "pooled"}), info=info, card=""
    )
    rng = np.random.default_rng(0)
    (folder / "birds" / "x").mkdir(parents=True)
    for name, tones in {"one": (500, 1000, 0), "two": (4000, 500, 0)}.items():
        parts = [0.3 * tone(hz) if hz else np.zeros(N_SAMPLES) for hz in tones]
        sound = np.concatenate(parts) + 0.003 * rng.standard_normal(3 * N_SAMPLES)
        soundfile.write(folder / "birds" / "x" / f"{name}.wav", sound, RATE)
    for out, spec in (("embeddings", folder / "t.tflite"), ("mel", "published_v1")):
        done = run("features", "build", folder / "birds", "--spec", spec, "--out", folder / out, "--jobs", 1)
        assert done.exit_code == 0, done.output
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("kind", ["embeddings", "mel"])
@pytest.mark.filterwarnings("error")
def test_a_damaged_store_is_one_line(folder: Path, tmp_path: Path, kind: str, value: float) -> None:
    store, sound = tmp_path / "store", folder / "birds" / "x" / "one.wav"
    shutil.copytree(folder / kind, store)
    rows = np.load(next(store.glob("data-*/rows.npy")), mmap_mode="r+")
    rows[len(rows) // 2 :] = value
    rows.flush()
    (tmp_path / "labels.csv").write_text("path,label\none.wav,a\ntwo.wav,b\n")
    least = ("--min-score", 0) if kind == "embeddings" else ()
    for command in (
        ("search", sound, "--in", store),
        ("suggest", store, "--by", "window", *least),
        ("cluster", store, "--n", 2, "--out", tmp_path / "c.csv", *least),
    ):
        done = run(*command)
        assert done.exit_code == 1
        assert "x/two.wav are not finite, so that the store is damaged" in str(done.exception)


@pytest.mark.parametrize("query", ["one.wav#0-1", "one.wav#0.3-0.5"])
def test_the_same_sound_comes_first_wherever_it_is(folder: Path, query: str) -> None:
    """A part shorter than a window is heard with what lies around it."""
    done = run("search", folder / "birds" / "x" / query, "--in", folder / "embeddings", "--csv", "--n", 3)
    assert done.exit_code == 0, done.output
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["recording_id"], row["begin_s"], row["end_s"]) for row in found[:2]] == [
        ("x/one.wav", "0.000", "1.000"),
        ("x/two.wav", "1.000", "2.000"),
    ]
    assert float(found[0]["likeness"]) > 0.99 > 0.5 > float(found[2]["likeness"])


def test_several_queries_find_what_is_like_one_of_them(folder: Path) -> None:
    parts = [folder / "birds" / "x" / query for query in ("one.wav#1-2", "two.wav#0-1")]
    done = run("search", *parts, "--in", folder / "embeddings", "--json", "--n", 2)
    found = json.loads(done.stdout)
    assert {(row["recording_id"], row["begin_s"]) for row in found} == {
        ("x/one.wav", 1.0),
        ("x/two.wav", 0.0),
    }


def test_a_catalog_names_the_files(folder: Path) -> None:
    """What was found is to be listened to: an id of the store is no file."""
    query, birds = folder / "birds" / "x" / "one.wav#0-1", folder / "birds"
    call = ["search", query, "--in", folder / "embeddings", "--catalog", birds, "--n", 2]
    (first, second) = json.loads(run(*call, "--json").stdout)
    assert (first["path"], first["begin_s"]) == (str(birds / "x" / "one.wav"), 0.0)
    assert (second["path"], second["begin_s"]) == (str(birds / "x" / "two.wav"), 1.0)
    assert run(*call, "--csv").stdout.splitlines()[0] == "path,begin_s,end_s,likeness"
    assert str(birds / "x" / "two.wav") in run(*call).stdout


def test_a_store_of_mel_bands_is_searched_too(folder: Path) -> None:
    done = run("search", folder / "birds" / "x" / "one.wav", "--in", folder / "mel", "--n", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1.0000")
    assert "x/one.wav" in done.stdout


@pytest.mark.parametrize("text", ["a.wav#x-2", "a.wav#2", "a.wav#3-2", "a.wav#-1--2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected FILE#BEGIN-END"):
        parse_query(text)


def test_parts_of_files(tmp_path: Path) -> None:
    assert parse_query("a.wav") == (Path("a.wav"), (0.0, None))
    assert parse_query("a.wav#1.5-") == (Path("a.wav"), (1.5, None))
    assert parse_query("a.wav#-2") == (Path("a.wav"), (0.0, 2.0))
    odd = tmp_path / "b#1-2"
    odd.write_bytes(b"")
    assert parse_query(str(odd)) == (odd, (0.0, None))


def test_windows_in_which_the_ear_hears_no_animal_are_quiet(folder: Path) -> None:
    windows = Windows.of(FeatureStore.open(folder / "embeddings"))
    assert windows.begin_s.tolist() == [0.0, 1.0, 2.0] * 2
    assert windows.audible(min_score=0.45).tolist() == [True, True, False, False, True, False]
    assert windows.audible(min_score=0.0).all()
    scores = windows.store.rows[:, windows.store.spec.n_embedding :]  # type: ignore[attr-defined]
    assert windows.confidence.tolist() == scores.max(axis=1).tolist()


def test_a_minimum_score_needs_a_store_that_keeps_scores(folder: Path) -> None:
    build = ("features", "build", folder / "birds", "--spec", folder / "t.tflite", "--no-scores", "--jobs", 1)
    assert run(*build, "--out", folder / "bare").exit_code == 0
    out = folder / "clusters.csv"
    done = run("cluster", folder / "bare", "--n", 2, "--min-score", 0.2, "--out", out)
    assert done.exit_code == 1
    assert "the store keeps no scores" in str(done.exception)
    assert run("cluster", folder / "bare", "--n", 3, "--out", out).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    pairs = {(row["path"], row["begin_s"]): row["scientific_name"] for row in rows}
    assert len(pairs) == 6
    assert pairs["x/one.wav", "0.000"] == pairs["x/two.wav", "1.000"]  # the same tone
    assert pairs["x/one.wav", "2.000"] == pairs["x/two.wav", "2.000"] != pairs["x/one.wav", "0.000"]
