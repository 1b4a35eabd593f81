"""Nothing that a command reads is written over, and no recording is, whatever the option and the spelling."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from avianvox.cli.main import COMMANDS, main
from avianvox.cli.targets import MODEL_MARK, Target, Writer, reads
from avianvox.modelfile import DESCRIPTION
from avianvox.modelfolder import BUNDLED_FOLDER, DEFAULT_MODEL
from avianvox.verdicts.table import HEADER

WRITING = {
    "classify --output": "classify {sound} --output {target}",
    "classify --log-file": "classify {sound} --log-file {target}",
    "listen --output": "listen - --output {target}",
    "listen --save-clips": "listen - --save-clips {target}",
    "convert out": "convert {table} {target} --to csv",
    "overview --out": "overview {table} --out {target}",
    "detect train --out": "detect train {catalog} --out {target}",
    "detect train --store": "detect train {catalog} --out new --store {target}",
    "detect export --out": "detect export {catalog} --out {target}",
    "detect find --out": "detect find small.tflite {sound} --out {target}",
    "segments --out": "segments {table} --out {target}",
    "verdicts show --output": "verdicts show {table} --verdicts {verdicts} --output {target}",
    "verdicts draw --output": "verdicts draw {table} -n 1 --output {target}",
    "verdicts export --output": "verdicts export {table} --verdicts {verdicts} --output {target}",
    "verdicts import --verdicts": "verdicts import {table} {table} --reviewer A --verdicts {target}",
    "review --verdicts": "review {table} --verdicts {target}",
    "boxes find --out": "boxes find {sound} --out {target}",
    "boxes judge --out": "boxes judge {catalog} {table} --out {target}",
    "data split --out": "data split {catalog} --out {target}",
    "data import --out": "data import {catalog} --out {target}",
    "data download --out": "data download gen:Vireo --key k --out {target}",
    "features build --out": "features build {catalog} --out {target}",
    "train --out": "train {catalog} --out {target}",
    "train --store": "train {catalog} --out {new} --store {target}",
    "crossval --out": "crossval {catalog} --out {target}",
    "crossval --store": "crossval {catalog} --out {new} --store {target}",
    "crossval --recompute": "crossval --recompute {target}",
    "ablate --out": "ablate {catalog} --out {target}",
    "ablate --store": "ablate {catalog} --out {new} --store {target}",
    "ablate --recompute": "ablate --recompute {target}",
    "generate train --out": "generate train {catalog} --out {target}",
    "generate train --store": "generate train {catalog} --out {new} --store {target}",
    "generate samples --out": "generate samples {catalog} --out {target}",
    "generate judge --run": "generate judge {catalog} --run {target}",
    "generate judge --store": "generate judge {catalog} --run {new} --store {target}",
    "generate compare --out": "generate compare {catalog} --out {target}",
    "generate compare --store": "generate compare {catalog} --out {new} --store {target}",
    "generate compare --recompute": "generate compare --recompute {target}",
    "calibrate --into": "calibrate {catalog} --into {target}",
    "calibrate --out": "calibrate {catalog} --out {target}",
    "evaluate --out": "evaluate caribbean_california {catalog} --out {target}",
    "explain maps --out": "explain maps caribbean_california {sound} --out {target}",
    "explain network --out": "explain network {catalog} --out {target}",
    "explain components --out": "explain components {catalog} --out {target}",
    "explain judge --out": "explain judge caribbean_california {catalog} --out {target}",
    "explain reject --out": "explain reject {table} --out {target}",
    "report --out": "report {catalog} --out {target}",
    "pipeline --page": "pipeline {catalog} --page {target}",
    "audit --store": "audit {catalog} --sound --store {target}",
    "audit --out": "audit {catalog} --out {target}",
    "reproduce --store": "reproduce {catalog} --store {target}",
    "reproduce --out": "reproduce {catalog} --out {target}",
    "export --out": "export {catalog} --out {target}",
    "export --web": "export {catalog} --web {target}",
    "gate train --out": "gate train {catalog} --out {target}",
    "gate train --store": "gate train {catalog} --out {new} --store {target}",
    "search --index": "search {sound} --in {new} --index {target}",
    "cluster --out": "cluster {new} --catalog {catalog} --out {target}",
    "cluster --names": "cluster {new} --out {new} --catalog {catalog} --names {target}",
    "cluster --examples": "cluster {new} --out {new} --catalog {catalog} --examples {target}",
    "cluster --page": "cluster {new} --out {new} --catalog {catalog} --page {target}",
    "suggest --out": "suggest {new} --catalog {catalog} --out {target}",
    "synth out": "synth {target}",
    "scenes --out": "scenes {catalog} --background {catalog} --out {target}",
    "demo --out": "demo --out {target}",
}
"""Every option and argument that writes, and a call with it."""

VERDICTS = f"{HEADER}1,2026-05-01T06:00:00Z,A,sound.flac,0,1,,,Parus major,,accepted,,0,,,\n"

NO_TARGET = {
    "config",
    "generator_config",
    "dask_config",
    "figures",
    "from_",
    "calls_folder",
    "catalogs",
    "audio",
    "features",
    "searched",
    "split_file",
    "backgrounds",
    "labels",
}
"""Options that name something to read."""


def parameters() -> Iterator[tuple[str, click.Command, click.Parameter]]:
    """Each parameter of each command: the command's name, the command, the parameter."""
    for name in COMMANDS:
        command = COMMANDS.get(name)
        for child in command.commands.items() if isinstance(command, click.Group) else (("", command),):
            yield from ((f"{name} {child[0]}".strip(), child[1], param) for param in child[1].params)


