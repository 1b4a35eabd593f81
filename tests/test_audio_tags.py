"""Chunks of notes: in every kind of WAV, wherever they stand, cut anywhere; GUANO beside its own package."""

import struct
from pathlib import Path

import guano
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from recorder_files import guan, info, wave

from avianvox.audio.field_notes import read_field_notes
from avianvox.audio.guano import guano_notes, parse_guano
from avianvox.audio.tags import Tags, read_tags
from avianvox.audio.wamd import wamd_notes

COMMENT = "Recorded at 10:06:19 06/12/2020 (UTC) by AudioMoth 24E1440360371ACA at medium gain"
SONG_METER = (
    "Timestamp: 2025-02-27T07:39:02+01:00",
    "Make: Wildlife Acoustics, Inc.",
    "Model: Song Meter Mini",
    "Serial: 2MA04827",
    "Firmware Version: 4.6",
    "Loc Position: 46.765390 8.738140",
    "Loc Elevation: 1447.5",
    "Temperature Int: -1.25",
    "Samplerate: 24000",
    "Length: 3597.99",
    "Note: above the lake\\nnear a cowshed: cows",
    "WA|Song Meter|Prefix: LAKE",
    'WA|Song Meter|Audio settings: [{"rate":24000,"gain":18}]',
)


@pytest.mark.parametrize("form", [b"RIFF", b"RF64"])
@pytest.mark.parametrize("behind", [False, True])
def test_chunks_before_and_behind_the_sound(tmp_path: Path, form: bytes, behind: bool) -> None:
    notes = (info(ICMT=COMMENT, IART="me"), guan("Timestamp: 2020-12-06T10:06:19Z"))
    path = wave(tmp_path / "a.wav", *(() if behind else notes), form=form, tail=notes if behind else ())
    tags = read_tags(path)
    assert tags.texts == {"comment": COMMENT, "artist": "me"}
    assert parse_guano(tags.guano)["Timestamp"] == "2020-12-06T10:06:19Z"


def test_chunks_behind_the_sound_of_a_large_file(tmp_path: Path) -> None:
    """An RF64 of more than 4 GB, nearly all of it a hole: its length stands in ds64."""
    path = tmp_path / "large.wav"
    n_bytes = 5 << 30
    ds64 = struct.pack("<QQQI", 0, n_bytes, n_bytes // 2, 0)
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    name, text = guan("Serial: 1")
    with open(path, "wb") as file:
        file.write(b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(ds64)) + ds64)
        file.write(b"fmt \x10\0\0\0" + fmt + b"data\xff\xff\xff\xff")
        file.seek(n_bytes, 1)
        file.write(name + struct.pack("<I", len(text)) + text)
    assert parse_guano(read_tags(path).guano)["Serial"] == "1"


def test_w64(tmp_path: Path) -> None:
    path = tmp_path / "a.w64"
    soundfile.write(path, np.zeros(8), 8000)
    _, text = guan("Serial: 1")
    with open(path, "ab") as file:
        file.write(b"guan" + bytes(12) + struct.pack("<Q", 24 + len(text)) + text)
    assert parse_guano(read_tags(path).guano)["Serial"] == "1"


def test_a_cut_anywhere_does_no_harm(tmp_path: Path) -> None:
    data = wave(tmp_path / "a.wav", info(ICMT=COMMENT), tail=(guan("Serial: 1"),)).read_bytes()
    path = tmp_path / "cut.wav"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        read_field_notes(path)
    path.write_bytes(data[:-2])
    assert read_field_notes(path).time_source == "audiomoth comment"


