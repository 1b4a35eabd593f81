"""Sites, nights and slowed-down sound, from the files to the tables, by the command line."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from classify_night import LOW, RATE, rows, tone
from click.testing import CliRunner, Result
from handmade_model import write_handmade
from recorder_files import guan

from avianvox.cli.main import cli
from avianvox.inference.sites import folder_above, folder_site, is_other_folder_site


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture
def run(model: Path):  # type: ignore[no-untyped-def]
    def invoke(*arguments: object) -> Result:
        done = CliRunner().invoke(cli, ["classify", "--model", str(model), *map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done

    return invoke


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sites with the same clock times, before and behind midnight."""
    monkeypatch.chdir(tmp_path)
    for site in ("A", "B"):
        (tmp_path / "sites" / site).mkdir(parents=True)
        for name in ("20260430_220000.WAV", "20260501_020000.WAV"):
            soundfile.write(tmp_path / "sites" / site / name, tone(500, 9), RATE)
    return Path("sites")


def noted(path: Path, *lines: str) -> Path:
    """Put GUANO behind the sound of a WAV."""
    name, body = guan(*lines)
    body += b"\0" * (len(body) % 2)
    content = path.read_bytes() + name + len(body).to_bytes(4, "little") + body
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    return path


def periods(text: str) -> list[tuple[str, str, str, str]]:
    return [(r["begin_time"], r["site"], r["n_events"], r["recorded_s"]) for r in rows(text)]