def test_no_option_that_writes_is_forgotten() -> None:
    """What names a file or a folder is a target, or is known to be read; a new one has to be put here."""
    targets = {}
    for name, command, param in parameters():
        if isinstance(param.type, Target):
            targets[f"{name} {param.opts[0]}"] = command
            assert isinstance(command, Writer), f"{name} has targets: give it cls=Writer"
        elif isinstance(param, click.Option):
            named = re.search(r"FILE|FOLDER|PATH|DIR|RUN", param.metavar or "")
            told = re.search(r"\b(out|output|into|log|save|store|dir|folder|to)\b", param.opts[0])
            if isinstance(param.type, click.Path) or named:
                known = param.name in NO_TARGET or "FILE" in (param.metavar or "")
                assert known, f"{name} {param.opts[0]}: a Target, or one of NO_TARGET"
                assert reads(param)
            else:
                other = isinstance(param.type, click.Choice | click.IntRange) or param.metavar == "NAMES"
                assert not told or other, f"{name} {param.opts[0]}: a Target?"
    assert set(targets) == set(WRITING)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synth_catalog_dir: Path) -> Path:
    """A folder with a recording, a copy of it under the name of a table, a catalog and a table."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(synth_catalog_dir, "catalog")
    sound = next(iter(sorted(Path("catalog").rglob("*.flac"))))
    shutil.copy(sound, "sound.flac")
    shutil.copy(sound, "in.csv")
    Path("table.csv").write_text("path,begin_s,end_s,scientific_name\nsound.flac,0,1,Parus major\n")
    Path("said.verdicts.csv").write_text(VERDICTS)
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(call: str, target: object, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    places = {"sound": "sound.flac", "table": "table.csv", "catalog": "catalog", "new": "new"}
    places["verdicts"] = "said.verdicts.csv"
    with pytest.raises(SystemExit) as ended:
        main([part.format(target=target, **places) for part in call.split()])
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize("option", list(WRITING))
def test_a_recording_is_never_replaced(option: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its content: the recording is called like a table."""
    before = everything(here)
    os.symlink("in.csv", "link.csv")
    os.link("in.csv", "hard.csv")
    for target in ("in.csv", "./catalog/../in.csv", "link.csv", "hard.csv", "sound.flac"):
        code, said = run(WRITING[option], target, capsys)
        assert code in (1, 2), target  # 2: a folder is wanted
        assert said.count("\n") == 1 or said.startswith("Usage:"), said
        assert "recording" in said or "reads this file" in said or code == 2, said
    os.unlink("link.csv")
    os.unlink("hard.csv")
    assert everything(here) == before


