"""Feature stores: what they hold, how they are found again, and what happens when something changes."""

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import soundfile

from avianvox.errors import InputError, StoreError, UnknownNameError
from avianvox.features import partial
from avianvox.features.build import build_store
from avianvox.features.extract import extract_features
from avianvox.features.layout import (
    FORMAT_VERSION,
    HEADER_BYTES,
    INDEX,
    KIND,
    LOOKUP,
    ROWS,
    STORE,
    SUMS,
    array_header,
    read_description,
    seal,
)
from avianvox.features.ledger import Entry, read_ledger
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore, verify_store
from avianvox.randomness import hash_name
from avianvox.types import Recording, Status, Waveform

SPEC = FeatureSpec()


def write_noise(path: Path, seconds: float, seed: int) -> np.ndarray:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * SPEC.sample_rate))
    soundfile.write(path, samples.astype(np.float32), SPEC.sample_rate, subtype="FLOAT")
    return samples.astype(np.float32)


def contents(store: Path) -> dict[str, str]:
    """Hash of every file of a store."""
    files = (path for path in sorted(store.rglob("*")) if path.is_file())
    return {str(path.relative_to(store)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    """Five of noise, one of text and one that is not there."""
    folder = tmp_path / "audio"
    folder.mkdir()
    for i in range(5):
        write_noise(folder / f"é {i}.wav", 0.3 + 0.4 * i, i)
    (folder / "text.mp3").write_text("not a sound")
    names = ["é 0.wav", "é 1.wav", "text.mp3", "é 2.wav", "gone.wav", "é 3.wav", "é 4.wav"]
    return [Recording(f"id {name}", folder / name) for name in names]


def test_holds_what_the_extractor_gives(recordings: list[Recording], tmp_path: Path) -> None:
    report = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    store = FeatureStore.open(tmp_path / "store", spec=SPEC)
    assert list(store.ids) == [recording.id for recording in recordings]
    assert store.ids[1:3] == [recordings[1].id, recordings[2].id]
    assert [store.status(i) for i in range(7)] == [entry.status for entry in report.entries]
    assert store.status(2) is Status.UNDECODABLE
    assert store.status(4) is Status.MISSING
    assert [entry.id for entry in report.failed] == ["id text.mp3", "id gone.wav"]
    for i, recording in enumerate(recordings):
        assert store.index_of(recording.id) == i
        if recording.path.suffix == ".wav" and recording.path.exists():
            samples, _ = soundfile.read(recording.path, dtype="float32")
            expected = extract_features(Waveform(samples, SPEC.sample_rate), SPEC).values
            assert np.array_equal(store.features(i), expected)
            assert store.content_hash(i) == sha256(recording.path.read_bytes()).hexdigest()
            wide = expected.astype(np.float64)
            assert store.sums[i] == pytest.approx(np.stack([wide.sum(0), (wide**2).sum(0)]), rel=1e-12)
    assert store.n_frames.tolist() == [entry.n_frames for entry in report.entries]
    assert store.first_row.tolist() == [0, *np.cumsum(store.n_frames)[:-1].tolist()]
    assert store.indices_of([recordings[5].id, recordings[0].id]).tolist() == [5, 0]
    with pytest.raises(UnknownNameError, match="no recording 'nobody'"):
        store.index_of("nobody")
    assert verify_store(tmp_path / "store") == []


def test_same_bytes_whatever_the_number_of_jobs(recordings: list[Recording], tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    for jobs in (1, 2):
        build_store(
            recordings, SPEC, tmp_path / str(jobs), jobs=jobs, progress=lambda *step: done.append(step)
        )
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert done == [(i, 7) for i in range(8)] * 2


def test_float16_rounds_the_same_rows(recordings: list[Recording], tmp_path: Path) -> None:
    for dtype in ("float32", "float16"):
        build_store(recordings, SPEC, tmp_path / dtype, dtype=dtype, jobs=1)
    wide, narrow = (FeatureStore.open(tmp_path / dtype) for dtype in ("float32", "float16"))
    assert narrow.rows.dtype == np.float16
    assert np.array_equal(wide.rows.astype(np.float16), narrow.rows)
    assert narrow.sums[0, 0] == pytest.approx(narrow.features(0).astype(np.float64).sum(0))
    assert verify_store(tmp_path / "float16") == []
    with pytest.raises(StoreError, match=r"holds float16 rows.*asked for float32 rows"):
        build_store(recordings, SPEC, tmp_path / "float16", jobs=1)
    with pytest.raises(InputError, match="dtype must be one of float32, float16"):
        build_store(recordings, SPEC, tmp_path / "other", dtype="int8")


def test_a_second_build_does_nothing(recordings: list[Recording], tmp_path: Path) -> None:
    first = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    before = contents(tmp_path / "store")
    second = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    assert (first.n_extracted, second.n_extracted) == (7, 0)
    assert second.entries == first.entries
    assert contents(tmp_path / "store") == before


def test_only_changed_files_are_extracted_again(recordings: list[Recording], tmp_path: Path) -> None:
    store = tmp_path / "store"
    build_store(recordings, SPEC, store, jobs=1)
    before = FeatureStore.open(store)
    write_noise(recordings[1].path, 0.9, 77)  # changed
    os.utime(recordings[3].path, ns=(1, 1))  # touched, same content
    write_noise(recordings[4].path, 0.2, 78)  # no longer missing
    write_noise(recordings[0].path.with_name("new.wav"), 0.5, 79)
    new = Recording("new", recordings[0].path.with_name("new.wav"))
    changed = [new, *recordings[:5], recordings[6]]  # one added, one removed
    report = build_store(changed, SPEC, store, jobs=1)
    assert (report.n_extracted, report.n_dropped) == (3, 1)
    build_store(changed, SPEC, tmp_path / "fresh", jobs=1)
    assert contents(store) == contents(tmp_path / "fresh")
    assert before.features(6).shape == (before.n_frames[6], SPEC.n_features)  # readers keep the old rows
    assert FeatureStore.open(store).data_hash != before.data_hash


def test_damaged_rows_are_not_copied(recordings: list[Recording], tmp_path: Path) -> None:
    store = tmp_path / "store"
    build_store(recordings, SPEC, store, jobs=1)
    flip_byte(data_file(store, ROWS), 128 + 10)
    report = build_store(recordings[:6], SPEC, store, jobs=1)
    assert report.n_extracted == 1
    assert verify_store(store) == []


def data_file(store: Path, name: str) -> Path:
    return store / read_description(store)["data"] / name


def flip_byte(path: Path, position: int) -> None:
    with open(path, "r+b") as stream:
        stream.seek(position)
        value = stream.read(1)[0]
        stream.seek(position)
        stream.write(bytes([value ^ 4]))


@pytest.mark.parametrize("name", ["index.npy", "lookup.npy", "sums.npy", "ledger.jsonl"])
def test_verify_names_the_damaged_file(recordings: list[Recording], tmp_path: Path, name: str) -> None:
    build_store(recordings, SPEC, tmp_path, jobs=1)
    file = data_file(tmp_path, name)
    flip_byte(file, file.stat().st_size - 3)
    assert verify_store(tmp_path) == [f"{file}: damaged, its contents do not match its hash"]


def test_verify_names_the_damaged_recording(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path, jobs=1)
    store = FeatureStore.open(tmp_path)
    flip_byte(data_file(tmp_path, ROWS), 128 + int(store.first_row[3] + 2) * SPEC.n_features * 4)
    (problem,) = verify_store(tmp_path)
    assert problem.startswith(f"recording {recordings[3].id}: damaged rows in ")


def test_damaged_stores_are_refused(recordings: list[Recording], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no finished feature store in .*features build"):
        FeatureStore.open(tmp_path / "nothing")
    build_store(recordings, SPEC, tmp_path, jobs=1)
    with pytest.raises(StoreError, match="was made with feature spec"):
        FeatureStore.open(tmp_path, spec=replace(SPEC, hop_length=256))
    rows = data_file(tmp_path, ROWS)
    os.truncate(rows, rows.stat().st_size - 1000)
    with pytest.raises(StoreError, match=r"rows.npy is damaged"):
        FeatureStore.open(tmp_path)
    (problem,) = verify_store(tmp_path)
    assert "rows.npy is damaged" in problem
    text = (tmp_path / STORE).read_text()
    (tmp_path / STORE).write_text(text.replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(StoreError, match="format version 9, this release reads 1"):
        FeatureStore.open(tmp_path)
    (tmp_path / STORE).write_text(text.replace("float32", "float16"))
    with pytest.raises(StoreError, match="do not match its hash"):
        FeatureStore.open(tmp_path)
    (tmp_path / STORE).unlink()  # the remedy that the message names
    assert build_store(recordings, SPEC, tmp_path, jobs=1).n_extracted <= 1
    assert verify_store(tmp_path) == []


def test_ids_must_be_unique(tmp_path: Path) -> None:
    twice = [Recording("a", tmp_path / "a.wav"), Recording("a", tmp_path / "b.wav")]
    with pytest.raises(InputError, match="two recordings have the id 'a'"):
        build_store(twice, SPEC, tmp_path / "store")


def test_ids_whose_hashes_collide_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "hash_name", lambda _: 5)
    monkeypatch.setattr("avianvox.features.store.hash_name", lambda _: 5)
    missing = [Recording(name, tmp_path / name) for name in ("c", "a", "b")]
    build_store(missing, SPEC, tmp_path / "store", jobs=1)
    assert FeatureStore.open(tmp_path / "store").indices_of(["a", "b", "c"]).tolist() == [1, 2, 0]


def make_big_store(path: Path, n: int) -> None:
    """A made-up store of ``n`` recordings of 431 frames whose rows and sums are holes in sparse files."""
    index = np.tile(partial.make_index([Entry("recording 000000", Status.OK, 431, 1, 1, "00", "00")]), n)
    index["id"] = np.char.add(b"recording ", np.arange(n).astype("S"))
    index["first_row"] = np.arange(n) * 431
    index["key"] = np.random.default_rng(0).integers(0, 2**63, n)
    index["key"][n - 7] = hash_name(f"recording {n - 7}")
    sizes = {"dtype": "float32", "n_recordings": n, "n_frames": 431 * n, "data_hash": "", "sha256": {}}
    kind = {"kind": KIND, "format_version": FORMAT_VERSION, "spec": SPEC.to_mapping()}
    description = seal({**kind, **sizes})
    folder = path / description["data"]
    folder.mkdir()
    np.save(folder / INDEX, index)
    np.save(folder / LOOKUP, partial.make_lookup(index["key"]))
    shapes = {ROWS: (431 * n, SPEC.n_features), SUMS: (n, 2, SPEC.n_features)}
    for (name, shape), dtype in zip(shapes.items(), ("float32", "float64"), strict=True):
        with open(folder / name, "wb") as stream:
            stream.write(array_header(shape, dtype))
            stream.truncate(HEADER_BYTES + int(np.prod(shape)) * np.dtype(dtype).itemsize)
    (path / STORE).write_text(json.dumps(description))


def test_a_million_recordings_open_in_milliseconds(tmp_path: Path) -> None:
    n = 1_000_000
    make_big_store(tmp_path, n)
    seconds = []
    for _ in range(5):
        start = perf_counter()
        store = FeatureStore.open(tmp_path)
        position = store.index_of(f"recording {n - 7}")
        seconds.append(perf_counter() - start)
    assert (len(store), position) == (n, n - 7)
    assert min(seconds) < 0.03, seconds  # reading the index alone, 150 MB, takes longer


def test_normalisation_comes_from_the_given_recordings(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path, jobs=1)
    store = FeatureStore.open(tmp_path)
    chosen = np.array([0, 3, 2])  # the last one has no frames
    rows = np.concatenate([store.features(i) for i in chosen]).astype(np.float64)
    normalisation = Normalisation.from_store(store, chosen)
    assert normalisation.mean == pytest.approx(rows.mean(0), rel=1e-6)
    assert normalisation.deviation == pytest.approx(rows.std(0), rel=1e-5)
    applied = normalisation.apply(rows)
    assert applied.mean(0) == pytest.approx(0, abs=1e-4)
    assert applied.std(0) == pytest.approx(1, abs=1e-4)
    with pytest.raises(InputError, match="have no frames"):
        Normalisation.from_store(store, np.array([2, 4]))


def test_a_band_that_never_changes_keeps_a_deviation(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(30_000, np.float32), SPEC.sample_rate)
    build_store([Recording("silence", tmp_path / "silence.wav")], SPEC, tmp_path / "store", jobs=1)
    normalisation = Normalisation.from_store(FeatureStore.open(tmp_path / "store"), np.array([0]))
    assert np.all(normalisation.deviation == 1.0)


@pytest.mark.parametrize("damaged", [b'{"id": "b', b"{}\n", b"\0\0\0\n", b"[]\n"])
def test_a_ledger_counts_up_to_the_first_damaged_line(tmp_path: Path, damaged: bytes) -> None:
    entry = Entry("é", Status.TRUNCATED, 3, 10, 1, "ab", "cd", 1 / 3, None, 'quote " and \n line')
    (tmp_path / "ledger").write_bytes(entry.to_line() + damaged + entry.to_line())
    assert read_ledger(tmp_path / "ledger") == [entry]


def test_keys_are_hashes_of_the_ids(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path, jobs=1)
    store = FeatureStore.open(tmp_path)
    assert store.keys.tolist() == [hash_name(recording.id) for recording in recordings]
    assert np.load(data_file(tmp_path, INDEX)).dtype == store.index.dtype