def test_a_header_that_was_never_completed_does_not_lead_into_the_sound(tmp_path: Path) -> None:
    """A recorder that lost its power leaves 0 for the size of the sound: silence has no end of chunks."""
    path = wave(tmp_path / "a.wav", info(ICMT=COMMENT))
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + bytes(4) + bytes(1 << 20) + b"guan\2\0\0\0no")
    assert (read_tags(path).guano, read_tags(path).texts) == ("", {"comment": COMMENT})


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_comments_of_other_formats(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with soundfile.SoundFile(path, "w", 44100, 1) as file:
        file.comment = COMMENT
        file.write(np.zeros(44100))
    assert read_tags(path).texts["comment"] == COMMENT
    assert read_field_notes(path).time_at(0) == "2020-12-06T10:06:19.000+00:00"


def test_what_is_no_sound_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    (tmp_path / "empty.wav").touch()
    for name in ("text.wav", "empty.wav", "missing.wav", "nul\0.wav", "."):
        assert read_tags(tmp_path / name) == Tags()


def test_a_song_meter(tmp_path: Path) -> None:
    notes = read_field_notes(wave(tmp_path / "a.wav", guan(*SONG_METER)))
    assert notes.time_at(3597.99) == "2025-02-27T08:38:59.990+01:00"
    assert (notes.latitude, notes.longitude, notes.elevation_m) == (46.76539, 8.73814, 1447.5)
    assert (notes.make, notes.model, notes.recorder) == (
        "Wildlife Acoustics, Inc.",
        "Song Meter Mini",
        "2MA04827",
    )
    assert (notes.temperature_c, notes.firmware) == (-1.25, "4.6")
    assert notes.note == "above the lake\nnear a cowshed: cows"


def test_the_guano_package_reads_the_same(tmp_path: Path) -> None:
    path = wave(tmp_path / "a.wav", guan(*SONG_METER))
    theirs = guano.GuanoFile(str(path))
    notes = guano_notes(read_tags(path).guano)
    assert notes.begin == theirs["Timestamp"]
    assert (notes.latitude, notes.longitude) == theirs["Loc Position"]
    assert notes.elevation_m == theirs["Loc Elevation"]
    assert notes.note == theirs["Note"]
    ours = parse_guano(read_tags(path).guano)
    assert set(ours) == {f"{space}|{key}".lstrip("|") for space, key, _ in theirs.items_namespaced()}


@pytest.mark.parametrize(
    "stamp",
    [
        "2016-12-06T10:06:19",
        "2016-12-06T10:06:19Z",
        "2016-12-06T10:06:19.123",
        "2016-12-06T10:06:19.123Z",
        "2016-12-06T10:06:19-07:00",
        "2016-12-06T10:06:19-0700",
        "2016-12-06T10:06:19+05:30",
        "2016-12-06T10:06:19.123+05:30",
        "2016-12-06 10:06:19+05:30",
    ],
)
def test_timestamps_of_guano_as_the_package_reads_them(stamp: str) -> None:
    theirs = guano.parse_timestamp(stamp)
    ours = guano_notes(f"GUANO|Version: 1.0\nTimestamp: {stamp}").begin
    assert ours is not None
    assert (ours.replace(tzinfo=None), ours.utcoffset()) == (theirs.replace(tzinfo=None), theirs.utcoffset())


@pytest.mark.parametrize(
    ("written", "volts", "bound"), [("4.2", 4.2, ""), ("2.4", 2.5, "less than"), ("5.0", 4.9, "greater than")]
)
def test_the_battery_of_an_audiomoth(written: str, volts: float, bound: str) -> None:
    """AudioMoth-Firmware-Basic, main.c, writeGuanoData: 2.4 and 5.0 stand for the ends of the scale."""
    notes = guano_notes(f"Make:Open Acoustic Devices\nOAD|Battery Voltage:{written}")
    assert (notes.battery_v, notes.battery_bound) == (volts, bound)


@pytest.mark.parametrize("stamp", ["2016-12-06", "yesterday", "06/12/2016 10:06:19", "0016-12-06T10:06:19"])
def test_a_timestamp_that_tells_no_time_is_none(stamp: str) -> None:
    assert guano_notes(f"Timestamp: {stamp}").begin is None


@pytest.mark.parametrize("place", ["91.0 8.0", "46.0 181", "46.0", "north east", "nan 8", ""])
def test_a_position_off_the_globe_is_none(place: str) -> None:
    notes = guano_notes(f"Loc Position: {place}")
    assert (notes.latitude, notes.longitude) == (None, None)


def wamd(*fields: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<HI", number, len(value)) + value for number, value in fields)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (b"WGS84,42.25000,N,71.50000,W,30", (42.25, -71.5, 30.0)),  # SM3, SM4
        (b"WGS84, 42.25, S, 71.5, E", (-42.25, 71.5, None)),
        (b"WGS84,42.25,-71.5,30", (42.25, -71.5, 30.0)),  # Echo Meter Touch
        (b"WGS84", (None, None, None)),
    ],
)
def test_older_song_meters(place: bytes, expected: tuple[float | None, ...]) -> None:
    notes = wamd_notes(
        wamd(
            (0, b"\1\0"),
            (1, b"SM4"),
            (2, b"S4A02641"),
            (5, b"2014-04-02 22:59:14-05:00"),
            (6, place),
            (0x0D, b"a voice note"),
            (0x15, b"12.3C"),
            (0xFFFF, b"\0"),
        )
    )
    assert notes.time_at(60) == "2014-04-02T23:00:14.000-05:00"
    assert (notes.time_source, notes.model, notes.recorder) == ("wamd", "SM4", "S4A02641")
    assert (notes.latitude, notes.longitude, notes.elevation_m) == expected
    assert notes.temperature_c == 12.3


@given(st.binary(max_size=64))
def test_nonsense_raises_nothing(noise: bytes) -> None:
    wamd_notes(noise)
    wamd_notes(struct.pack("<HI", 5, 19) + noise)
    guano_notes(noise.decode("latin-1"))
    guano_notes(f"Timestamp:{noise.decode('latin-1')}\nTE:{noise.decode('latin-1')}")
