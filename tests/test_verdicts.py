"""The table of verdicts: what is written is read back, survives kills, counts once, and can be taken back."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avianvox.errors import InputError, OutputError, StoreError
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import COLUMNS, HEADER, Said, Verdict, line_of, read_tables, read_verdicts
from avianvox.verdicts.writing import Writer

TIME = "2026-05-01T06:00:00.000+00:00"
ACCEPTED = Verdict(
    id="a1",
    time=TIME,
    reviewer="Ana",
    file="night/a b.wav",
    start_s=1.5,
    end_s=4.25,
    low_hz=2000.0,
    high_hz=8000.5,
    suggested="Turdus merula",
    score=0.875,
    verdict=Said.ACCEPTED,
    species=("Turdus merula", "Pica pica"),
    blind=True,
    seconds=3.25,
    note='two, "loud"',
)


def said(number: str, verdict: Said = Said.ACCEPTED, **changes: object) -> Verdict:
    species = {"species": ("Pica pica",)} if verdict in (Said.OTHER, Said.ADDED) else {"species": ()}
    return replace(ACCEPTED, id=number, verdict=verdict, **{**species, **changes})


def test_columns_are_those_that_the_documentation_says() -> None:
    assert HEADER == (
        "id,time,reviewer,file,start_s,end_s,low_hz,high_hz,suggested,score,verdict,species,blind,seconds,"
        "replaces,note\n"
    )
    page = Path(__file__).parent.parent.joinpath("docs/verdicts.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| `")]
    named = [name.strip(" `") for row in rows for name in row.split(",")]
    assert [name for name in named if name in COLUMNS] == list(COLUMNS)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(file=TEXTS.filter(str.strip), note=TEXTS, reviewer=TEXTS, begin=st.integers(0, 10**8))
def test_a_line_is_read_back(tmp_path_factory, file: str, note: str, reviewer: str, begin: int) -> None:
    table = tmp_path_factory.mktemp("t") / "t.verdicts.csv"
    verdict = replace(ACCEPTED, file=file, note=note, reviewer=reviewer, start_s=begin / 1000, end_s=1e6)
    with Writer(table) as writer:
        assert writer.add(verdict)
    (back,) = read_verdicts(table)
    assert (back.file, back.start_s, back.event) == (file, begin / 1000, verdict.event)
    assert back == replace(verdict, note=back.note, reviewer=back.reviewer)
    if note.isprintable() and reviewer.isprintable():
        assert (back.note, back.reviewer) == (note, reviewer)


def test_one_id_counts_once_also_later(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    with Writer(table) as writer:
        assert writer.add(ACCEPTED)
        assert not writer.add(replace(ACCEPTED, note="again"))
    with Writer(table) as writer:
        assert not writer.add(ACCEPTED)
        assert writer.add(said("a2"))
    assert [v.id for v in read_verdicts(table)] == ["a1", "a2"]
    table.write_text(table.read_text() + line_of(replace(ACCEPTED, note="third")), "utf-8")
    assert [v.note for v in read_verdicts(table)] == [ACCEPTED.note] * 2


def test_threads_lose_nothing(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    with Writer(table) as writer:
        threads = [
            threading.Thread(target=lambda k=k: [writer.add(said(f"{k}.{n}")) for n in range(25)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {v.id for v in read_verdicts(table)} == {f"{k}.{n}" for k in range(4) for n in range(25)}


def test_two_writers_are_refused_in_one_line(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    with Writer(table), pytest.raises(StoreError, match="are being written to it already"):
        Writer(table).__enter__()
    with Writer(table) as writer:
        writer.add(ACCEPTED)
    assert [path.name for path in tmp_path.iterdir()] == [table.name]
    with pytest.raises(OutputError, match="closed"):
        writer.add(said("a2"))


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_torn_last_line_costs_nothing_that_was_confirmed(tmp_path: Path, cut: int) -> None:
    table = tmp_path / "t.verdicts.csv"
    torn = line_of(said("a2", note="日本")).encode()[:-cut]
    table.write_bytes(HEADER.encode() + line_of(ACCEPTED).encode() + torn)
    whole = cut == 1  # but for its end
    assert [v.id for v in read_verdicts(table)] == ["a1", "a2"][: 1 + whole]
    with Writer(table) as writer:
        assert writer.add(said("a2")) is not whole
    assert [v.id for v in read_verdicts(table)] == ["a1", "a2"]


def test_half_a_letter_and_zeros_at_the_end_are_torn_too(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    for tail in (line_of(said("a2", note="日本")).encode()[:-3], bytes(40), b"\x81\x8d"):
        table.write_bytes(HEADER.encode() + line_of(ACCEPTED).encode() + tail)
        assert read_verdicts(table) == [ACCEPTED]
        with Writer(table) as writer:
            assert writer.verdicts == [ACCEPTED]
        assert table.read_bytes() == HEADER.encode() + line_of(ACCEPTED).encode()


def test_a_table_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    for begun in ("", HEADER[:9], HEADER):
        table.write_text(begun)
        assert read_verdicts(table) == []
        with Writer(table) as writer:
            writer.add(ACCEPTED)
        assert read_verdicts(table) == [ACCEPTED]


def test_a_killed_writer_loses_no_confirmed_verdict(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.test_verdicts import said\n"
        "from avianvox.verdicts.writing import Writer\n"
        "with Writer(Path(sys.argv[1])) as table:\n"
        "    for n in range(100_000):\n"
        "        table.add(said(str(n)))\n"
        "        print(n, flush=True)\n"
    )
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code, str(table)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(300)]
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        confirmed += [int(line) for line in process.stdout if line.endswith("\n")]
    with Writer(table) as writer:
        ids = [int(v.id) for v in writer.verdicts]
    assert ids == list(range(len(ids)))
    assert len(ids) >= len(confirmed) >= 300


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "t.verdicts.csv"
    with Writer(table) as writer:
        writer.add(ACCEPTED)
        before = table.read_bytes()

        def fail(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fail)
            with pytest.raises(OutputError, match="the disk is full"):
                writer.add(said("a2"))
        assert table.read_bytes() == before
        assert writer.add(said("a2"))


def test_a_table_that_was_replaced_takes_no_verdicts_into_nowhere(tmp_path: Path) -> None:
    table = tmp_path / "t.verdicts.csv"
    with Writer(table) as writer:
        table.rename(tmp_path / "other.csv")
        with pytest.raises(OutputError, match="moved or replaced"):
            writer.add(ACCEPTED)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,2026-05-01", "line 2: expected 16 cells"),
        (line_of(ACCEPTED).replace(",accepted,", ",acepted,"), "got 'acepted'; did you mean 'accepted'"),
        (line_of(ACCEPTED).replace("1.500", "early"), "line 2: start_s: expected a number, got 'early'"),
        (line_of(ACCEPTED).replace("+00:00", ""), "expected ISO 8601 with an offset"),
        (line_of(ACCEPTED).replace("4.250", "1.000"), "expected 0 <= start_s <= end_s"),
        (line_of(ACCEPTED).replace("a1,", ","), "line 2: id: expected a text"),
        (line_of(said("a", Said.OTHER)).replace("Pica pica", ""), "species: expected a scientific name"),
        (line_of(ACCEPTED).replace("0.8750", "8.750"), "score: expected a number from 0 to 1"),
    ],
)
def test_what_is_no_verdict_is_said_in_one_line(tmp_path: Path, line: str, expected: str) -> None:
    table = tmp_path / "t.verdicts.csv"
    table.write_text(HEADER + line.rstrip("\n") + "\n" + line_of(said("a2")))
    with pytest.raises(InputError) as error:
        read_verdicts(table)
    assert expected in str(error.value)
    assert str(error.value).startswith(str(table))


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for text in ("path,label\na.wav,x\n", HEADER.replace("id,time", "time,id"), "hello"):
        table.write_text(text)
        with pytest.raises(InputError):
            Writer(table).__enter__()
        assert table.read_text() == text
    with pytest.raises(InputError, match=r"cannot read the verdicts .*No such file"):
        read_verdicts(tmp_path / "none.csv")


def test_several_tables_are_one_in_order_of_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.verdicts.csv", tmp_path / "b.verdicts.csv"
    late = said("late", time="2026-05-02T06:00:00Z")
    for table, rows in ((first, [late, ACCEPTED]), (second, [ACCEPTED, said("b", reviewer="Bo")])):
        with Writer(table) as writer:
            for row in rows:
                writer.add(row)
    assert [v.id for v in read_tables([first, second])] == ["a1", "b", "late"]
    assert [v.id for v in read_tables([first])] == ["late", "a1"]


def ids(*verdicts: Verdict) -> list[str]:
    return [word.verdict.id for word in standing(verdicts)]


def test_the_last_word_of_a_reviewer_holds() -> None:
    assert ids(said("1"), said("2", Said.NOISE)) == ["2"]
    assert ids(said("1"), said("2", reviewer="Bo"), said("3", Said.NOISE)) == ["3", "2"]
    assert ids(said("1"), said("2", start_s=1.6)) == ["1", "2"]
    assert ids(said("1"), said("2", start_s=1.50049)) == ["2"]
    assert ids(said("1"), said("2", suggested="Pica pica")) == ["1", "2"], "two species in one span"


def test_undoing_brings_back_what_was_said_before() -> None:
    one, two = said("1"), said("2", Said.NOISE, replaces="1")
    undo = said("3", Said.UNDONE, replaces="2")
    assert ids(one, two, undo) == ["1"]
    assert ids(one, two, undo, said("4", Said.UNDONE, replaces="3")) == ["2"]
    assert ids(one, said("5", Said.UNDONE, replaces="1")) == []
    assert ids(one, said("5", Said.UNDONE, replaces="1", reviewer="Bo")) == ["1"]
    assert ids(one, two, undo, said("6", Said.OTHER, replaces="1")) == ["6"]


def test_a_moved_box_answers_the_event_that_was_shown() -> None:
    moved = said("2", replaces="1", start_s=2.0, end_s=5.0)
    again = said("3", replaces="2", start_s=2.5, end_s=5.0)
    (word,) = standing([said("1"), moved, again])
    assert (word.verdict.start_s, word.event.start_s) == (2.5, 1.5)
    (word,) = standing([said("1", seconds=7.0), replace(moved, seconds=None)])
    assert word.seconds == 7.0, "the line that moves the box took no time of its own"
    assert ids(said("1"), moved, again, said("4", Said.UNDONE, replaces="3")) == ["2"]
    assert ids(said("1"), replace(moved, reviewer="Bo")) == ["1", "2"]


def test_names_are_what_is_heard() -> None:
    assert ACCEPTED.names == ("Turdus merula", "Pica pica")
    assert said("2").names == ("Turdus merula",)
    assert said("3", Said.OTHER).names == ("Pica pica",)
    assert said("4", Said.NOISE).names == said("5", Said.UNSURE).names == ()