def test_sites_with_the_same_clock_are_counted_apart(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    assert periods(run(sites, "--by", "hour", "--format", "csv").stdout) == [
        (f"{hour}:00:00.000", site, "1", "9.000")
        for hour in ("2026-04-30T22", "2026-05-01T02")
        for site in "AB"
    ]
    assert "2026-04-30T22:00:00.000  (A, 9 s in 1 file)" in run(sites, "--by", "hour").stdout
    named = run(sites, "--by", "hour", "--format", "csv", "--site", "El Verde").stdout
    assert [row[1:] for row in periods(named)] == [("El Verde", "2", "18.000")] * 2
    assert {r["site"] for r in rows(run(sites, "--format", "csv").stdout)} == {"A", "B"}


def test_a_night_is_not_cut_at_midnight(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    found = rows(run(sites, "--by", "night", "--format", "csv").stdout)
    assert [(r["begin_time"], r["end_time"], r["site"], r["n_files"], r["calling_s"]) for r in found] == [
        ("2026-04-30T12:00:00.000", "2026-05-01T12:00:00.000", site, "2", found[0]["calling_s"])
        for site in "AB"
    ]
    assert len(rows(run(sites, "--by", "day", "--format", "csv").stdout)) == 4


def test_the_same_sites_however_the_run_went(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    run(sites, "--by", "event", "--output", "whole.csv", "--jobs", 2)
    whole = Path("whole.csv").read_bytes()
    run(sites / "A", "--by", "event", "--output", "parts.csv")
    more = run(sites, "--by", "event", "--output", "parts.csv", "--resume", "--jobs", 1).stderr
    assert Path("parts.csv").read_bytes() == whole
    assert "(2 of them read before)" in more
    run(sites, "--by", "night", "--output", "nights.parquet")
    frame = pd.read_parquet("nights.parquet")
    assert frame.site.tolist() == ["A", "B"]
    assert frame.begin_time.tolist() == [pd.Timestamp("2026-04-30T12:00")] * 2


def test_a_folder_that_becomes_another_site_is_read_again(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    """As the only input it was called by itself; beside the other one's folder by a longer name."""
    (sites / "A" / "card").mkdir()
    for file in (sites / "A").glob("*.WAV"):
        file.rename(sites / "A" / "card" / file.name)
    run(sites / "A", "--output", "a.csv")
    assert {r["site"] for r in rows(Path("a.csv").read_text())} == {"card"}
    run(sites, "--output", "a.csv", "--resume")
    run(sites, "--output", "fresh.csv")
    assert Path("a.csv").read_bytes() == Path("fresh.csv").read_bytes()
    assert {r["site"] for r in rows(Path("a.csv").read_text())} == {"A/card", "B"}


def test_notes_go_before_folders(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    noted(sites / "A" / "20260430_220000.WAV", "WA|Song Meter|Prefix: WALDEN", "Serial: SMA00351")
    noted(sites / "A" / "20260501_020000.WAV", "Serial: SMA00351")
    found = rows(run(sites / "A", "--format", "csv", "--top", 1).stdout)
    assert [(r["site"], r["recorder"]) for r in found] == [("WALDEN", "SMA00351"), ("SMA00351", "SMA00351")]


def test_a_prefix_in_a_name_parts_no_sites_and_joins_none(run, sites: Path) -> None:  # type: ignore[no-untyped-def]
    for file in sites.rglob("*.WAV"):
        file.rename(file.with_name(f"REC_{file.name}"))
    found = rows(run(sites, "--by", "night", "--format", "csv").stdout)
    assert [(r["site"], r["recorder"]) for r in found] == [("A", "REC"), ("B", "REC")]


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["sites"], ["A", "B"]),
        (["sites/A", "sites/B"], ["A", "B"]),
        (["sites/*"], ["A", "B"]),
        (["sites/A/*.WAV", "sites/B/20260430_220000.WAV"], ["A", "B"]),
        (["sites/A"], ["A", "B"]),  # what lies elsewhere keeps its whole folder
        (["."], ["sites/A", "sites/B"]),
    ],
)
def test_folders_below_the_input(inputs: list[str], names: list[str], sites: Path) -> None:
    above = folder_above(inputs)
    assert folder_site(str(sites / "A" / "20260430_220000.WAV"), above) == names[0]
    if inputs != ["sites/A"]:
        assert folder_site(str(sites / "B" / "20260430_220000.WAV"), above) == names[1]


def test_names_of_folders() -> None:
    assert folder_above(["/a/b", "c"]) == ""
    assert folder_above([]) == ""
    assert folder_site("x.wav", "") == Path.cwd().name
    assert folder_site("../x.wav", "..") == Path.cwd().parent.name
    assert folder_site("/data/2/x.wav", "") == "/data/2"
    assert is_other_folder_site("card", "sites/A/card/x.wav", "sites")
    assert not is_other_folder_site("A/card", "sites/A/card/x.wav", "sites")
    assert not is_other_folder_site("SMA00351", "sites/A/card/x.wav", "sites")


@pytest.fixture
def bat(tmp_path: Path) -> Path:
    """A low voice of 18 s, slowed down ten times, from 21:59:59 on, with 9 s of silence on both sides."""
    path = tmp_path / "bats" / "bat.wav"
    path.parent.mkdir()
    soundfile.write(path, np.concatenate([np.zeros(90 * RATE), tone(500, 180), np.zeros(90 * RATE)]), RATE)
    return noted(path, "Timestamp: 2024-06-01T21:59:50+02:00", "TE: 10")


def test_slowed_down_sound_counts_real_seconds(run, bat: Path) -> None:  # type: ignore[no-untyped-def]
    first, second = rows(run(bat.parent, "--by", "hour", "--format", "csv").stdout)
    assert float(first["recorded_s"]) == pytest.approx(10, abs=0.0011)  # times are kept to the millisecond
    assert float(first["recorded_s"]) + float(second["recorded_s"]) == pytest.approx(36)
    assert first["scientific_name"] == second["scientific_name"] == LOW
    assert float(first["calling_s"]) + float(second["calling_s"]) == pytest.approx(18, abs=0.6)
    assert float(first["calling_s"]) == pytest.approx(1, abs=0.3)
    (event,) = rows(run(bat, "--by", "event", "--format", "csv").stdout)
    assert (event["time_expansion"], event["decoded_s"]) == ("10.000", "360.000")
    assert float(event["begin_s"]) == pytest.approx(90, abs=3)
    assert pd.Timestamp(event["begin_time"]) == pd.Timestamp("2024-06-01T21:59:50+02:00") + pd.Timedelta(
        round(float(event["begin_s"]) * 100), "ms"
    )


def test_other_tables_keep_the_clock_of_slowed_down_sound(run, bat: Path) -> None:  # type: ignore[no-untyped-def]
    invoke = CliRunner().invoke
    events, table = bat.with_name("events.csv"), bat.with_name("t.kaleidoscope.csv")
    run(bat, "--by", "event", "--output", events)
    before = rows(events.read_text())[0]
    assert invoke(cli, ["convert", str(events), str(table)]).exit_code == 0
    (line,) = csv.DictReader(io.StringIO(table.read_text()))
    assert (line["DATE"], line["TIME"]) == ("2024-06-01", "21:59:50")  # of the recording's begin
    again = json.loads(invoke(cli, ["convert", str(table), "-", "--to", "jsonl"]).stdout)
    assert again["begin_time"][:23] == before["begin_time"][:23]  # its zone is no concern of this test
    assert (again["site"], again["time_expansion"]) == ("bats", 10.0)
    out = bat.with_name("cut")
    options = ["--out", str(out), "--no-pictures", "--pad", "0"]
    assert invoke(cli, ["segments", str(events), *options]).exit_code == 0
    (cut,) = rows((out / "index.csv").read_text())
    assert (cut["cut_begin_s"], cut["begin_time"]) == (before["begin_s"], before["begin_time"])
