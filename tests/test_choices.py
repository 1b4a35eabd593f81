"""Rows of tables with settings of their own: ``loss = "focal"`` and ``[train.loss]``."""

from pathlib import Path

import pytest

from avianvox.config import settings_from_mapping, settings_to_mapping
from avianvox.errors import ConfigError
from avianvox.training.config import TrainConfig, read_train_file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('loss = "label_smooth"', r"\[train.loss\]: expected one of .* got 'label_smooth'; did you mean"),
        ("loss = 5", r"\[train\] loss: expected str or a table, got 5"),
        ("loss = {}", r"\[train\] loss: expected a table with kind = NAME, got \{\}"),
        ("loss = {kind = 3}", r"kind = NAME, got \{'kind': 3\}"),
        ('augment = "gain"', r"\[train\] augment: expected a list, got 'gain'"),
        ("loss = {smoothing = 0.2}", r"\[train\] loss: .* kind = NAME, got \{'smoothing': 0.2\}"),
        (
            'loss = {kind = "label_smoothing", smoothin = 0.2}',
            r"\[train.loss\] has no key 'smoothin'; did you mean 'smoothing'",
        ),
        (
            'loss = {kind = "label_smoothing", smoothing = 2}',
            r"\[train.loss\] smoothing: expected 0 to below 1",
        ),
        ('loss = {kind = "label_smoothing", smoothing = "x"}', r"\[train.loss\] smoothing: expected float"),
        ('sampler = {kind = "balanced", power = 1}', r"\[train.sampler\] has no key 'power'"),
    ],
)
def test_a_setting_of_a_row_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text(f"[train]\n{text}\n")
    with pytest.raises(ConfigError, match=message) as refused:
        read_train_file(tmp_path / "train.toml")
    assert str(refused.value).startswith(f"{tmp_path / 'train.toml'}: ")


def test_settings_of_rows_may_nest_and_usual_ones_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    nested = '[train.loss]\nkind = "label_smoothing"\nsmoothing = '
    written = {}
    for text in ('[train]\nloss = "label_smoothing"', f"{nested}0.1"):
        file.write_text(text)
        written[text] = settings_to_mapping(read_train_file(file)[0])["loss"]
    assert set(written.values()) == {"label_smoothing"}
    file.write_text(f"{nested}0.2")
    config = read_train_file(file)[0]
    values = settings_to_mapping(config)
    assert values["loss"] == {"kind": "label_smoothing", "smoothing": 0.2}
    assert settings_from_mapping(TrainConfig, values, table="train", stored=True) == config
    assert "sampler" not in values
