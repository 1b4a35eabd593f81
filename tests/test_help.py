"""Help texts: whole lines on a narrow terminal, options that say what they are, names from the tables."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from terminal import on_a_terminal

from avianvox.cli.foreign import FOREIGN
from avianvox.cli.main import COMMANDS, SUMMARIES, cli, main
from avianvox.evaluation import rules
from avianvox.evaluation.rules import RULES
from avianvox.models import LADDER, MODELS, TRAINABLE
from avianvox.models import SUMMARIES as MODEL_SUMMARIES
from avianvox.models.probes import PROBES
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.guides import GUIDES
from avianvox.training.losses import LOSSES
from avianvox.training.samplers import SAMPLERS

_OPENINGS = ("At", "Least", "Most", "Of", "Wanted", "Whether", "Whom")
"""Words that begin no help text: it begins with what the option is, or with what it does."""


def all_commands() -> dict[str, click.Command]:
    """Every command, group and command of a group, by its whole name."""
    found: dict[str, click.Command] = {"": cli}
    for name in COMMANDS:
        command = found[name] = COMMANDS.get(name)
        if isinstance(command, click.Group):
            found |= {f"{name} {child}": command.commands[child] for child in command.commands}
    return found


def shown(name: str, *, columns: int) -> str:
    arguments = [*name.split(), "--help"]
    result = CliRunner().invoke(cli, arguments, prog_name="avianvox", terminal_width=columns)
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def catalog(synth_catalog_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of long names."""
    here = tmp_path_factory.mktemp("narrow")
    index = (synth_catalog_dir / "recordings.csv").read_text().splitlines()
    (here / "catalog").mkdir()
    for path in sorted(synth_catalog_dir.rglob("*.flac"))[:8]:
        (here / "catalog" / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, here / "catalog" / path.parent.name)
    (here / "dated").mkdir()
    shutil.copy(path, here / "dated" / "20260430_220000.flac")
    names = {path.name for path in (here / "catalog").rglob("*.flac")}
    kept = [line for line in index[1:] if any(name in line for name in names)]
    (here / "catalog" / "recordings.csv").write_text("\n".join([index[0], *kept]) + "\n")
    return here


def words(text: str) -> list[str]:
    return [word for word in text.split() if word != "\b"]


@pytest.mark.parametrize("name", all_commands())
def test_eighty_columns_cut_no_word(name: str) -> None:
    text = shown(name, columns=80)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    there = set(words(text))
    command = all_commands()[name]
    told = [command.help or "", command.epilog or ""]
    told += [option.help or "" for option in command.params if isinstance(option, click.Option)]
    assert [word for part in told for word in words(part) if word not in there] == []


@pytest.mark.parametrize("name", [n for n, c in all_commands().items() if isinstance(c, click.Group)])
def test_the_list_of_commands_ends_no_line_in_dots(name: str) -> None:
    listed = shown(name, columns=80).split("Commands:")[1]
    assert "..." not in listed


@pytest.mark.parametrize(("name", "command"), all_commands().items())
def test_every_option_says_what_it_is(name: str, command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option) and option.name != "version":
            assert option.help, f"{name} {option.opts[0]} has no help text"
            assert option.help.split()[0] not in _OPENINGS, f"{name} {option.opts[0]}: {option.help}"
            assert option.help[0].isupper(), f"{name} {option.opts[0]}: {option.help}"


def test_every_command_has_one_line_in_the_list() -> None:
    assert list(SUMMARIES) == list(COMMANDS)
    listed = shown("", columns=80)
    assert all(f"{name:<9}  {line}\n" in listed for name, line in SUMMARIES.items())


def test_names_of_models_and_rules_come_from_the_tables() -> None:
    assert list(MODEL_SUMMARIES) == list(MODELS)
    assert list(rules.SUMMARIES) == list(RULES)
    crossval = " ".join(shown("crossval", columns=80).split())
    assert f"Models: {', '.join(MODELS)}. Rules, which use no sound: {', '.join(RULES)}." in crossval
    assert f'"ladder" stands for {", ".join(LADDER)}.' in crossval
    train = " ".join(shown("train", columns=80).split())
    assert f"Name of a model: {', '.join(TRAINABLE)}." in train
    for name, table in (
        ("loss", list(LOSSES)),
        ("sampler", list(SAMPLERS)),
        ("augment, a list", list(AUGMENTATIONS)),
        ("guide, beside the classes", list(GUIDES)),
    ):
        assert f"{name}: {', '.join(table)}" in train


def test_what_can_be_trained_is_listed_without_importing_it() -> None:
    code = (
        "import sys; from avianvox.cli.main import main\n"
        "try: main(['models', 'list', '--trainable', '--json'])\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'scipy', 'matplotlib', 'librosa', 'ai_edge_litert'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == [*MODELS, *(f"birdnet_{name}" for name in PROBES), *RULES]
    assert [row["name"] for row in rows if row["train"]] == list(TRAINABLE)
    assert [row["name"] for row in rows if row["kind"] == "rule"] == list(RULES)


def test_models_and_rules_fit_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["models", "list", "--trainable"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[0] == "cnn_v20*" for line in lines)


@pytest.mark.parametrize(
    ("command", "option"), [(command, option) for command, table in FOREIGN.items() for option in table]
)
def test_an_option_of_another_program_is_answered_with_ours(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "x.wav", option, "1"])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    (line,) = [line for line in error.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {option} is an option of another program; ")
    params = COMMANDS.get(command).params
    own = [name for param in params for name in (*param.opts, *param.secondary_opts)]
    assert option not in own
    served = re.search(r"program; use (--[\w-]+)", line)
    assert served is None or served[1] in own
    others = re.findall(r"avianvox (\w+)", line)
    assert all(name in COMMANDS for name in others)


@pytest.mark.parametrize("command", ["classify", "listen", "segments"])
@pytest.mark.parametrize("option", ["--min_conf", "--min-conf"])
def test_a_minimum_confidence_is_a_minimum_score(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "x.wav", option, "0.3"])
    assert f"{option} is an option of another program; use --min-score" in capsys.readouterr().err


def test_who_asks_classify_for_json_is_told_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["classify", "x.wav", "--json"])
    assert "use --format jsonl" in capsys.readouterr().err


def test_a_misspelt_option_is_answered_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["classify", "x.wav", "--min-scor", "1"])
    assert ended.value.code == 2
    assert "No such option" in capsys.readouterr().err


def test_the_threshold_of_places_points_to_ours(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["classify", str(tmp_path), "--sf_thresh", "4"])
    assert "use --place-min" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "forkpty"), reason="no terminals here")
@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "list", "catalog"],
        ["audit", "catalog"],
        ["models", "list"],
        ["models", "info"],
        ["gate", "info"],
        ["doctor", "--no-speed"],
        ["probe", "catalog"],
        ["inspect", "catalog"],
        ["classify", "catalog"],
        ["classify", "dated", "--by", "window", "--top", "1"],
    ],
    ids=" ".join,
)
def test_tables_cut_no_word_on_a_terminal_of_eighty_columns(arguments: list[str], catalog: Path) -> None:
    piped = subprocess.run(
        [sys.executable, "-m", "avianvox", *arguments], cwd=catalog, capture_output=True, text=True
    )
    seen = on_a_terminal(arguments, columns=80, folder=catalog).output
    long = [line for line in seen.splitlines() if len(line) > 80 and " " in line.strip()]
    assert long == []
    lasting = [word for word in piped.stdout.split() if not word[0].isdigit()]  # memory and speed come and go
    assert [word for word in lasting if word not in set(seen.split())] == []
