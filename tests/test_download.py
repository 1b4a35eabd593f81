"""A download from the question to the folder: what it holds, and that it may be interrupted anywhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from fake_xeno_canto import KEY, FakeXenoCanto, row, sound_of

from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.download.folder import ATTRIBUTION, RECORDINGS, SUMS
from avianvox.dataset.download.run import Outcome, download
from avianvox.dataset.download.session import Manners, Session
from avianvox.dataset.download.wishes import Wishes
from avianvox.errors import DownloadError, InputError, StoreError
from avianvox.lock import exclusive_lock

QUERY = "gen:Vireo"
EVERYTHING = Wishes(QUERY)
LISTS = (SUMS, ATTRIBUTION, RECORDINGS)


@pytest.fixture
def server() -> Iterator[FakeXenoCanto]:
    """Three recordings on two pages, one of them in the spelling of version 2."""
    with FakeXenoCanto([row(11), row(2, v2=True), row(305, rec="Ünal B.")]) as fake:
        yield fake


def run(server: FakeXenoCanto, out: Path, wishes: Wishes = EVERYTHING, *, refresh: bool = False) -> Outcome:
    session = Session(KEY, Manners(rate=1e6, first_wait_s=0.001), api=server.address)
    return download(session, wishes, out, refresh=refresh)


def lists(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in LISTS]


def everything(out: Path) -> bytes:
    return b"".join(str(p).encode() + p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file())


def test_the_folder_lists_what_came(server: FakeXenoCanto, tmp_path: Path) -> None:
    outcome = run(server, tmp_path / "out")
    assert (outcome.fetched, outcome.there, outcome.failed) == (3, 0, ())
    assert outcome.fetched_bytes == sum(map(len, server.sounds.values()))
    hashes = [f"{sha256(server.sounds[n]).hexdigest()}  audio/XC{n}.mp3" for n in ("2", "11", "305")]
    assert (tmp_path / "out" / SUMS).read_text().splitlines() == hashes
    credit = "Ünal B., XC305, https://xeno-canto.org/305, CC BY-NC-SA 4.0"
    assert (tmp_path / "out" / ATTRIBUTION).read_text(encoding="utf-8").splitlines()[-1] == (
        f"Vireo latimeri / Puerto Rican Vireo: {credit}"
    )
    catalog = read_catalog(tmp_path / "out")
    assert (catalog.source, catalog.problems) == ("xeno_canto", ())
    assert [r.id for r in catalog.recordings] == ["XC2", "XC11", "XC305"]
    assert {(r.latitude, r.longitude) for r in catalog.recordings} == {(17.95, -66.9)}  # lon and lng
    kept = json.loads((tmp_path / "out" / RECORDINGS).read_text())
    assert kept["download"]["query"] == QUERY
    assert kept["recordings"][1]["loc"] == "Guánica"  # as the server wrote it


def test_the_key_is_in_no_file(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.behave(2, "401")  # interrupted, so that all files of the state are there
    with pytest.raises(ConnectionError):
        run(server, tmp_path / "out")
    for _ in range(2):
        written = everything(tmp_path / "out")
        assert KEY.encode() not in written
        assert quote(KEY, safe="").encode() not in written
        run(server, tmp_path / "out")


_SPELLED = {
    "escaped slashes": KEY.replace("/", "\\/"),
    "escaped": "".join(f"\\u{ord(c):04X}" for c in KEY),
    "escaped twice": "".join(f"\\\\u{ord(c):04x}" for c in KEY),
    "slashes escaped twice": KEY.replace("/", "\\\\/"),
    "percent in escapes": KEY.replace("/", "\\u00252f").replace("+", "\\u00252B"),
    "percent": "".join(f"%{ord(c):02x}" for c in KEY),
    "percent twice": quote(quote(KEY, safe=""), safe=""),
    "html": KEY.replace("/", "&#x2F;").replace("+", "&amp;#43;"),
    "capitals": KEY.upper(),
}


@pytest.mark.parametrize("spelled", _SPELLED.values(), ids=_SPELLED)
def test_the_key_is_hidden_however_it_is_spelled(spelled: str, tmp_path: Path) -> None:
    with FakeXenoCanto([row(2, rmk="HERE", HERE="x"), row(3)]) as server:
        server.spell = lambda body: body.replace(b"HERE", b"(" + spelled.encode() + b")")
        run(server, tmp_path / "out")
        page = (tmp_path / "out" / ".download" / "plan.json").read_text()
        assert json.loads(page)["chosen"][0]["rmk"] == "(***)"
        assert json.loads(page)["chosen"][0]["(***)"] == "x"


@pytest.mark.parametrize("state", ["plan.json", "page-00001.json"])
def test_a_key_that_an_earlier_release_kept_comes_no_further(
    state: str, server: FakeXenoCanto, tmp_path: Path
) -> None:
    run(server, tmp_path / "out")
    told = KEY.replace("/", "\\/")
    rows = [row(n, rmk=told, file=f"{server.host}/{n}/download") for n in (2, 11)]
    page = {"numRecordings": "2", "numPages": 1, "recordings": rows, "chosen": rows, "left_out": {}}
    (tmp_path / "out" / ".download" / "plan.json").unlink()
    (tmp_path / "out" / ".download" / state).write_text(json.dumps(page))
    run(server, tmp_path / "out")
    listed = json.loads((tmp_path / "out" / RECORDINGS).read_text())["recordings"]
    assert [r["rmk"] for r in listed] == ["***", "***"]


def test_a_server_that_repeats_the_key_does_not_bring_it_into_a_file(tmp_path: Path) -> None:
    told = f"https://xeno-canto.org/api?key={quote(KEY, safe='')}, {KEY}"
    with FakeXenoCanto([row(2, rmk=told), row(3), row(4)]) as server:
        server.behave(2, "401")
        with pytest.raises(ConnectionError):
            run(server, tmp_path / "out")
        assert (tmp_path / "out" / ".download" / "page-00001.json").exists()
        assert b"0123456789abcdef" not in everything(tmp_path / "out")
        run(server, tmp_path / "out")
        assert b"0123456789abcdef" not in everything(tmp_path / "out")
        assert json.loads((tmp_path / "out" / RECORDINGS).read_text())["recordings"][0]["rmk"].endswith("***")


@pytest.mark.parametrize("name", ["page-00001.json", "plan.json", "request.json"])
@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_note_of_an_earlier_run_is_named(
    name: str, content: str, server: FakeXenoCanto, tmp_path: Path
) -> None:
    (tmp_path / "out" / ".download").mkdir(parents=True)
    (tmp_path / "out" / ".download" / name).write_text(content)
    with pytest.raises(DownloadError, match=f"{name} is damaged: .*; run the command again with --refresh"):
        run(server, tmp_path / "out")
    assert run(server, tmp_path / "out", refresh=True).fetched == 3


def test_a_row_that_an_earlier_run_kept_is_not_its_end(server: FakeXenoCanto, tmp_path: Path) -> None:
    run(server, tmp_path / "out")
    plan = tmp_path / "out" / ".download" / "plan.json"
    plan.write_text(json.dumps({"chosen": [row(2, also="Turdus")], "left_out": {}}))
    with pytest.raises(DownloadError, match=r"plan\.json is damaged: recording 1: .*; run .* --refresh"):
        run(server, tmp_path / "out")
    assert run(server, tmp_path / "out", refresh=True).there == 3


def test_a_count_that_is_none_is_not_kept(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.counts = {"numPages": 1e999}
    with pytest.raises(DownloadError, match="no number in 'numPages'"):
        run(server, tmp_path / "out")
    server.counts = {}
    assert run(server, tmp_path / "out").fetched == 3


def test_killed_at_every_request_it_ends_with_the_same_lists(server: FakeXenoCanto, tmp_path: Path) -> None:
    run(server, tmp_path / "whole")
    expected, n_requests = lists(tmp_path / "whole"), len(server.requests)
    assert n_requests == 5
    options = ["--api", server.address, "--rate", "10000"]
    environment = {**os.environ, "XC_API_KEY": KEY}
    for number in range(1, n_requests + 1):
        out = tmp_path / str(number)
        server.reached.clear()
        server.release.clear()
        server.behave(len(server.requests) + number, "hang")
        command = [sys.executable, "-m", "avianvox", "data", "download", QUERY, "--out", str(out), *options]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            assert server.reached.wait(60)
            process.kill()
        server.release.set()
        assert not (out / RECORDINGS).exists()
        before = len(server.requests)
        run(server, out)
        assert lists(out) == expected
        assert len(server.requests) - before == n_requests - number + 1  # nothing is asked for twice


def test_interrupted_at_every_move_of_a_file(
    server: FakeXenoCanto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls, at, after = os.replace, 0, 0, False

    def interrupted(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == at and not after:
            raise KeyboardInterrupt
        whole(source, target)
        if calls == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    run(server, tmp_path / "whole")
    expected, n_moves = lists(tmp_path / "whole"), calls
    assert n_moves == 11  # request, two pages, plan, ledger, three sounds, three lists
    for at in range(1, n_moves + 1):
        for after in (False, True):
            out = tmp_path / f"{at} {after}"
            calls = 0
            with pytest.raises(KeyboardInterrupt):
                run(server, out)
            calls = n_moves
            run(server, out)
            assert lists(out) == expected


def test_a_sound_is_on_the_disk_before_the_ledger_names_it(
    server: FakeXenoCanto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, move = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        calls.append(f"move {Path(target).name}")
        move(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    run(server, tmp_path / "out")
    at = calls.index("fsync XC2.mp3.partial")
    assert calls[at : at + 3] == ["fsync XC2.mp3.partial", "move XC2.mp3", "fsync ledger.jsonl"]


def test_a_part_of_a_sound_that_is_not_wanted_any_more_goes(server: FakeXenoCanto, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(server, out)
    left = out / ".download" / "XC999.mp3.partial"
    left.write_bytes(b"half")
    run(server, out, refresh=True)
    assert not left.exists()


def test_a_line_of_the_ledger_that_was_cut_off_does_no_harm(server: FakeXenoCanto, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(server, out)
    ledger = out / ".download" / "ledger.jsonl"
    expected, lines = lists(out), ledger.read_bytes()
    ledger.write_bytes(lines[:-30])
    assert run(server, out).fetched == 1
    assert (lists(out), ledger.read_bytes()) == (expected, lines)


def test_a_second_run_asks_for_nothing_but_what_is_missing(server: FakeXenoCanto, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(server, out)
    expected, n_requests = lists(out), len(server.requests)
    outcome = run(server, out)
    assert (outcome.fetched, outcome.there, len(server.requests)) == (0, 3, n_requests)
    (out / "audio" / "XC2.mp3").unlink()
    (out / "audio" / "XC11.mp3").write_bytes(b"cut")
    assert (run(server, out).fetched, lists(out)) == (2, expected)
    assert server.files_asked[-2:] == ["/2/download", "/11/download"]


def test_other_wishes_want_a_refresh_which_keeps_what_is_there(server: FakeXenoCanto, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(server, out)
    wishes = Wishes(QUERY, per_species=2)
    with pytest.raises(InputError, match=r"was downloaded with per_species None, now it is 2; .*--refresh"):
        run(server, out, wishes)
    outcome = run(server, out, wishes, refresh=True)
    assert (outcome.there, outcome.fetched, outcome.unlisted) == (2, 0, 1)
    assert len(read_catalog(out)) == 2
    server.rows.append(row(7))
    server.sounds["7"] = sound_of(99)
    outcome = run(server, out, replace(wishes, per_species=None), refresh=True)
    assert (outcome.there, outcome.fetched, outcome.unlisted) == (3, 1, 0)
    assert [r.id for r in read_catalog(out).recordings] == ["XC2", "XC7", "XC11", "XC305"]


def test_a_folder_that_holds_something_else_is_left_alone(server: FakeXenoCanto, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not the folder of a download"):
        run(server, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_two_at_once_in_one_folder(server: FakeXenoCanto, tmp_path: Path) -> None:
    (tmp_path / ".download").mkdir()
    with (
        exclusive_lock(tmp_path / ".download" / "lock", busy=""),
        pytest.raises(StoreError, match="another download is running"),
    ):
        run(server, tmp_path)


@pytest.mark.recordings
def test_real_recordings_come_through_unchanged(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "puerto_rico"
    rows = json.loads((source / "recordings.json").read_text(encoding="utf-8"))["recordings"]
    files = {p.stem.removeprefix("XC"): p for p in (source / "audio").iterdir()}
    small = [{k: v for k, v in r.items() if k != "file"} for r in rows if r["length"] < "0:08"]
    sounds = {r["id"]: files[r["id"]].read_bytes() for r in small}
    with FakeXenoCanto(small, page_size=20, sounds=sounds) as fake:
        for number in (3, 12, 20, 30):
            fake.behave(number, "cut")
        outcome = run(fake, tmp_path / "out", Wishes("cnt:'Puerto Rico'"))
    assert outcome.fetched == len(small) > 30
    found = {r.id: r for r in read_catalog(tmp_path / "out").recordings}
    for recording in read_catalog(source).recordings:
        if recording.id in found:
            same = replace(found.pop(recording.id), path=recording.path)
            assert same == recording
    assert not found
    for number, sound in sounds.items():
        assert next((tmp_path / "out" / "audio").glob(f"XC{number}.*")).read_bytes() == sound
