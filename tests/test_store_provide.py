"""A store that is there already: taken as it is, brought up to date, made again, or refused."""

import os
import shutil
from hashlib import blake2b
from pathlib import Path

import pytest
from test_store import SPEC, contents, data_file, write_noise

from avianvox.errors import OutputError, StoreError
from avianvox.features.build import build_store
from avianvox.features.layout import INDEX, LEDGER, LOOKUP, ROWS, SUMS
from avianvox.features.provide import provide_store
from avianvox.features.store import FeatureStore, verify_store
from avianvox.types import Recording


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    """Three of noise and one that is not there."""
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for i, path in enumerate(paths):
        write_noise(path, 0.3, i)
    return [Recording(path.name, path) for path in (*paths, tmp_path / "gone.wav")]


def test_a_store_of_more_recordings_is_left_as_it_is(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    before = contents(tmp_path / "store")
    os.utime(recordings[1].path, ns=(1, 1))  # touched, same content
    assert len(provide_store(recordings[1:], SPEC, tmp_path / "store")) == 4
    assert contents(tmp_path / "store") == before


def test_a_store_built_from_other_files_is_refused(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    other = tmp_path / "other" / "1.wav"  # another catalog's recording of the same id and size
    other.parent.mkdir()
    write_noise(other, 0.3, 10)
    says = r"recording '1.wav': .*was built from another file than .*1.wav is now; build the store again"
    with pytest.raises(StoreError, match=says):
        provide_store([recordings[0], Recording("1.wav", other)], SPEC, tmp_path / "store")
    recordings[1].path.unlink()
    with pytest.raises(StoreError, match=says):
        provide_store(recordings[:2], SPEC, tmp_path / "store")
    assert (
        len(provide_store(recordings, SPEC, tmp_path / "store")) == 4
    )  # for all of them it is brought up to date


@pytest.mark.parametrize("name", [ROWS, INDEX, LOOKUP, SUMS, LEDGER])
def test_a_store_whose_file_is_missing_is_built_again(
    recordings: list[Recording], tmp_path: Path, name: str
) -> None:
    store = tmp_path / "store"
    build_store(recordings, SPEC, store, jobs=1)
    before = contents(store)
    data_file(store, name).unlink()
    if name != LEDGER:
        with pytest.raises(StoreError, match=f"{name} is missing; build the store again"):
            FeatureStore.open(store)
    assert len(provide_store(recordings, SPEC, store)) == 4
    assert contents(store) == before
    shutil.rmtree(data_file(store, name).parent)
    assert provide_store(recordings, SPEC, store).data_hash
    assert contents(store) == before


def test_damage_around_the_rows_is_found(recordings: list[Recording], tmp_path: Path) -> None:
    store = tmp_path / "store"
    build_store(recordings, SPEC, store, jobs=1)
    rows = data_file(store, ROWS)
    sound = rows.read_bytes()
    rows.write_bytes(sound.replace(b"<f4", b">f4", 1))
    with pytest.raises(StoreError, match=r"rows.npy is damaged: expected .* dtype float32, got .* >f4"):
        FeatureStore.open(store)
    assert len(verify_store(store)) == 1
    rows.write_bytes(sound.replace(b"}   ", b"}  \t", 1))
    assert verify_store(store) == [f"{rows}: damaged header"]
    rows.write_bytes(sound + b"more")
    assert verify_store(store) == [f"{rows}: expected {len(sound)} bytes, found {len(sound) + 4}"]


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
@pytest.mark.parametrize("jobs", [1, 2])
def test_names_that_are_not_utf8(recordings: list[Recording], tmp_path: Path, jobs: int) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write_noise(tmp_path / "plain.wav", 0.3, 5)
    (tmp_path / "plain.wav").rename(path)
    named = Recording(path.name, path)
    assert build_store([*recordings, named], SPEC, tmp_path / "store", jobs=jobs).n_extracted == 5
    store = FeatureStore.open(tmp_path / "store")
    assert store.ids[4] == list(store.ids)[4] == path.name
    assert store.status(store.index_of(path.name)) == "ok"
    assert store.keys[4] == int.from_bytes(blake2b(b"str:caf\xe9.wav", digest_size=8).digest(), "little")
    assert verify_store(tmp_path / "store") == []
    assert build_store([named, *recordings], SPEC, tmp_path / "store", jobs=1).n_extracted == 0


def test_a_place_where_no_folder_can_be_is_one_line(recordings: list[Recording]) -> None:
    with pytest.raises(OutputError, match="cannot write /proc/none/store: "):
        provide_store(recordings, SPEC, Path("/proc/none/store"))
