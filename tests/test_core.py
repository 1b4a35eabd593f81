"""The top room: tables of names, configuration, named randomness, whole files, travelling values."""

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avianvox.config import later, read_toml, settings_from_mapping, settings_to_mapping
from avianvox.errors import (
    AvianvoxError,
    ConfigError,
    InputError,
    MissingExtraError,
    OutputError,
    UnknownNameError,
    require_extra,
)
from avianvox.features.spec import spec_named
from avianvox.files import (
    atomic_write,
    holdings,
    open_regular,
    read_regular,
    scratch_folder,
    sha256_file,
    take_lock,
)
from avianvox.randomness import derive_rng, derive_uniform, hash_name
from avianvox.registry import Registry
from avianvox.training.config import TrainConfig
from avianvox.types import LabelSet, Prediction, Recording, Status, Waveform


@dataclass(frozen=True)
class Settings:
    learning_rate: float = 1e-3
    epochs: int = 100
    name: str | None = None
    pools: tuple[int, ...] = (3, 3)
    shuffle: bool = True


def test_registry_resolves_on_use_and_names_the_known() -> None:
    table: Registry[type] = Registry("model", {"path": "pathlib:Path"})
    assert table.get("path") is Path
    with pytest.raises(UnknownNameError, match=r"unknown model 'pth'; did you mean 'path'\? \(known: path\)"):
        table.get("pth")
    with pytest.raises(ValueError, match="registered twice"):
        table.register("path", "pathlib:PurePath")
    with pytest.raises(ValueError, match="module:attribute"):
        table.register("other", "pathlib.Path")


def test_configuration_refuses_unknown_keys_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError, match=r"\[train\] has no key 'learnig_rate'; did you mean 'learning_rate'\?"
    ):
        settings_from_mapping(Settings, {"learnig_rate": 1.0}, table="train")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 1.5}, r"\[train\] epochs: expected int, got 1.5"),
        ({"epochs": True}, r"\[train\] epochs: expected int, got True"),
        ({"name": 3}, r"\[train\] name: expected str or none, got 3"),
        ({"pools": ["a"]}, r"\[train\] pools: expected int, got 'a'"),
        ({"shuffle": 1}, r"\[train\] shuffle: expected bool, got 1"),
    ],
)
def test_configuration_checks_types(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_from_mapping(Settings, values, table="train")


def test_configuration_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text("[train]\nlearning_rate = 1\npools = [2, 2]\n")
    settings = read_toml(path, {"train": Settings})["train"]
    assert settings == Settings(learning_rate=1.0, pools=(2, 2))
    assert settings_from_mapping(Settings, settings_to_mapping(settings), table="train") == settings


@dataclass(frozen=True)
class GrownSettings(Settings):
    """`Settings` a release later: ``loss`` was "plain" before it could be chosen and is "smooth" today."""

    loss: str = later("smooth", held="plain")


def test_a_later_field_counts_only_where_it_differs_from_what_held_when_it_came() -> None:
    before = settings_to_mapping(Settings())
    assert settings_to_mapping(GrownSettings(loss="plain")) == before
    assert settings_to_mapping(GrownSettings()) == before | {"loss": "smooth"}


def test_what_was_written_before_a_field_came_has_the_value_of_then() -> None:
    values = settings_to_mapping(Settings(epochs=3))
    assert settings_from_mapping(GrownSettings, values, table="train", stored=True).loss == "plain"
    assert settings_from_mapping(GrownSettings, values, table="train").loss == "smooth"
    for settings in (GrownSettings(), GrownSettings(loss="plain"), GrownSettings(loss="other")):
        again = settings_from_mapping(
            GrownSettings, settings_to_mapping(settings), table="train", stored=True
        )
        assert again == settings


def test_fingerprints_are_those_of_the_files_that_exist() -> None:
    """Stores, gates and model files carry them: a change here refuses all of them."""
    first, second = spec_named("published_v1"), spec_named("published_v2")
    assert (first.fingerprint, first.extraction_fingerprint) == ("c8ea204eea838532", "f3fddfc6edf0040b")
    assert (second.fingerprint, second.extraction_fingerprint) == ("dbbb4b9945f56ee6", "220bcfb64f210340")
    assert list(settings_to_mapping(TrainConfig())) == [
        "epochs",
        "batch_size",
        "learning_rate",
        "patience",
        "validation_windows",
        "crops_per_recording",
        "combine",
        "padding",
        "model",
        "seed",
        "validation",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("[trian]\n", r"no table \[trian\]; did you mean 'train'"), ("= 3", "is not a TOML file")],
)
def test_bad_configuration_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_toml(path, {"train": Settings})
    with pytest.raises(ConfigError, match="cannot read"):
        read_toml(tmp_path / "absent.toml", {"train": Settings})


