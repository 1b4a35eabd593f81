"""How a server's refusals, interruptions and lies are met."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from fake_xeno_canto import KEY, FakeXenoCanto, row, sound_of

from avianvox.dataset.download import session as session_module
from avianvox.dataset.download.answers import read_answer
from avianvox.dataset.download.run import download, make_plan
from avianvox.dataset.download.session import GaveUpError, Manners, Session
from avianvox.dataset.download.sounds import fetch
from avianvox.dataset.download.wishes import Wishes
from avianvox.errors import DownloadError, InputError, OutputError

QUICK = Manners(rate=1e6, first_wait_s=0.001, timeout_s=5)
QUERY = "gen:Vireo"


@pytest.fixture
def server() -> Iterator[FakeXenoCanto]:
    with FakeXenoCanto([row(n) for n in range(1, 6)]) as fake:
        yield fake


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that are slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr(session_module.time, "sleep", slept.append)
    return slept


class Clock:
    """Time that passes only as somebody sleeps, and by ``tick`` seconds as somebody asks for it."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 1000.0, tick
        self.slept: list[float] = []

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def talk(server: FakeXenoCanto, manners: Manners = QUICK, **options: object) -> Session:
    return Session(KEY, manners, api=server.address, **options)


@pytest.mark.parametrize("how", ["429", "500", "cut", "drop", "short", "not json", "html"])
def test_a_page_that_fails_once_is_asked_for_again(server: FakeXenoCanto, how: str) -> None:
    server.behave(2, how)
    said: list[str] = []
    found, announced = read_answer(talk(server, say=said.append), QUERY)
    assert [sound.number for sound in found] == [1, 2, 3, 4, 5]
    assert announced == 5
    assert len(server.requests) == 4
    assert len(said) == 1
    assert said[0].startswith("page 2 of the answer: ")


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("429", ["", ""]),
        ("500", ["", ""]),
        ("drop", ["", ""]),
        ("cut", ["", "bytes=512-"]),
        ("short", ["", "bytes=1024-"]),
        ("moved", ["", ""]),
    ],
)
def test_a_file_that_fails_once_is_continued(
    server: FakeXenoCanto, how: str, parts: list[str], tmp_path: Path
) -> None:
    server.behave(1, how)
    fetch(talk(server), "XC1", f"{server.host}/1/download", tmp_path / "1.partial")
    assert (tmp_path / "1.partial").read_bytes() == server.sounds["1"]
    assert [headers.get("Range", "") for _, headers in server.requests] == parts
    assert [p.name for p in tmp_path.iterdir()] == ["1.partial"]


@pytest.mark.parametrize("tag", ['"2"', "", 'W/"1"'])
def test_a_file_that_changed_or_has_no_mark_comes_anew(
    server: FakeXenoCanto, tag: str, tmp_path: Path
) -> None:
    server.behave(1, "cut")
    server.tag = tag if tag != '"2"' else '"1"'
    with pytest.raises(GaveUpError):
        fetch(talk(server, Manners(1e6, 1)), "XC1", f"{server.host}/1/download", tmp_path / "1.partial")
    server.sounds["1"] = sound_of(960, fill=7)  # longer than half of the first one
    server.tag = tag
    fetch(talk(server), "XC1", f"{server.host}/1/download", tmp_path / "1.partial")
    assert (tmp_path / "1.partial").read_bytes() == server.sounds["1"]


def test_another_part_than_was_asked_for_is_not_taken(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.behave(1, "cut")
    server.behave(2, "other part")
    fetch(talk(server), "XC1", f"{server.host}/1/download", tmp_path / "1.partial")
    assert (tmp_path / "1.partial").read_bytes() == server.sounds["1"]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("404", "XC3: HTTP 404"),
        ("html", "XC3: expected sound, the server sent text/html"),
        ("html as sound", "XC3: expected sound, the server sent audio/mpeg"),
        ("empty", "XC3: the file on the server is empty"),
        ("away", "the server redirects to http://example.org; expected https://"),
        ("500", "XC3: HTTP 500: trouble with /3/download, after 6 attempts"),
    ],
)
def test_one_bad_file_costs_only_itself(server: FakeXenoCanto, how: str, words: str, tmp_path: Path) -> None:
    server.always("/3/download", how)
    outcome = download(talk(server), Wishes(QUERY), tmp_path / "out")
    assert outcome.fetched == 4
    assert len(outcome.failed) == 1
    assert words in outcome.failed[0]
    assert (tmp_path / "out" / "SHA256SUMS").read_text().count("\n") == 4
    assert '"numRecordings": "4"' in (tmp_path / "out" / "recordings.json").read_text()
    server.always("/3/download", "short")  # which the same command makes good later
    assert download(talk(server), Wishes(QUERY), tmp_path / "out").fetched == 1


