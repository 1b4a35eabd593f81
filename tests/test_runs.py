"""Runs over many files: the ledger, resuming, and that no file changes another's rows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_model import write_handmade

import avianvox.lock
from avianvox.errors import InputError, OutputError, StoreError
from avianvox.inference.answers import Answer, Entry
from avianvox.inference.ledger import Ledger, ledger_path
from avianvox.inference.question import Question
from avianvox.inference.runs import Tally, answer_files, keep_answers, settings_of
from avianvox.tables.columns import HEADER
from avianvox.types import Status
from avianvox.workers import Workplace

RATE = 22050


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture
def sounds(tmp_path: Path) -> list[str]:
    """Eight tones of different height and length, the longest first, in a folder of their own."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(8):
        n = np.arange(RATE * (9 - i))
        soundfile.write(folder / f"{i}.wav", 0.3 * np.sin(2 * np.pi * (400 + 800 * i) / RATE * n), RATE)
    return sorted(map(str, folder.iterdir()))


def run(
    paths: list[str],
    model: Path,
    out: Path,
    *,
    resume: bool = False,
    stop_after: int = 99,
    **question: object,
) -> Tally:
    """Classify into ``out``; stopped as if by an interrupt where ``stop_after`` files were read."""
    asked = Question(**question)  # type: ignore[arg-type]
    tally = Tally()
    with Ledger(out, out, settings_of(model, asked), resume=resume) as ledger:
        for n, _ in enumerate(keep_answers(paths, model, asked, Workplace(1), ledger, tally), start=1):
            if n == stop_after:
                return tally
        ledger.finish()
    return tally


def ledger_lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in ledger_path(out).read_text().splitlines()]


def test_rows_and_ledger_stand_in_the_order_of_the_files(
    sounds: list[str], model: Path, tmp_path: Path
) -> None:
    run(sounds, model, tmp_path / "out.csv")
    text = (tmp_path / "out.csv").read_text()
    rows = [answer.rows for _, answer in answer_files(sounds, model, Question(), Workplace(1))]
    assert text == HEADER + "".join(rows)
    head, *entries = ledger_lines(tmp_path / "out.csv")
    assert (head["kind"], head["finished"]) == ("avianvox ledger", 1)
    assert [entry["path"] for entry in entries] == sounds
    for entry, row in zip(entries, rows, strict=True):
        begin = entry["offset"]
        assert text.encode()[begin : begin + entry["length"]].decode() == row
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "out.csv.ledger.jsonl", "sounds"]


