"""``avianvox data import``: the published layout in small, and the index of the real one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from published_layout import copy_without_sound, features_of, make_layout

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.published import SPEC, import_features
from avianvox.dataset.splits import Split, make_split, report_split, source_split
from avianvox.errors import CatalogError
from avianvox.features.provide import provide_store
from avianvox.features.store import FeatureStore
from avianvox.types import Status


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", "import", *map(str, arguments)])


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_layout(tmp_path_factory.mktemp("published"), per_class=4)


def test_features_come_in_without_any_sound(layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "imported"
    result = run(copy_without_sound(layout, tmp_path / "published"), "--out", out, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["sound"], summary["features"], summary["other_mfcc"]) == (0, 8, 0)
    assert summary["split"] == {"train": 6, "test": 2}
    catalog = read_catalog(out)
    store = provide_store(catalog.recordings, SPEC, out / "store")
    assert len(store.rows)  # what was imported was taken as it is, and not built anew from missing files
    for position, recording in enumerate(catalog.recordings):
        expected = features_of(layout / "xeno-canto-ca-nv" / recording.path.name)
        found = store.features(position)
        np.testing.assert_allclose(found[:, : SPEC.n_mels], expected[:, : SPEC.n_mels], atol=1e-3)
        unlimited = expected[:, : SPEC.n_mels].min(axis=1) > expected[:, : SPEC.n_mels].max() - 80
        np.testing.assert_allclose(found[unlimited], expected[unlimited], atol=1e-2)
    bands = np.concatenate([store.features(i)[:, : SPEC.n_mels] for i in range(8)])
    natural = bands.astype(np.float64) * np.log(10) / 10
    assert summary["values"]["log-mel"] == pytest.approx([bands.size, natural.mean(), natural.std()])


def test_index_and_split_stay_the_same(layout: Path, tmp_path: Path) -> None:
    assert run(layout, "--out", tmp_path).exit_code == 0
    source, imported = read_catalog(layout), read_catalog(tmp_path)
    assert [replace(r, source="kaggle") for r in imported.recordings] == list(source.recordings)
    split = Split.load(tmp_path / "split.json", imported.recordings)
    published = source_split(source.recordings, source.split)
    np.testing.assert_array_equal(split.folds[0].test, published.folds[0].test)
    assert split.grouping == "source"
    assert imported.split == source.split


def test_a_drawn_split_beside_the_index_is_not_the_sources(layout: Path, tmp_path: Path) -> None:
    assert run(layout, "--out", tmp_path).exit_code == 0
    split = make_split(read_catalog(layout).recordings, grouping="random", n_folds=2)
    split.save(tmp_path / "split.json", read_catalog(layout).recordings)
    assert not read_catalog(tmp_path).split
    (tmp_path / "split.json").write_text("[]")
    assert not read_catalog(tmp_path).split


def test_a_name_that_is_not_utf8_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "wren").mkdir()
    (tmp_path / "wren" / "a\udce9.wav").write_bytes(b"")
    result = run(tmp_path, "--out", tmp_path / "out")
    assert isinstance(result.exception, CatalogError)
    assert str(result.exception).endswith(
        r"recordings.csv: the name " f"{tmp_path}" r"/wren/a\xe9.wav is not UTF-8; rename the file"
    )


def test_what_is_missing_or_of_a_wrong_size_is_named_and_decoded_later(layout: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "features"
    damaged.mkdir()
    for file in layout.glob("features/*"):
        (damaged / file.name).write_bytes(file.read_bytes())
    (damaged / "mfcc_XC1.dat").unlink()
    with open(damaged / "melsg_XC2.dat", "ab") as stream:
        stream.write(bytes(4))
    with open(damaged / "mfcc_XC3.dat", "ab") as stream:
        stream.write(bytes(80))
    np.fromfile(damaged / "melsg_XC5.dat", "<f4").__neg__().tofile(damaged / "melsg_XC5.dat")
    (damaged / "mfcc_XC6.dat").write_bytes(bytes((damaged / "mfcc_XC6.dat").stat().st_size))
    result = run(layout, "--features", damaged, "--out", tmp_path / "out")
    assert result.exit_code == 3
    lines = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    words = ("no features at", "a multiple of 512 bytes", "frames, mfcc_XC3.dat", "mel power of 0 or more")
    for line, number, told in zip(lines, (1, 2, 3, 5), words, strict=True):
        assert line.startswith(f"failed: XC{number}: ")
        assert told in line
    assert "1 recordings: MFCC do not match the mel bands" in result.stdout
    recordings = read_catalog(tmp_path / "out").recordings
    before = FeatureStore.open(tmp_path / "out" / "store")
    assert before.status(1) is Status.MISSING
    after = provide_store(recordings, SPEC, tmp_path / "out" / "store")
    np.testing.assert_array_equal(after.features(1), features_of(recordings[1].path))
    np.testing.assert_array_equal(after.features(0), before.features(0))


def test_the_other_names_of_the_files_and_a_kill(layout: Path, tmp_path: Path) -> None:
    recordings = read_catalog(layout).recordings
    for recording in recordings:
        for old, new in (("melsg", "melspectrogram"), ("mfcc", "mfcc")):
            data = (layout / "features" / f"{old}_{recording.id}.dat").read_bytes()
            (tmp_path / f"{recording.id}_{new}.dat").write_bytes(data)

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    import_features(recordings, tmp_path, tmp_path / "whole")
    with pytest.raises(Killed):
        import_features(recordings, tmp_path, tmp_path / "resumed", progress=kill)
    import_features(recordings, tmp_path, tmp_path / "resumed")
    names = {store: next((tmp_path / store).glob("data-*/rows.npy")) for store in ("whole", "resumed")}
    assert names["whole"].read_bytes() == names["resumed"].read_bytes()


def test_a_catalog_without_split_and_features(synth_catalog_dir: Path, tmp_path: Path) -> None:
    result = run(synth_catalog_dir, "--out", tmp_path)
    assert result.exit_code == 0
    assert not (tmp_path / "split.json").exists()
    assert not (tmp_path / "store").exists()
    assert read_catalog(tmp_path).labels == read_catalog(synth_catalog_dir).labels


@pytest.mark.recordings
def test_the_published_index(real_data: Path, tmp_path: Path) -> None:
    result = run(real_data / "xenocanto_ca_nv", "--out", tmp_path)
    assert result.exit_code == 0
    assert "no sound files and no features found; download them from https://www.kaggle.com" in result.stderr
    source, imported = read_catalog(real_data / "xenocanto_ca_nv"), read_catalog(tmp_path)
    assert [replace(r, source="kaggle") for r in imported.recordings] == list(source.recordings)
    split = Split.load(tmp_path / "split.json", imported.recordings)
    assert report_split(split, imported.recordings).shared_session == pytest.approx(0.56, abs=0.01)
