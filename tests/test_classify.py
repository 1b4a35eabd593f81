"""``avianvox classify`` and ``avianvox models``: every input has its row, its status and its exit code."""

import csv
import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import FLATBUFFER_ONLY, write_handmade

from avianvox.cli.main import cli, main
from avianvox.errors import AvianvoxError

RATE = 22050
TONE = 0.3 * np.sin(2 * np.pi * 3000 * np.arange(5 * RATE) / RATE)

HEAVY = (
    "tensorflow",
    "keras",
    "librosa",
    "numba",
    "scipy.signal",
    "sklearn",
    "rich",
    "matplotlib",
    "tomllib",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "good.wav", TONE, RATE)
    return tmp_path / "good.wav"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["classify", *map(str, arguments)])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# One input after the other: how to make it, its status, and whether it has an answer.


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is not a sound\n" * 50)


def truncated_mp3(path: Path) -> None:
    soundfile.write(path, np.tile(TONE, 4), RATE, format="MP3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def wrong_header(path: Path) -> None:
    soundfile.write(path, TONE, RATE, format="WAV")
    content = bytearray(path.read_bytes())
    content[40:44] = (2 * len(content)).to_bytes(4, "little")  # the data chunk promises twice the samples
    path.write_bytes(content)


def silence(path: Path) -> None:
    soundfile.write(path, np.zeros(4 * RATE), RATE)


def clipped(path: Path) -> None:
    soundfile.write(path, np.clip(TONE * 30, -1, 1), RATE)


def wav(subtype: str, rate: int = RATE, channels: int = 1) -> object:
    def make(path: Path) -> None:
        tone = 0.3 * np.sin(2 * np.pi * 3000 * np.arange(4 * rate) / rate)
        soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, subtype=subtype)

    return make


def folder(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no sound here")


INPUTS = {
    "empty.wav": (empty, "empty"),
    "text.mp3": (text, "undecodable"),
    "truncated.mp3": (truncated_mp3, "truncated"),
    "wrong_header.wav": (wrong_header, "truncated"),
    "8_bit.wav": (wav("PCM_U8"), "ok"),
    "24_bit.wav": (wav("PCM_24"), "ok"),
    "float.wav": (wav("FLOAT"), "ok"),
    "192_khz.wav": (wav("PCM_16", rate=192_000), "ok"),
    "8_channels.wav": (wav("PCM_16", channels=8), "ok"),
    "silence.wav": (silence, "silent"),
    "clipped.wav": (clipped, "clipped"),
    "no sound inside": (folder, "empty"),
    "missing.wav": (lambda path: None, "missing"),
    'odd "name", it\'s ñ 鳥.wav': (wav("PCM_16"), "ok"),
}
ANSWERED = ("ok", "clipped", "truncated")
FINE = ("ok", "silent", "clipped")


@pytest.mark.parametrize("name", list(INPUTS))
def test_each_input_alone(name: str, tmp_path: Path, model: Path) -> None:
    make, status = INPUTS[name]
    make(tmp_path / name)
    result = run(tmp_path / name, "--model", model, "--format", "csv", "--top", 1)
    (row,) = rows(result.stdout)
    assert (row["path"], row["status"]) == (str(tmp_path / name), status)
    assert bool(row["scientific_name"]) == (status in ANSWERED)
    assert bool(row["message"]) == (status != "ok")
    assert result.exit_code == (0 if status in FINE else 3)
    failures = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failures) == (status not in FINE)
    if status == "ok":
        assert row["scientific_name"] == "Parus medius"


def test_bad_inputs_change_nothing_for_the_others(tmp_path: Path, good: Path, model: Path) -> None:
    alone = run(good, "--model", model, "--format", "csv").stdout
    copies = [good.with_name(f"good {n}.wav") for n in range(len(INPUTS))]
    for (name, (make, _)), copy in zip(INPUTS.items(), copies, strict=True):
        make(tmp_path / name)
        copy.hardlink_to(good)
    inputs = [p for name, copy in zip(INPUTS, copies, strict=True) for p in (tmp_path / name, copy)]
    result = run(*inputs, "--model", model, "--format", "csv", "--jobs", 2)
    assert result.exit_code == 3
    lines = result.stdout.splitlines(keepends=True)
    for copy in copies:
        of_copy = "".join(line for line in lines if line.startswith(str(copy)))
        assert of_copy.replace(str(copy), str(good)) == "".join(alone.splitlines(keepends=True)[1:])
    order = list(dict.fromkeys(r["path"] for r in rows(result.stdout) if Path(r["path"]) not in copies))
    assert order == [str(tmp_path / name) for name in INPUTS]
    assert result.stderr.count("failed: ") == sum(s not in FINE for _, s in INPUTS.values())
    again = run(*inputs, "--model", model, "--format", "csv", "--jobs", 1)
    assert again.stdout == result.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_to_read(good: Path, model: Path) -> None:
    good.chmod(0)
    result = run(good, "--model", model, "--format", "csv")
    assert (rows(result.stdout)[0]["status"], result.exit_code) == ("missing", 3)