@pytest.mark.parametrize("stop_after", [1, 4, 8])
def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(
    stop_after: int, sounds: list[str], model: Path, tmp_path: Path
) -> None:
    run(sounds, model, tmp_path / "whole.csv", by="window")
    run(sounds, model, tmp_path / "out.csv", by="window", stop_after=stop_after)
    assert not (tmp_path / "out.csv").exists()
    tally = run(sounds, model, tmp_path / "out.csv", by="window", resume=True)
    assert (tally.kept, tally.files) == (stop_after, 8)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert ledger_lines(tmp_path / "out.csv") == ledger_lines(tmp_path / "whole.csv")


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_what_was_torn_is_made_again(cut: int, sounds: list[str], model: Path, tmp_path: Path) -> None:
    run(sounds, model, tmp_path / "whole.csv")
    for torn in ("out.csv.partial", "out.csv.ledger.jsonl"):
        for path in tmp_path.glob("out.csv*"):
            path.unlink()
        run(sounds, model, tmp_path / "out.csv", stop_after=5)
        with open(tmp_path / torn, "r+b") as file:
            file.truncate(file.seek(0, 2) - cut)
        tally = run(sounds, model, tmp_path / "out.csv", resume=True)
        assert 0 < tally.kept < 5
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("lost", ["rows", "line"])
def test_what_was_lost_with_the_power_is_made_again(
    lost: str, sounds: list[str], model: Path, tmp_path: Path
) -> None:
    """A file may have its length back, and zeros in the place of what never came to the disk."""
    run(sounds, model, tmp_path / "whole.csv")
    run(sounds, model, tmp_path / "out.csv", stop_after=5)
    *_, last = ledger_lines(tmp_path / "out.csv")
    if lost == "rows":
        with open(tmp_path / "out.csv.partial", "r+b") as file:
            file.seek(int(str(last["offset"])) + 20)
            file.write(bytes(50))
    else:
        lines = ledger_path(tmp_path / "out.csv").read_text().splitlines(keepends=True)
        ledger_path(tmp_path / "out.csv").write_text("".join([*lines[:-1], '{"path": "x"}\n']))
    tally = run(sounds, model, tmp_path / "out.csv", resume=True)
    assert tally.kept == 4
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_finished_run_takes_more_files_and_changed_ones(
    sounds: list[str], model: Path, tmp_path: Path
) -> None:
    run(sounds[1:6], model, tmp_path / "out.csv")
    soundfile.write(sounds[3], 0.3 * np.sin(np.arange(RATE) / 3), RATE)
    tally = run(sounds, model, tmp_path / "out.csv", resume=True)
    assert (tally.kept, tally.files) == (4, 8)
    run(sounds, model, tmp_path / "whole.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert run(sounds[:2], model, tmp_path / "out.csv", resume=True).kept == 2
    assert [entry["path"] for entry in ledger_lines(tmp_path / "out.csv")[1:]] == sounds[:2]


def test_a_finish_that_was_killed_is_made_again(
    sounds: list[str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(sounds, model, tmp_path / "whole.csv")
    steps = {"rows": "avianvox.inference.ledger.Ledger._header", "ledger": "pathlib.Path.unlink"}
    for step, target in steps.items():
        out = tmp_path / f"{step}.csv"
        run(sounds, model, out, stop_after=8)
        with monkeypatch.context() as patch, pytest.raises(OSError, match="killed"):
            run_killed(sounds, model, out, patch, target)
        assert run(sounds, model, out, resume=True).kept == 8
        assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def run_killed(sounds: list[str], model: Path, out: Path, patch: pytest.MonkeyPatch, target: str) -> None:
    """Finish a run up to the call of ``target``, which raises."""

    def die(*_: object, **__: object) -> None:
        raise OSError("killed")

    with Ledger(out, out, settings_of(model, Question()), resume=True) as ledger:
        for _ in keep_answers(sounds, model, Question(), Workplace(1), ledger, Tally()):
            pass
        with patch.context() as inner:
            inner.setattr(target, die)
            ledger.finish()


def test_other_settings_are_refused(sounds: list[str], model: Path, tmp_path: Path) -> None:
    run(sounds[:1], model, tmp_path / "out.csv")
    with pytest.raises(InputError, match=r"other settings .by was recording and is window.; give the same"):
        run(sounds[:1], model, tmp_path / "out.csv", resume=True, by="window")


def test_what_could_not_be_opened_is_tried_again(sounds: list[str], model: Path, tmp_path: Path) -> None:
    """A permission or a decoder that was missing shows neither in the size nor in the time of a file."""
    out = tmp_path / "out.csv"
    asked, mixed = Question(channels=2), settings_of(model, Question())
    with Ledger(out, out, mixed, resume=False) as ledger:
        for _ in keep_answers(sounds[:2], model, asked, Workplace(1), ledger, Tally()):
            pass  # unsupported: there is no second channel
        ledger.finish()
    tally = run([*sounds, str(tmp_path / "absent.wav")], model, out, resume=True)
    assert (tally.kept, tally.failed, tally.statuses[Status.MISSING]) == (0, 1, 1)
    run([*sounds, str(tmp_path / "absent.wav")], model, tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_full_disk_is_named_once(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    out = tmp_path / "out.csv"
    answer = Answer(Entry("a.wav", 1, 1, Status.OK), "a few bytes, fewer than a buffer holds\n")
    with pytest.raises(OutputError, match=r"cannot write .*out\.csv\.partial: the disk is full"):
        _fill_up(out, answer)


def _fill_up(out: Path, answer: Answer) -> None:
    with Ledger(out, out, {}, resume=False) as ledger, open("/dev/full", "ab", buffering=0) as full:
        os.dup2(full.fileno(), ledger._rows_file.fileno())
        ledger.add(0, answer)


def test_what_a_killed_writer_left_is_removed(sounds: list[str], model: Path, tmp_path: Path) -> None:
    names = ("out.csv", "out.csv.ledger.jsonl", "out.csv.partial", "out.csv.2020.csv")
    for name in names:
        (tmp_path / f".{name}.avianvox-0.partial").touch()
    run(sounds[:1], model, tmp_path / "out.csv")
    left = {path.name for path in tmp_path.glob(".*")}
    assert left == {".out.csv.2020.csv.avianvox-0.partial"}  # another table's


def test_another_gate_of_the_same_name_is_another_setting(model: Path, tmp_path: Path) -> None:
    gate = tmp_path / "my.gate"
    found = []
    for text in ("one", "other"):
        gate.write_text(text)
        found.append(settings_of(model, Question(gate=str(gate))))
    assert {k for k in found[0] if found[0][k] != found[1][k]} == {"gate"}
    assert settings_of(model, Question(gate="bundled"))["gate"] == "bundled"


def test_rows_that_another_program_changed_are_not_taken_up(
    sounds: list[str], model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    run(sounds[:3], model, out)
    header, *lines = out.read_text().splitlines(keepends=True)
    edited = header + "".join(sorted(lines, reverse=True))  # as long as before
    out.write_text(edited)
    with pytest.raises(InputError, match=r"out\.csv: it was changed after it was written, so --resume can't"):
        run(sounds, model, out, resume=True)
    assert out.read_text() == edited
    assert run(sounds, model, out).kept == 0


def test_rows_beside_a_table_and_the_table_itself_are_not_taken_for_each_other(
    sounds: list[str], model: Path, tmp_path: Path
) -> None:
    out, settings = tmp_path / "out.csv", settings_of(model, Question())
    with Ledger(tmp_path / "out.csv.rows.csv", out, settings, resume=False) as ledger:
        ledger.finish()
    out.write_text("hours")  # made from those rows
    with pytest.raises(InputError, match="rows was beside the table and is the table itself"):
        run(sounds, model, out, resume=True)
    assert out.read_text() == "hours"


def test_an_interrupted_run_is_not_thrown_away(sounds: list[str], model: Path, tmp_path: Path) -> None:
    run(sounds, model, tmp_path / "out.csv", stop_after=2)
    with pytest.raises(OutputError, match="an interrupted run is here; continue it with --resume"):
        run(sounds, model, tmp_path / "out.csv")


def test_two_runs_do_not_write_to_one_table(sounds: list[str], model: Path, tmp_path: Path) -> None:
    settings = settings_of(model, Question())
    out = tmp_path / "out.csv"
    with (
        Ledger(out, out, settings, resume=False),
        pytest.raises(StoreError, match="another run is writing to it"),
        Ledger(out, out, settings, resume=True),
    ):
        pass


def test_a_lock_that_its_holder_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends takes its lock away: who opened it before and takes it after holds nothing."""
    take, lock = avianvox.lock.take_lock, tmp_path / ".out.csv.ledger.jsonl.lock"

    def late(descriptor: int) -> None:
        lock.unlink()
        take(descriptor)

    out = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        patch.setattr("avianvox.lock.take_lock", late)
        with pytest.raises(StoreError, match="another run is writing to it"):
            Ledger(out, out, {}, resume=False).__enter__()
    with Ledger(out, out, {}, resume=False):
        assert lock.exists()


@pytest.mark.parametrize(
    "text", ["", "{}\n", "path\n", *(f'{{"kind": "avianvox ledger", "version": {n}}}\n' for n in (1, 9))]
)
def test_a_file_that_is_no_ledger_is_refused(text: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ledger_path(out).write_text(text)
    with (
        pytest.raises(InputError, match=r"out\.csv\.ledger\.jsonl.* ledger.*begin anew"),
        Ledger(out, out, {}, resume=True),
    ):
        pass


def damaged(folder: Path) -> Iterator[Path]:
    good = (folder / "0.wav").read_bytes()
    for name, content in {
        "0b empty.wav": b"",
        "2b text.mp3": b"no sound at all",
        "3b header.wav": good[:44],
        "4b cut.wav": good[:30_000],
        "5b noise.ogg": bytes(range(256)) * 40,
    }.items():
        (folder / name).write_bytes(content)
        yield folder / name


def test_bad_files_change_nothing_for_the_good_ones(sounds: list[str], model: Path, tmp_path: Path) -> None:
    run(sounds, model, tmp_path / "good.csv")
    bad = {*map(str, damaged(Path(sounds[0]).parent)), str(tmp_path / "sounds" / "9 gone.wav")}
    tally = run(sorted([*sounds, *bad]), model, tmp_path / "all.csv")
    rows = (tmp_path / "all.csv").read_text().splitlines(keepends=True)
    kept = [row for row in rows if not any(row.startswith(f"{path},") for path in bad)]
    assert "".join(kept) == (tmp_path / "good.csv").read_text()
    failed = {e["path"]: e["status"] for e in ledger_lines(tmp_path / "all.csv")[1:] if e["path"] in bad}
    assert failed == {
        str(tmp_path / "sounds" / name): status
        for name, status in {
            "0b empty.wav": "empty",
            "2b text.mp3": "undecodable",
            "3b header.wav": "undecodable",
            "4b cut.wav": "truncated",
            "5b noise.ogg": "undecodable",
            "9 gone.wav": "missing",
        }.items()
    }
    assert tally.failed == 6


def test_sigkill_loses_at_most_the_files_in_flight(model: Path, tmp_path: Path) -> None:
    """The command itself, killed twice and taken up again."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(60):
        n = np.arange(RATE * 20)
        soundfile.write(folder / f"{i:02}.wav", 0.3 * np.sin(2 * np.pi * (300 + 90 * i) / RATE * n), RATE)
    command = [
        sys.executable,
        "-m",
        "avianvox",
        "classify",
        str(folder),
        "--model",
        str(model),
        "--by",
        "window",
    ]
    subprocess.run([*command, "--output", str(tmp_path / "whole.csv")], check=True, capture_output=True)
    out = tmp_path / "out.csv"
    for enough in (5, 25):
        resume = ["--resume"] if ledger_path(out).exists() else []
        process = subprocess.Popen(
            [*command, "--output", str(out), *resume], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        while process.poll() is None and len(lines_of(ledger_path(out))) <= enough:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not out.exists()
    done = subprocess.run([*command, "--output", str(out), "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "of them read before" in done.stderr
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def test_an_entry_survives_its_way_through_the_ledger(tmp_path: Path) -> None:
    known = ("odd\udcff ñ.wav", 3, 4, Status.CLIPPED, "loud", "2020-01-01", "El Verde", "A1")
    entry = Entry(*known, 1.5, 1.25, 3, 1, 1, {"Aus": 2})
    out = tmp_path / "out.csv"
    with Ledger(out, out, {}, resume=False) as ledger:
        ledger.add(1, Answer(entry, "b\n"))
        ledger.add(0, Answer(Entry("a", -1, -1, Status.MISSING), "a\n"))
        assert [found.path for found in ledger.entries()] == ["a", entry.path]
        assert list(ledger.entries())[1] == entry
        ledger.finish()
    assert out.read_text() == f"{HEADER}a\nb\n"
    with Ledger(out, out, {}, resume=True) as ledger:
        assert ledger.find(entry.path, 3, 4) == entry
        assert ledger.find(entry.path, 3, 5) is None