def test_a_server_that_fails_file_after_file_is_left_alone(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.always("/download", "403")
    with pytest.raises(DownloadError, match="3 downloads in a row failed; the last one: XC3: HTTP 403"):
        download(talk(server), Wishes(QUERY), tmp_path / "out")
    assert len(server.files_asked) == 3


@pytest.mark.parametrize("code", ["401", "403"])
def test_a_refused_key_is_one_clear_line_without_the_key(server: FakeXenoCanto, code: str) -> None:
    server.behave(1, code)
    with pytest.raises(DownloadError, match=f"the server refuses the key: .*HTTP {code}") as raised:
        make_plan(talk(server), Wishes(QUERY))
    other = Session(KEY + "x", QUICK, api=server.address)  # the fake server repeats the key in its answer
    with pytest.raises(DownloadError, match=r"'\*\*\*' is not a valid key \(\*\*\*, \*\*\*\)") as repeated:
        make_plan(other, Wishes(QUERY))
    for error in (raised.value, repeated.value):
        assert KEY not in str(error)
        assert quote(KEY, safe="") not in str(error)
        assert error.__cause__ is None  # -v prints the cause
    assert len(server.requests) == 2


def test_a_query_without_tags_is_refused_in_the_servers_words(server: FakeXenoCanto) -> None:
    with pytest.raises(DownloadError, match=r"refuses the query 'bearded bellbird': .*must consist of tags"):
        make_plan(talk(server), Wishes("bearded bellbird"))


def test_nothing_found(server: FakeXenoCanto) -> None:
    with pytest.raises(InputError, match="no recording for 'gen:Corvus'"):
        make_plan(talk(server), Wishes("gen:Corvus"))


def test_waits_double_and_end(server: FakeXenoCanto, waits: list[float]) -> None:
    server.always("/recordings", "500")
    with pytest.raises(GaveUpError, match=r"HTTP 500.* after 6 attempts") as raised:
        make_plan(talk(server, Manners(rate=1e6)), Wishes(QUERY))
    assert [wait for wait in waits if wait >= 1] == [1, 2, 4, 8, 16]
    assert KEY not in str(raised.value)
    assert quote(KEY, safe="") not in str(raised.value)


def test_retry_after_in_seconds_and_as_a_date(server: FakeXenoCanto, waits: list[float]) -> None:
    server.behave(1, "429")
    server.behave(2, "429")
    server.headers["Retry-After"] = "7"
    talk(server).page(QUERY, 1)
    assert [round(wait) for wait in waits if wait >= 1] == [7, 7]
    server.behave(4, "429")
    server.headers["Retry-After"] = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    talk(server).page(QUERY, 1)
    assert 85 < waits[-1] <= 90


def test_a_server_that_wants_more_patience_is_left_alone(server: FakeXenoCanto, waits: list[float]) -> None:
    server.behave(1, "429")
    server.headers["Retry-After"] = "3600"
    with pytest.raises(DownloadError, match="asks to wait 3600 s"):
        make_plan(talk(server), Wishes(QUERY))
    assert waits == []
    assert len(server.requests) == 1


def test_requests_keep_their_distance(
    server: FakeXenoCanto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(session_module, "time", clock)
    download(talk(server, Manners(rate=0.5)), Wishes(QUERY), tmp_path / "out")
    assert len(server.requests) == 8
    assert clock.slept == [2.0] * 7


@pytest.mark.parametrize(
    "api", ["http://xeno-canto.org/api", "ftp://localhost/api", "file:///etc", "x", "http://[a"]
)
def test_only_an_encrypted_or_a_local_address(api: str) -> None:
    with pytest.raises(InputError, match="the address of the API: expected https://"):
        Session(KEY, api=api)


def test_a_file_elsewhere_without_encryption_is_refused(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.rows[0]["file"] = "http://example.org/1/download"
    outcome = download(talk(server), Wishes(QUERY), tmp_path / "out")
    assert outcome.failed == (
        "expected an address that begins with https://, got 'http://example.org/1/download'",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "../7"), ("id", "٣"), ("id", ""), ("id", "7" * 5000), ("also", "Turdus")],
)
def test_a_row_that_is_not_as_documented(server: FakeXenoCanto, field: str, value: str) -> None:
    server.rows[3][field] = value
    said: list[str] = []
    plan = make_plan(talk(server, say=said.append), Wishes(QUERY))
    assert [sound.number for sound in plan.chosen] == [1, 2, 3, 5]
    assert said[0].startswith("left out: page 2 of the answer, recording 2")
    assert len(said[0]) < 200


def test_a_recording_that_moves_to_the_next_page_counts_once(server: FakeXenoCanto) -> None:
    server.rows.insert(2, server.rows[1])
    said: list[str] = []
    plan = make_plan(talk(server, say=said.append), Wishes(QUERY))
    assert len(plan.chosen) == 5
    assert said == ["the server announced 6 recordings, but its pages contain 5"]


def test_a_disk_that_takes_no_more_is_not_the_servers_fault(server: FakeXenoCanto, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        fetch(talk(server), "XC1", f"{server.host}/1/download", tmp_path / "absent" / "1.partial")
    assert len(server.requests) == 1


def test_no_server_at_all() -> None:
    with FakeXenoCanto([]) as fake:
        address = fake.address
    with pytest.raises(GaveUpError, match=r"page 1 of the answer: .*refused"):
        Session(KEY, QUICK, api=address).page(QUERY, 1)


def test_an_answer_without_end_is_not_read_to_its_end(
    server: FakeXenoCanto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MOST_PAGE_BYTES", 1 << 20)
    server.always("recordings", "endless")
    with pytest.raises(DownloadError, match=r"page 1 of the answer: .*larger than 1 MB"):
        talk(server).page(QUERY, 1)
    assert len(server.requests) == 1
    assert server.n_sent < 64 << 20  # what the system takes in before the connection is closed


class Trickle:
    """An answer that gives a byte at a time."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.n_given = 0

    def read1(self, n_bytes: int) -> bytes:
        self.n_given += 1
        return b"x"


def test_an_answer_that_trickles_is_cut(server: FakeXenoCanto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "time", Clock(tick=10.0))
    trickle = Trickle()
    with pytest.raises(session_module.CutError, match="only 13 bytes received in 140 s"):
        list(talk(server).blocks(trickle, 1 << 20))
    assert trickle.n_given == 13


def test_a_head_that_never_ends_is_cut(server: FakeXenoCanto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_HEAD_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(GaveUpError, match="page 1 of the answer"):
            Session(KEY, Manners(1e6, 1), api=address).page(QUERY, 1)


def test_pages_are_asked_for_only_as_recordings_need_them(server: FakeXenoCanto) -> None:
    server.counts = {"numPages": 1_000_000}
    assert len(read_answer(talk(server), QUERY)[0]) == 5
    assert len(server.requests) == 3
    server.counts = {"numPages": 1_000_000, "numRecordings": 200_000}
    assert len(read_answer(talk(server), QUERY)[0]) == 5
    assert len(server.requests) == 3 + 4  # the last one is empty
    server.counts = {"numRecordings": 10**12}
    with pytest.raises(InputError, match=r"matches 1,000,000,000,000 recordings; expected at most 250,000"):
        read_answer(talk(server), QUERY)


def test_an_address_that_nobody_can_write_down_costs_only_its_file(
    server: FakeXenoCanto, tmp_path: Path
) -> None:
    for number, address in enumerate(("https://ñ.org/1", "https://a:99999/1", f"https://{'a' * 70}.org/1")):
        server.rows[number]["file"] = address
    outcome = download(talk(server), Wishes(QUERY), tmp_path / "out")
    assert (outcome.fetched, len(outcome.failed)) == (2, 3)