def refused(model: Path, sound: Path) -> str:
    with pytest.raises(AvianvoxError) as caught:
        CliRunner().invoke(cli, ["classify", str(sound), "--model", str(model)], catch_exceptions=False)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_foreign_or_damaged_model_is_refused(good: Path, model: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(FLATBUFFER_ONLY)
    assert "another program made it" in refused(foreign, good)
    damaged = bytearray(model.read_bytes())
    damaged[600] ^= 1
    foreign.write_bytes(damaged)
    assert "is damaged" in refused(foreign, good)
    assert "is not a model" in refused(good, good)
    assert "no model 'nightingale'" in refused(Path("nightingale"), good)


def test_an_error_is_one_line_and_exit_code_1(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["classify", str(good), "--model", str(good)])
    assert caught.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line(good: Path, model: Path) -> None:
    command = [sys.executable, "-m", "avianvox", "classify", str(good), "--model", str(model), "-q"]
    with open("/dev/full", "w") as full:
        printed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    written = subprocess.run([*command, "--output", "/dev/full"], capture_output=True, text=True)
    for done, name in ((printed, "standard output"), (written, "/dev/full")):
        assert done.returncode == 1
        assert done.stderr.startswith(f"avianvox: cannot write {name}: the disk is full")
        assert done.stderr.count("\n") == 1
    assert not Path("/dev/full").is_file()


def test_output_is_a_whole_file_in_the_form_of_its_ending(good: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert run(good, "--model", model, "--output", output).stdout == ""
    assert output.read_text() == run(good, "--model", model, "--format", "csv").stdout
    result = run(good, "--model", model, "--output", tmp_path / "no" / "out.csv")
    assert "the folder does not exist" in str(result.exception)
    assert "it is a folder" in str(
        run(good, "--model", model, "--format", "csv", "--output", tmp_path).exception
    )
    unknown = run(good, "--model", model, "--output", tmp_path / "out.xls")
    assert (unknown.exit_code, "end the name in .csv, " in unknown.stderr) == (2, True)
    printed = run(good, "--model", model, "--output", "-").stdout
    assert printed == run(good, "--model", model).stdout
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["good.wav", "out.csv", "out.csv.ledger.jsonl"]


def test_windows_of_silence_are_left_out(good: Path, model: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(good)
    silence = np.zeros(2 * len(samples))
    soundfile.write(tmp_path / "half.wav", np.concatenate([samples, silence]), rate)
    noise = np.random.default_rng(0).normal(0, 1e-4, 5 * rate)
    soundfile.write(tmp_path / "faint.wav", noise, rate, subtype="FLOAT")
    half = rows(
        run(tmp_path / "half.wav", "--model", model, "--format", "csv", "--by", "window", "--top", 1).stdout
    )
    assert {row["scientific_name"] for row in half} == {"Parus medius"}
    assert max(float(row["begin_s"]) for row in half) < len(samples) / rate
    faint = run(tmp_path / "faint.wav", "--model", model, "--format", "csv")
    (row,) = rows(faint.stdout)
    assert (row["status"], row["scientific_name"]) == ("ok", "")
    assert (row["message"], faint.exit_code) == ("too quiet to name a species", 0)


def test_options_change_the_answer(good: Path, model: Path) -> None:
    def lines(*options: object) -> list[dict[str, str]]:
        return rows(run(good, "--model", model, "--format", "csv", *options).stdout)

    assert [len(lines("--top", n)) for n in (1, 2, 3, 9)] == [1, 2, 3, 3]
    assert len(lines("--min-score", 0.5)) == 1
    assert len(lines("--by", "window", "--top", 1)) == 2
    assert len(lines("--by", "window", "--top", 1, "--overlap", 2)) == 4
    best = run(good, "--model", model, "--format", "jsonl", "--top", 1).stdout
    assert json.loads(best)["scientific_name"] == "Parus medius"
    assert "1 file, 5.0 s of sound, none failed" in run(good, "--model", model).stderr
    assert run(good, "--model", model, "--quiet").stderr == ""


def test_wrong_usage_is_exit_code_2(good: Path, model: Path) -> None:
    assert run().exit_code == 2
    assert run(good, "--top", 0).exit_code == 2
    for option, value in (("--overlap", "nan"), ("--overlap", "inf"), ("--min-score", "nan")):
        result = run(good, option, value)
        assert (result.exit_code, result.stderr.count("not a finite number")) == (2, 1)
    result = run(good, "--model", model, "--overlap", 3)
    assert result.exit_code == 2
    assert "less than the model's window" in result.stderr


def test_folders_and_patterns(good: Path, model: Path, tmp_path: Path) -> None:
    shutil.copy(good, tmp_path / "another.wav")
    both = run(tmp_path, "--model", model, "--top", 1, "--format", "csv")
    assert [Path(r["path"]).name for r in rows(both.stdout)] == ["another.wav", "good.wav"]
    assert run(tmp_path / "*.wav", "--model", model, "--top", 1, "--format", "csv").stdout == both.stdout
    nothing = run(tmp_path / "*.flac", "--model", model, "--format", "csv")
    assert (rows(nothing.stdout)[0]["status"], nothing.exit_code) == ("missing", 3)


def test_names_that_cannot_be_looked_at_are_missing(
    good: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long, or in a folder that may not be entered: the others have their answers."""
    locked = good.parent / "locked"
    stat = os.stat

    def refuse(path: object, *arguments: object, **options: object) -> os.stat_result:
        if str(path).startswith(str(locked)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    result = run(locked / "a.wav", "x" * 300 + ".wav", good, "--model", model, "--format", "csv", "--top", 1)
    assert [row["status"] for row in rows(result.stdout)] == ["missing", "missing", "ok"]
    assert result.exit_code == 3
    for name in (str(locked / "model.tflite"), "x" * 300):
        assert "no model" in refused(Path(name), good)
    for name in ("/", "x" * 300):
        assert "cannot write" in str(
            run(good, "--model", model, "--format", "csv", "--output", name).exception
        )


def test_no_files_need_no_workers() -> None:
    from avianvox.cli.classify import _default_jobs

    assert _default_jobs([]) == 1


def test_classifying_imports_nothing_heavy_and_prints_no_chatter(good: Path, model: Path) -> None:
    code = (
        "import sys; from avianvox.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print([n for n in {HEAVY!r} if n in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "classify", str(good), "--model", str(model), "-q", "--top", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Parus medius" in done.stdout
    assert done.stderr == "[]\n"


def test_models_command(model: Path, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def models(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["models", *map(str, arguments)])

    described = models("info", model).stdout
    assert "name: low_middle_high" in described
    assert "Parus medius (Middle Tit)" in described
    assert json.loads(models("info", model, "--json").stdout)["labels"][1] == "Parus medius"
    assert models("info", model, "--card").stdout == "# Low, middle, high\n"
    assert models("verify", model).stdout == f"{model}: ok\n"
    assert models("info", model, "--classes").stdout.splitlines()[1].startswith("Parus medius")
    assert models("info", "--card", "--classes").exit_code == 2
    assert models("info").stdout.startswith("name: caribbean_california\n")
    assert models("info", "--card").stdout.startswith("# ")
    monkeypatch.setattr("avianvox.cli.models._MOST_CLASSES", 2)  # as the 6,522 of an ear, which hid the rest
    assert models("info", model).stdout.endswith("classes: 3; --classes lists them\n")
    result = models("verify", good, model)
    assert result.exit_code == 3
    assert "is not a model" in result.stderr
    assert result.stdout == f"{model}: ok\n"


def test_models_list_names_the_bundled_ones(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.modelfolder.BUNDLED_FOLDER", model.parent)
    assert CliRunner().invoke(cli, ["models", "list"]).stdout.startswith("model: handmade, 3 classes, 2.97 s")
    row = json.loads(CliRunner().invoke(cli, ["models", "list", "--json"]).stdout)
    assert (row["name"], row["classes"], row["default"]) == ("model", 3, False)


@pytest.mark.recordings
def test_real_recordings(real_data: Path, model: Path) -> None:
    sounds = sorted((real_data / "puerto_rico" / "audio").glob("XC*.mp3"))[:3]
    first, second = (run(*sounds, "--model", model, "--format", "csv", "--by", "window") for _ in range(2))
    assert first.stdout == second.stdout
    assert {r["path"] for r in rows(first.stdout)} == {str(path) for path in sounds}
