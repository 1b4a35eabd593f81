"""Values, tables of names, settings and randomness."""

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
    UnknownNameError,
    require_extra,
)
from avianvox.features.spec import spec_named
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