@pytest.mark.parametrize("option", [name for name, call in WRITING.items() if "{catalog}" in call])
def test_what_is_read_is_not_written_over(
    option: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the folder that is read, under another name, nor the index in it."""
    before = everything(here)
    os.symlink("catalog", "again")
    for target in ("again", "catalog/recordings.csv", "catalog/../again/annotations.csv"):
        code, said = run(WRITING[option], target, capsys)
        assert code in (1, 2), target
        assert "reads" in said or code == 2, said
    os.unlink("again")
    assert everything(here) == before


@pytest.mark.parametrize(
    "call",
    [
        "convert table.csv {target} --to csv",
        "classify sound.flac --species-list table.csv --output {target}",
        "classify sound.flac --gate-file table.csv --log-file {target}",
    ],
)
def test_an_input_of_any_kind_is_not_written_over(
    call: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("table.csv").read_bytes()
    os.link("table.csv", "same.csv")
    for target in ("table.csv", here / "table.csv", "same.csv"):
        code, said = run(call, target, capsys)
        assert (code, said.count("\n")) == (1, 1)
        assert "this command reads this file" in said
        assert Path("table.csv").read_bytes() == before


@pytest.mark.parametrize("option", [name for name in WRITING if name != "calibrate --into"])
def test_an_own_model_is_never_replaced(
    option: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Heads listen with it: an export of one over its ear would end them all."""
    monkeypatch.setenv("AVIANVOX_MODELS", str(here / "models"))
    Path("models").mkdir()
    Path("models/frogs.tflite").write_bytes(b"....TFL3")
    os.symlink("models/frogs.tflite", "link.csv")
    for target in ("models/frogs.tflite", "link.csv"):
        code, said = run(WRITING[option], target, capsys)
        assert code in (1, 2), target  # 2: a folder is wanted
        assert "there is your model 'frogs'" in said or code == 2, said
    assert Path("models/frogs.tflite").read_bytes() == b"....TFL3"


@pytest.mark.parametrize("call", ["export catalog --out {target}", "calibrate catalog --out {target}"])
def test_a_model_replaces_nothing_but_models(
    call: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert DESCRIPTION.encode() == MODEL_MARK
    before = Path("table.csv").read_bytes()
    code, said = run(call, "table.csv", capsys)
    assert (code, Path("table.csv").read_bytes()) == (1, before)
    assert "there is a file that is no model file; name a new file" in said
    shutil.copy(BUNDLED_FOLDER / f"{DEFAULT_MODEL}.tflite", "model.tflite")
    assert "name a new file" not in run(call, "model.tflite", capsys)[1]


def test_two_options_do_not_write_one_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run("classify sound.flac --log-file a.csv --output {target}", "./a.csv", capsys)
    assert (code, said) == (
        1,
        "avianvox: cannot write a.csv: --output names the same file; name another\n",
    )


def test_a_table_of_a_folder_is_not_replaced_by_its_sum(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert table.csv {target} --to raven", "labels", capsys)[0] == 0
    (one,) = Path("labels").rglob("*.txt")
    before = one.read_bytes()
    for call, target in (
        ("convert labels {target} --to csv", one),
        (f"convert {one} {{target}} --to raven", one.parent),
    ):
        code, said = run(call, target, capsys)
        assert (code, said.count("\n"), one.read_bytes()) == (1, 1, before)
    for _ in range(2):  # its own earlier answer is replaced
        assert run("convert labels {target}", "labels/all.csv", capsys)[0] == 0


@pytest.mark.parametrize(
    "call", ["convert table.csv {target} --to raven", "convert labels {target} --to audacity"]
)
def test_no_table_of_a_folder_replaces_a_recording(
    call: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither one that a link in the folder leads to, nor one that is called like a table."""
    assert run("convert table.csv {target} --to raven", "labels", capsys)[0] == 0
    assert run(call, "there", capsys)[0] == 0
    (table,) = Path("there").rglob("*.txt")
    table.unlink()
    os.symlink(here / "in.csv", table)
    before = everything(here)
    code, said = run(call, "there", capsys)
    assert (code, said.count("\n"), everything(here)) == (1, 1, before)
    table.unlink()
    os.link("in.csv", table)
    code, said = run(call, "there", capsys)
    assert (code, said.count("\n"), everything(here)) == (1, 1, before)


def test_a_damaged_recording_behind_a_link_is_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its content says nothing any more; its name does, and not that of the link."""
    Path("damaged.wav").write_bytes(b"no header")
    os.symlink("damaged.wav", "link.csv")
    for call in ("convert table.csv {target}", "classify sound.flac --output {target}"):
        code, said = run(call, "link.csv", capsys)
        assert (code, said.count("\n"), Path("damaged.wav").read_bytes()) == (1, 1, b"no header")


@pytest.mark.parametrize(
    "name", ["o.parquet.ledger.jsonl", "o.parquet.rows.csv", ".o.parquet.ledger.jsonl.lock"]
)
def test_a_file_beside_the_table_is_not_taken_for_ours(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_text("mine\n")
    code, said = run("classify sound.flac --output {target}", "o.parquet", capsys)
    assert (code, Path(name).read_text()) == (1, "mine\n")
    assert "there is a file that no run left" in said
    Path(name).unlink()
    for _ in range(2):
        assert run("classify sound.flac --output {target}", "o.parquet", capsys)[0] == 0
    assert "avianvox ledger" in Path("o.parquet.ledger.jsonl").read_text()


@pytest.mark.parametrize(
    ("call", "mine"),
    [
        ("train catalog --out {target}", "history.csv"),
        ("train catalog --out {target} --fresh", "weights.npz"),
        ("data import catalog --out {target}", "recordings.csv"),
    ],
)
def test_a_folder_of_the_user_keeps_its_files(
    call: str, mine: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own").mkdir()
    Path("own", mine).write_text("path,label\na.wav,x\n")
    before = everything(here)
    code, said = run(call, "own", capsys)
    assert (code, said.splitlines()[-1].startswith("avianvox: "), everything(here)) == (1, True, before)


def test_a_report_does_not_replace_another_page(
    tiny_crossval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.md"
    page.write_text("my own report")
    assert run(f"report {tiny_crossval} --clips 0 --out {{target}}", tmp_path, capsys)[0] == 1
    assert page.read_text() == "my own report"
    page.unlink()
    for _ in range(2):
        assert run(f"report {tiny_crossval} --clips 0 --out {{target}}", tmp_path, capsys)[0] == 0


def test_a_store_removes_no_folder_but_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("data-2024", ".partial-mine"):
        Path("store", name).mkdir(parents=True)
        Path("store", name, "night.wav").write_bytes(b"mine")
    assert run("features build catalog --jobs 1 --out {target}", "store", capsys)[0] == 0
    assert {path.parent.name for path in Path("store").rglob("night.wav")} == {"data-2024", ".partial-mine"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_gets_the_format_of_its_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spreadsheet cannot be written piece by piece: that is said, and no text comes in its place."""
    os.mkfifo("pipe.xlsx")
    code, said = run("classify sound.flac --output {target}", "pipe.xlsx", capsys)
    assert code == 2
    assert "--format xlsx needs a file" in said
