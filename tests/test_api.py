"""The front door: `import avianvox as av`, and what its results are."""

import io
import pickle
import re
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FunctionType
from typing import get_type_hints

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import avianvox as av
from avianvox.api.asked import Asked, Live
from avianvox.api.recordings import Options
from avianvox.api.tables import Detections
from avianvox.api.words import in_python
from avianvox.cli.classify import classify as command
from avianvox.cli.listen import listen as listen_command
from avianvox.cli.main import cli
from avianvox.errors import AudioError, InputError, RunError
from avianvox.inference.events import EventOptions
from avianvox.modelfolder import DEFAULT_MODEL, find_model
from avianvox.types import Detection, Recording, Waveform

SAMPLE = find_model(DEFAULT_MODEL).with_name("sample.ogg")


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, int]:
    return soundfile.read(SAMPLE, dtype="float32")


def scores(found: "av.Detections") -> list[tuple[str, float | None]]:
    return [(row.scientific_name, row.score) for row in found]


def test_dir_shows_public_names_and_nothing_else() -> None:
    assert dir(av) == sorted(av.__all__)
    assert all(getattr(av, name) is not None for name in av.__all__)


def test_a_room_does_not_take_the_name_of_a_function() -> None:
    from avianvox.export.card import model_card

    assert callable(model_card)
    assert callable(av.export)
    assert av.export.__wrapped__.__module__ == "avianvox.api.teach"


def test_every_public_name_has_an_example() -> None:
    without = [
        name
        for name in av.__all__
        if callable(getattr(av, name)) and ">>> " not in (getattr(av, name).__doc__ or "")
    ]
    assert without == []


def test_whatever_holds_the_sound_the_answer_is_the_same(sample: tuple[np.ndarray, int]) -> None:
    samples, rate = sample
    expected = scores(av.classify(SAMPLE))
    assert expected[0][0] == "Coccyzus vieilloti"
    assert scores(av.classify(str(SAMPLE))) == expected
    assert scores(av.classify(io.BytesIO(SAMPLE.read_bytes()))) == expected
    with open(SAMPLE, "rb") as stream:
        assert scores(av.classify(stream)) == expected
    assert scores(av.classify(samples, sample_rate=rate)) == expected
    assert scores(av.classify((samples, rate))) == expected
    assert scores(av.classify(np.stack([samples, samples], axis=1), sample_rate=rate)) == expected
    mixed = av.classify([SAMPLE, (samples.astype(np.float64), rate), io.BytesIO(SAMPLE.read_bytes())])
    assert scores(mixed) == expected * 3
    assert [row.path for row in mixed][::3] == [str(SAMPLE), "array 2", "file 3"]


def test_whole_numbers_are_samples_of_so_many_bits(sample: tuple[np.ndarray, int]) -> None:
    samples, rate = sample
    for kind in (np.int16, np.int32):
        whole = (samples * float(np.iinfo(kind).max)).round().astype(kind)
        found = av.classify(whole, sample_rate=rate)
        assert found == av.classify((whole / -float(np.iinfo(kind).min)).astype(np.float32), sample_rate=rate)
        assert found[0].scientific_name == "Coccyzus vieilloti"


def test_sound_in_memory_lies_at_no_site(sample: tuple[np.ndarray, int]) -> None:
    assert av.classify(sample)[0].site == ""
    assert av.classify(sample, site="garden")[0].site == "garden"
    assert av.classify(SAMPLE)[0].site == SAMPLE.parent.name