def test_named_randomness_depends_on_names_alone() -> None:
    assert derive_rng(1, "crop", 2).integers(1 << 40) == derive_rng(1, "crop", 2).integers(1 << 40)
    draws = {
        int(derive_rng(*names).integers(1 << 60)) for names in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0)]
    }
    assert len(draws) == 4
    assert hash_name("a", "b") != hash_name("ab") != hash_name("a\x1fstr:b")
    assert hash_name(1) != hash_name("1")


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50), st.randoms())
def test_derived_uniforms_do_not_depend_on_order(keys: list[int], random) -> None:
    order = list(range(len(keys)))
    random.shuffle(order)
    array = np.array(keys, dtype=np.uint64)
    whole = derive_uniform(5, "crop", 1, keys=array)
    assert ((whole >= 0) & (whole < 1)).all()
    np.testing.assert_array_equal(derive_uniform(5, "crop", 1, keys=array[order]), whole[order])


def test_derived_uniforms_are_uniform() -> None:
    keys = np.array([hash_name(f"XC{i}") for i in range(20000)], dtype=np.uint64)
    first, second = (derive_uniform(0, "crop", epoch, keys=keys) for epoch in (0, 1))
    counts, _ = np.histogram(first, bins=20, range=(0, 1))
    assert abs(counts - 1000).max() < 150  # about five standard deviations
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """To open a pipe into which nobody writes would wait for ever."""
    os.mkfifo(pipe := tmp_path / "a.json")
    (tmp_path / "link.json").symlink_to(pipe)
    for path in (pipe, tmp_path / "link.json", Path(os.devnull)):
        for read in (open_regular, read_regular, sha256_file):
            with pytest.raises(OSError, match="not a regular file"):
                read(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_no_more_is_read_of_a_file_than_was_said(tmp_path: Path) -> None:
    (path := tmp_path / "a.json").write_bytes(bytes(11))
    assert read_regular(path, most_bytes=11) == bytes(11)
    with pytest.raises(OSError, match="larger than the 10 bytes"):
        read_regular(path, most_bytes=10)


def test_atomic_write_leaves_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as stream:
        stream.write(f"half {1 / 0}")
    assert path.read_text() == "old"
    with atomic_write(path, "wb") as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    assert sha256_file(path).startswith("11507a0e")


def test_atomic_write_is_on_the_disk_before_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sync, move = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", os.fstat(descriptor).st_size))
        sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        calls.append(("replace", os.stat(source).st_size))
        move(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("whole")
    assert calls == [("fsync", 5), ("replace", 5)]


KILLED_WRITER = """
import os, signal, sys
from avianvox.files import atomic_write, scratch_folder
with scratch_folder() as folder, atomic_write(sys.argv[1]) as stream:
    stream.write("half " * 1000)
    stream.flush()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_writer_left_is_taken_over_and_a_living_one_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    path, other = tmp_path / "answer.csv", tmp_path / "other.csv"
    command = [sys.executable, "-c", KILLED_WRITER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:  # type: ignore[call-overload]
        scratch = [Path(process.stdout.readline().strip()) for process in (one, two)]
        long_ago = 1_000_000_000
        for folder in scratch:
            os.utime(folder, (long_ago, long_ago))
        with atomic_write(path) as stream:
            stream.write("mine")
        left = sorted(file.name for file in tmp_path.glob(".*"))
        assert left == [".answer.csv.avianvox-0.partial", ".answer.csv.avianvox-1.partial"]
        one.kill()
        one.wait()
        with scratch_folder():
            pass
        assert [folder.exists() for folder in scratch] == [False, True]
        with atomic_write(path) as stream:
            stream.write("mine, again")
        assert path.read_text() == "mine, again"
        assert len(list(tmp_path.glob(".*"))) == 1
        two.kill()
        two.wait()
    with atomic_write(other) as stream:
        stream.write("of another name")
    assert len(list(tmp_path.glob(".*"))) == 1
    with atomic_write(path) as stream:
        stream.write("alone")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answer.csv", "other.csv", "tmp"]
    assert holdings(tmp_path / "absent") == []


def test_a_file_that_was_moved_into_place_meanwhile_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the opening and the lock, its writer may finish: then what was opened is the finished file."""
    sibling, finished = tmp_path / ".answer.csv.avianvox-0.partial", tmp_path / "finished.csv"
    sibling.write_text("theirs")
    lock = take_lock

    def late(descriptor: int) -> None:
        if sibling.exists() and not finished.exists():
            sibling.rename(finished)
        lock(descriptor)

    monkeypatch.setattr("avianvox.files.take_lock", late)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("mine")
    assert ((tmp_path / "answer.csv").read_text(), finished.read_text()) == ("mine", "theirs")


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".answer.csv.avianvox-0.partial").symlink_to(mine)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("whole")
    assert ((tmp_path / "answer.csv").read_text(), mine.read_text()) == ("whole", "mine")


def test_where_no_locks_are_known_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_descriptor: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("avianvox.files.take_lock", unknown)
    left, long_ago = tmp_path / ".answer.csv.avianvox-0.partial", 1_000_000_000
    left.write_text("half")
    for there in (True, False):
        with atomic_write(tmp_path / "answer.csv") as stream:
            stream.write("whole")
        assert left.exists() is there
        if there:
            os.utime(left, (long_ago, long_ago))


def test_atomic_write_goes_through_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_write(link) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_atomic_write_never_replaces_standard_output(tmp_path: Path) -> None:
    code = "from avianvox.files import atomic_write\nwith atomic_write('/dev/stdout') as s: s.write('kept')"
    before = os.readlink("/dev/stdout")
    with open(tmp_path / "out.txt", "w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert os.readlink("/dev/stdout") == before
    assert (tmp_path / "out.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "error")],
)
def test_atomic_write_names_the_reason(tmp_path: Path, code: int, words: str) -> None:
    with pytest.raises(OutputError, match=words), atomic_write(tmp_path / "x"):
        raise OSError(code, "Input/output error")
    with pytest.raises(OutputError, match="folder does not exist"), atomic_write(tmp_path / "no" / "x"):
        pass


def test_a_missing_extra_is_one_line() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require_extra("no_such_module_xyz", extra="train", purpose="avianvox train")
    assert str(caught.value) == (
        "avianvox train needs the package 'no_such_module_xyz', which is not installed; "
        "install it with: pip install 'avianvox[train]'"
    )
    assert isinstance(caught.value, AvianvoxError)
    assert isinstance(caught.value, ImportError)


def test_sessions_are_recordist_date_and_site() -> None:
    def make(**known: str) -> Recording:
        return Recording(id=known.pop("id", "a"), path=Path("a.wav"), **known)  # type: ignore[arg-type]

    first = make(recordist="R", date="2020-01-01", site="S")
    assert first.session == make(id="b", recordist="R", date="2020-01-01", site="S").session
    assert first.session != make(recordist="R", date="2020-01-02", site="S").session
    assert make(id="a").session != make(id="b").session


@pytest.mark.parametrize(
    ("recordist", "date", "time", "begins"),
    [
        ("", "2024-06-01", "22:00", "2024-06-01"),
        ("", "2024-06-02", "00:00", "2024-06-01"),
        ("", "2024-06-02", "02:00", "2024-06-01"),
        ("", "2024-06-02", "11:59", "2024-06-01"),
        ("", "2024-06-02", "12:00", "2024-06-02"),
        ("", "2024-03-01", "05:00", "2024-02-29"),
        ("", "2024-06-02", "", "2024-06-02"),  # no time of day: the date
        ("", "", "05:00", ""),
        ("", "0001-01-01", "05:00", "0001-01-01"),
        ("", "in June", "05:00", "in June"),
        ("R", "2024-06-01", "22:00", "2024-06-01"),
        ("R", "2024-06-02", "02:00", "2024-06-01"),
        ("R", "2024-06-02", "04:00", "2024-06-02"),  # a person's morning and evening are one outing
        ("R", "2024-06-02", "18:00", "2024-06-02"),
    ],
)
def test_midnight_parts_no_session(recordist: str, date: str, time: str, begins: str) -> None:
    recording = Recording("a", Path("a.wav"), recordist=recordist, date=date, time=time, site="S")
    assert recording.session_date == begins
    assert recording.session == f"{recordist} | {begins} | S"


def test_values_check_themselves() -> None:
    with pytest.raises(InputError, match="unique"):
        LabelSet(("a", "a"))
    with pytest.raises(InputError, match="common names"):
        LabelSet(("a", "b"), ("A",))
    with pytest.raises(InputError, match="float32"):
        Waveform(np.zeros(3), 22050)
    with pytest.raises(InputError, match="sample rate"):
        Waveform(np.zeros(3, np.float32), 0)
    assert LabelSet(("b", "a")).digest != LabelSet(("a", "b")).digest


def test_best_answers_come_first_and_ties_keep_the_label_order() -> None:
    scores = np.array([0.2, 0.4, 0.4], np.float32)
    answer = Prediction("x.wav", Status.OK, LabelSet(("a", "b", "c")), scores, (), 22050)
    assert [label for label, _ in answer.top(2)] == ["b", "c"]


def test_each_status_is_usable_or_failed() -> None:
    assert all(status.usable or status.failed for status in Status)
    assert Status.TRUNCATED.usable
    assert Status.TRUNCATED.failed