@pytest.mark.parametrize(
    ("sounds", "rate", "told"),
    [
        (np.zeros(100), None, "needs its rate"),
        (np.zeros(100), 0, "more than 0 Hz"),
        (np.zeros((2, 2, 2)), 8000, "shape (2, 2, 2)"),
        (np.zeros((2, 9000)), 8000, "turn it with .T"),
        (np.zeros(100, np.uint8), 8000, "uint8"),
        (np.zeros(0), 8000, "shape (0,)"),
        (3, None, "got int"),
        (io.StringIO("text"), None, "binary mode"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(sounds: object, rate: int | None, told: str) -> None:
    with pytest.raises(InputError) as refused:
        av.classify(sounds, sample_rate=rate)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_fails_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    found = av.classify([tmp_path / "broken.wav", SAMPLE, tmp_path / "none.wav"])
    assert [(Path(row.path).name, str(row.status)) for row in found.failed] == [
        ("broken.wav", "undecodable"),
        ("none.wav", "missing"),
    ]
    assert repr(found) == "<3 detections, 2 failed: see .failed>"
    assert repr(found[1:4]) == "<3 detections>"
    with pytest.raises(InputError, match=r"or a row of results, got dict$"):
        av.plot_spectrogram(found.to_rows()[0])  # type: ignore[arg-type]


def test_the_accuracy_of_a_model_is_that_of_the_ladder(synth_catalog_dir: Path, tmp_path: Path) -> None:
    unlike_folds = av.read_catalog(synth_catalog_dir)[:13]
    compared = av.crossvalidate(unlike_folds, ["gnb_mfcc"], tmp_path / "run")
    row = dict(zip(compared.table.columns, compared.table.rows[0], strict=True))
    for grouping in ("random", "session"):
        assert f"{compared.accuracy('gnb_mfcc', grouping):.3f}" == row[grouping].split()[0]


def test_keyword_arguments_are_named_as_they_are_written() -> None:
    assert in_python("--coverage excludes --top and --raw") == "coverage excludes top and calibrated=False"
    assert in_python("a--b, -- and --gap 1.5") == "a--b, -- and gap_s 1.5"
    with pytest.raises(InputError, match=r"^top and coverage: only for recordings"):
        av.events(SAMPLE, top=2)
    with pytest.raises(InputError, match=r"^gap_s: only for events"):
        av.classify(SAMPLE, gap_s=1.0)
    with pytest.raises(TypeError, match="'min_leng'; did you mean 'min_length_s'"):
        av.events(SAMPLE, min_leng=1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'min_scor'; did you mean 'min_score'"):
        av.classify(SAMPLE, min_scor=0.3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'ax'; did you mean 'axes'"):
        av.plot_spectrogram(SAMPLE, ax=None)  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"Detections\.per"):
        av.classify(SAMPLE, by="night")


def test_errors_of_every_function_speak_python(synth_catalog_dir: Path, tmp_path: Path) -> None:
    av.train(synth_catalog_dir, tmp_path / "run", model="gnb_mfcc", validation=0)
    with pytest.raises(RunError, match=r"continue it with resume or replace it with fresh$"):
        av.train(synth_catalog_dir, tmp_path / "run", model="gnb_mfcc", validation=0)
    with pytest.raises(InputError, match=r"^head_only is for a run on an ear"):
        av.export(tmp_path / "run", tmp_path / "x.tflite", head_only=True)
    result = CliRunner().invoke(
        cli, ["train", str(synth_catalog_dir), "--out", str(tmp_path / "run"), "--model", "gnb_mfcc"]
    )
    assert str(result.exception).endswith("continue it with --resume or replace it with --fresh")


def test_functions_can_be_sent_to_other_processes() -> None:
    for name in av.__all__:
        if isinstance(getattr(av, name), FunctionType):
            assert pickle.loads(pickle.dumps(getattr(av, name))) is getattr(av, name)


def test_notes_stand_beside_the_rows() -> None:
    found = av.events(SAMPLE, species=["Coccyzus vieilloti", "Corvus nobody"])
    assert any("the model doesn't know 'Corvus nobody'" in note for note in found.notes)
    assert not found[:1].notes or found[:1].notes == found.notes


def test_a_table_that_is_kept_goes_on(tmp_path: Path) -> None:
    out, heard = tmp_path / "rows.csv", []
    first = av.events(SAMPLE, out=out, site="garden")
    again = av.events(
        [SAMPLE, tmp_path / "none.wav"], out=out, site="garden", resume=True, progress=heard.append
    )
    assert scores(again[: len(first)]) == scores(first)
    assert [entry.path for entry in heard] == [str(tmp_path / "none.wav")]
    with pytest.raises(InputError, match="resume needs"):
        av.events(SAMPLE, resume=True)


def test_a_pandas_session(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    place = tmp_path / "20260501_043000.ogg"
    place.write_bytes(SAMPLE.read_bytes())
    found = av.events([place, SAMPLE], timezone="-04:00")
    frame = found.to_pandas()
    assert list(frame.columns[:3]) == ["path", "status", "channel"]
    assert frame["begin_time"].iloc[0] == pandas.Timestamp("2026-05-01T04:30:00")
    assert frame["begin_utc_offset_s"].tolist() == [-4 * 3600, pandas.NA]
    assert pandas.isna(frame["begin_time"].iloc[1])
    best = frame[frame["score"] > 0.1].groupby("scientific_name")["score"].max()
    assert best.to_dict() == {"Coccyzus vieilloti": found[0].score}
    hours = found.per("hour").to_pandas()
    assert hours["n_events"].sum() == 2
    assert hours["recorded_s"].sum() == 20.0


def test_frames_of_every_library_hold_the_same(tmp_path: Path) -> None:
    found = av.classify(SAMPLE)
    rows = found.to_rows()
    assert rows[0]["score"] == found[0].score
    assert rows[0]["begin_time"] is None
    arrow = found.to_arrow()
    assert arrow.to_pylist() == found.to_polars().to_dicts()
    assert [row["score"] for row in arrow.to_pylist()] == [row["score"] for row in rows]
    found.save(tmp_path / "found.parquet")
    assert av.read_table(tmp_path / "found.parquet") == found


def test_rows_have_length_iteration_and_indexing() -> None:
    found = av.classify(SAMPLE)
    assert len(found) == 3
    assert list(found) == [found[0], found[1], found[2]]
    assert found[-1] is found[2]
    assert isinstance(found[:2], type(found))
    assert found[0] in found
    assert found.of("puerto rican lizard cuckoo")[0] is found[0]
    assert list(found.named) == [found[0]]
    assert "3 detections" in repr(found)


def test_what_a_terminal_shows_is_short(synth_catalog_dir: Path, tmp_path: Path) -> None:
    found = av.classify(SAMPLE)
    head, first, *_ = str(found).splitlines()
    assert head == f"{SAMPLE}  (10.0 s)"
    assert first.split() == ["0.6201", "Coccyzus", "vieilloti", "(Puerto", "Rican", "Lizard", "Cuckoo)"]
    assert str(Detections([])) == "<0 detections>"
    assert str(Detections(Detection(f"{i}.wav") for i in range(30))).endswith("\n30 rows")
    catalog = av.read_catalog(synth_catalog_dir)
    assert repr(catalog) == "<catalog of 16 recordings of 4 classes, source 'csv'>"
    store = av.build_store(catalog[:2], tmp_path / "store")
    assert repr(store).startswith("<store of 2 recordings, ")
    assert repr(av.crops(store, n_frames=32)) == "<2 windows of shape (32, 128)>"
    shown = "<model 'caribbean_california': 36 classes, windows of 5.94 s at 22050 Hz>"
    assert repr(av.load_model()) == shown


def test_labels_windows_and_catalogs_too(synth_catalog_dir: Path) -> None:
    model = av.load_model()
    labels = model.labels
    assert (len(labels), labels[0], list(labels)) == (len(labels.names), labels.names[0], list(labels.names))
    assert labels[:2] == labels.names[:2]
    assert "Coccyzus vieilloti" in labels
    windows = model.classify(SAMPLE).windows
    assert windows[0].begin_s == 0.0
    assert windows[0].end_s == pytest.approx(windows[0].n_samples / model.spec.sample_rate)
    assert windows[-1].end_s <= 10.0


def test_a_store_has_length_iteration_and_indexing(synth_catalog_dir: Path, tmp_path: Path) -> None:
    catalog = av.read_catalog(synth_catalog_dir)
    assert [recording.id for recording in catalog[:2]] == [catalog[0].id, catalog[1].id]
    assert list(catalog)[-1] == catalog[-1]
    assert catalog.paths == (str(synth_catalog_dir),)
    store = av.build_store(catalog[:3], tmp_path / "store")
    assert len(store) == len(list(store)) == 3
    np.testing.assert_array_equal(store[catalog[1].id], store[1])
    np.testing.assert_array_equal(store[-1], list(store)[2])
    assert catalog[0].id in store
    assert "nothing" not in store
    with pytest.raises(IndexError):
        store[3]
    drawn, all_of_them = av.crops(store, n_frames=40), av.crops(store, every=True, n_frames=40)
    assert drawn.values.shape == (3, 40, 128)
    assert len(all_of_them) > len(drawn)
    first = next(i for i, crop in enumerate(all_of_them.where) if crop.first_frame == 40)
    np.testing.assert_array_equal(
        all_of_them[first], store[all_of_them.where[first].recording_id][40:80, :128]
    )


def test_what_a_notebook_shows_needs_no_network(sample: tuple[np.ndarray, int], tmp_path: Path) -> None:
    event = av.events(SAMPLE)[0]
    for shown in (event, Recording("a", SAMPLE), Waveform(*sample), av.load_model().classify(SAMPLE)):
        page = shown._repr_html_()
        assert "<audio controls" in page
        assert page.count("data:image/png;base64,") == 1
        assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "Coccyzus vieilloti (Puerto Rican Lizard Cuckoo), 0.60, named, sample.ogg" in event._repr_html_()
    assert "&lt;b&gt;" in Detection(str(SAMPLE), scientific_name="<b>")._repr_html_()
    assert "not to be heard" in Detection("none.wav", scientific_name="x")._repr_html_()
    many = Detections(Detection(f"{i}.wav", rank=1) for i in range(30))
    assert "30 detections, of which 20 are shown" in many._repr_html_()
    assert av.events(SAMPLE).gallery()._repr_html_().count("<audio") == 1


def test_sound_at_any_rate_can_be_heard() -> None:
    waves = np.sin(np.arange(25_600) / 8).astype(np.float32)
    for rate, kind in ((48000, "audio/mpeg"), (256000, "audio/flac")):
        assert f"data:{kind}" in Waveform(waves, rate)._repr_html_()


def test_a_spectrogram_shows_the_part_that_is_asked_for(sample: tuple[np.ndarray, int]) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    row = Detection(str(SAMPLE), begin_s=2.0, end_s=3.0, low_hz=1000.0, high_hz=4000.0)
    axes = av.plot_spectrogram(row, context_s=0.5)
    assert axes.get_xlim() == pytest.approx((1.5, 3.5), abs=0.01)
    assert len(axes.patches) == 3
    axes = av.plot_spectrogram(sample, begin_s=4.0, end_s=5.0, axes=axes)
    assert axes.get_xlim() == pytest.approx((4.0, 5.0), abs=0.01)
    assert av.plot_spectrogram(str(SAMPLE)).get_xlim() == pytest.approx((0, 10), abs=0.01)
    with pytest.raises(AudioError, match=r"the sound ends before 40\.0 s"):
        av.plot_spectrogram(SAMPLE, begin_s=40.0)
    matplotlib.pyplot.close("all")


def test_live_sound_gives_the_events_of_a_recording(sample: tuple[np.ndarray, int]) -> None:
    samples, rate = sample
    blocks = np.array_split(samples, 40)
    begin = datetime(2026, 5, 1, 4, 30, tzinfo=timezone(timedelta(hours=-4)))
    heard = list(av.listen(blocks, rate=rate, begin=begin, name="garden", site="home"))
    assert [(row.scientific_name, row.score) for row in heard] == [
        (row.scientific_name, pytest.approx(row.score, abs=1e-4)) for row in av.events(sample)
    ]
    assert (heard[0].path, heard[0].site) == ("garden", "home")
    assert heard[0].begin_time == "2026-05-01T04:30:00.000-04:00"
    (narrow,) = av.listen(blocks, rate=rate, narrow="all")
    (expected,) = av.events(sample, narrow="all")
    assert (narrow.begin_s, narrow.end_s) == pytest.approx((expected.begin_s, expected.end_s), abs=0.1)
    assert narrow.low_hz == pytest.approx(expected.low_hz, abs=100)
    windows = av.listen(blocks, rate=rate, by="window")
    assert next(windows).begin_s == 0.0
    windows.close()
    with pytest.raises(TypeError, match="unexpected keyword argument 'top'"):
        av.listen(blocks, top=2)  # type: ignore[call-arg]
    told: list[str] = []
    assert list(av.listen([np.zeros((2, 2, 2))], rate=rate, say=told.append)) == []
    assert told == ["the sound ended: expected samples of shape (n,) or (n, channels), got shape (2, 2, 2)"]


def test_raw_samples_in_a_pipe_are_heard(sample: tuple[np.ndarray, int], tmp_path: Path) -> None:
    samples, rate = sample
    (tmp_path / "raw").write_bytes(samples.astype("<f4").tobytes())
    with open(tmp_path / "raw", "rb") as pipe:
        assert [row.scientific_name for row in av.listen(pipe, rate=rate)] == ["Coccyzus vieilloti"]


def test_a_plain_script_starts_no_processes(
    synth_catalog_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without ``if __name__ == "__main__":`` would be run again by each of them."""
    pytest.importorskip("sklearn")
    monkeypatch.setattr("avianvox.workers.processes.ProcessPoolExecutor", None)
    catalog = av.read_catalog(synth_catalog_dir)
    trained = av.train(catalog, tmp_path / "run", model="gnb_mfcc", validation=0)
    assert repr(trained) == f"<training run of 4 classes in {tmp_path / 'run'}>"
    compared = av.crossvalidate(catalog, "gnb_mfcc", tmp_path / "compared", folds=2)
    assert repr(compared) == f"<cross-validation of gnb_mfcc in {tmp_path / 'compared'}>"
    assert "1 model<" in compared._repr_html_()
    assert len(av.SpeciesClassifier("gnb_mfcc").fit(catalog).predict(catalog)) == 16


def test_defaults_are_those_of_the_command_line() -> None:
    asked = Asked(model="")
    names = ["-h", "--help"]  # as in the group: click keeps the first ones that it was asked with
    given = command.make_context("classify", ["recording.wav"], help_option_names=names).params
    shared = {field.name for field in fields(Asked)} - {"paths", "model"}
    assert {name: given[name] for name in shared} == {name: getattr(asked, name) for name in shared}
    events = EventOptions()
    for name in ("leave", "gap_s", "min_length_s", "smooth", "multi_label"):
        assert getattr(asked, name) == getattr(events, name)


def test_every_option_of_the_command_can_be_asked_for() -> None:
    explicit = {"model", "by", "min_score", "species_list", "exclude", "paths", "quiet", "gate_file"}
    assert {field.name for field in fields(Asked)} - explicit == set(get_type_hints(Options))
    shared = {parameter.name for parameter in listen_command.params}
    assert {field.name for field in fields(Live)} - {"place"} <= shared
