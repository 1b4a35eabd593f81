"""Every known way in which a recorder writes the time into a comment or a name, one row each."""

from pathlib import Path

import pytest
from recorder_files import info, wave

from avianvox.audio.audiomoth import comment_notes
from avianvox.audio.field_notes import FieldNotes, read_field_notes
from avianvox.audio.names import name_notes

MOTH = "24E1440360371ACA"
COMMENTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    # firmware 1.0: no zone (the clock knows UTC only), two digits behind the point
    (
        "Recorded at 19:17:30 06/04/2018 by AudioMoth 0FE081F80FE081F0 at gain setting 2 "
        "while battery state was 4.55V",
        "2018-04-06T19:17:30.000+00:00",
        {"recorder": "", "gain": "2", "battery_v": 4.55},  # no serial number but the address of one
    ),
    # firmware 1.0, an empty battery
    (
        "Recorded at 00:00:00 01/01/2018 by AudioMoth 0FE081F80FE081F0 at gain setting 0 "
        "while battery state was < 3.6V",
        "2018-01-01T00:00:00.000+00:00",
        {"battery_v": 3.6, "battery_bound": "less than"},
    ),
    # firmware 1.0.1
    (
        f"Recorded at 10:25:00 04/04/2020 (UTC) by AudioMoth {MOTH} at gain setting 2 "
        "while battery state was 4.7V",
        "2020-04-04T10:25:00.000+00:00",
        {"recorder": MOTH, "battery_v": 4.7, "battery_bound": "", "temperature_c": None},
    ),
    # firmware 1.2: whole hours; day before month, or this would be the 12th of June
    (
        f"Recorded at 10:06:19 06/12/2019 (UTC-6) by AudioMoth {MOTH} at gain setting 3 "
        "while battery state was 4.2V.",
        "2019-12-06T10:06:19.000-06:00",
        {"gain": "3"},
    ),
    # firmware 1.2.1
    (
        f"Recorded at 10:06:19 06/12/2019 (UTC+10) by AudioMoth {MOTH} at gain setting 3 while battery state "
        "was greater than 4.9V. Recording cancelled before completion due to low battery voltage.",
        "2019-12-06T10:06:19.000+10:00",
        {"battery_v": 4.9, "battery_bound": "greater than"},
    ),
    # firmware 1.2.2: minutes, which it pads with a blank
    (
        f"Recorded at 10:06:19 06/12/2019 (UTC+5: 5) by AudioMoth {MOTH} at gain setting 3 "
        "while battery state was 4.2V.",
        "2019-12-06T10:06:19.000+05:05",
        {},
    ),
    # firmware 1.4: temperature, an extended scale of the battery, triggers
    (
        f"Recorded at 10:06:19 06/12/2020 (UTC) by AudioMoth {MOTH} at medium gain setting while battery "
        "state was 4.2V and temperature was 19.6C.",
        "2020-12-06T10:06:19.000+00:00",
        {"gain": "medium", "temperature_c": 19.6, "recorder": MOTH, "model": "AudioMoth"},
    ),
    (
        f"Recorded at 23:59:59 31/12/2020 (UTC+5:30) by AudioMoth {MOTH} at low-medium gain setting while "
        "battery state was less than 2.5V and temperature was -3.2C. Amplitude threshold was 160.",
        "2020-12-31T23:59:59.000+05:30",
        {"gain": "low-medium", "battery_v": 2.5, "battery_bound": "less than", "temperature_c": -3.2},
    ),
    # minutes without an hour
    (
        f"Recorded at 10:06:19 06/12/2020 (UTC-0:30) by AudioMoth {MOTH} at high gain setting while battery "
        "state was 4.2V and temperature was 19.6C.",
        "2020-12-06T10:06:19.000-00:30",
        {},
    ),
    # firmware 1.6: deployments, external microphones
    (
        "Recorded at 10:06:19 06/12/2020 (UTC) during deployment EEC909D42565A5F0 using external microphone "
        "at medium-high gain setting while battery state was 4.2V and temperature was 19.6C.",
        "2020-12-06T10:06:19.000+00:00",
        {"deployment": "EEC909D42565A5F0", "microphone": "external", "gain": "medium-high", "recorder": MOTH},
    ),
    # firmware 1.8: other words
    (
        f"Recorded at 10:06:19 06/12/2022 (UTC) by AudioMoth {MOTH} at medium gain while battery was greater "
        "than 4.9V and temperature was 19.6C. Frequency trigger (8.0kHz and window length of 16 samples) "
        "threshold was 0.1% with 0s minimum trigger duration. Recording stopped by magnetic switch.",
        "2022-12-06T10:06:19.000+00:00",
        {"gain": "medium", "battery_v": 4.9, "battery_bound": "greater than", "temperature_c": 19.6},
    ),
)
"""Comment, begin, facts. Wordings: AudioMoth-Firmware-Basic, main.c, setHeaderComment of each version."""


@pytest.mark.parametrize(("comment", "begin", "facts"), COMMENTS)
def test_comments_of_every_firmware(
    tmp_path: Path, comment: str, begin: str, facts: dict[str, object]
) -> None:
    path = wave(tmp_path / "any.wav", info(ICMT=comment, IART=f"AudioMoth {MOTH}"))
    if "0FE081F80FE081F0" in comment:
        path = wave(path, info(ICMT=comment))
    notes = read_field_notes(path)
    assert notes.time_at(0) == begin
    assert notes.time_source == "audiomoth comment"
    assert {name: getattr(notes, name) for name in facts} == facts
    assert notes.remarks == ()


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "Recorded at dawn by me",
        "Recorded at 10:06:19 06/12/2020 (UTC) by a friend",
        "by AudioMoth 24E1440360371ACA",
    ],
)
def test_other_comments_say_nothing(comment: str) -> None:
    assert comment_notes(comment) == FieldNotes()


def test_a_zone_without_a_sign_is_not_known() -> None:
    """Firmware 1.2.2 wrote minutes alone so, whichever way they went."""
    assert comment_notes(COMMENTS[2][0].replace("(UTC)", "(UTC:30)")).time_at(0) == "2020-04-04T10:25:00.000"


def test_a_date_that_does_not_exist_is_no_date() -> None:
    comment = COMMENTS[6][0].replace("06/12", "31/02")
    assert (comment_notes(comment).begin, comment_notes(comment).recorder) == (None, MOTH)


NAMES = (
    # AudioMoth: local time of the clock, of which the name tells no zone
    ("20201206_100619.WAV", "2020-12-06T10:06:19.000", "audiomoth file name", ""),
    ("20201206_100619T.WAV", "2020-12-06T10:06:19.000", "audiomoth file name", ""),  # triggered
    ("20201206_100619.flac", "2020-12-06T10:06:19.000", "audiomoth file name", ""),  # converted
    # newer firmware may put the device in front
    ("24E1440360371ACA_20230519_140000T.WAV", "2023-05-19T14:00:00.000", "audiomoth file name", MOTH),
    ("5B3C1A80.WAV", "2018-07-04T00:53:20.000+00:00", "audiomoth file name", ""),  # older: Unix time
    ("5F16A04E.WAV", "2020-07-21T07:59:10.000+00:00", "audiomoth file name", ""),  # OpenSoundscape's test
    ("5b3c1a80.wav", "2018-07-04T00:53:20.000+00:00", "audiomoth file name", ""),
    # Song Meter Mini 2, SM3BAT (channels, clock set by GPS) and SMART (microseconds) user guides
    ("WALDEN_20240601_140505.wav", "2024-06-01T14:05:05.000", "song meter file name", "WALDEN"),
    ("SITE_A_0+1_20161023_195550.wav", "2016-10-23T19:55:50.000", "song meter file name", "SITE_A"),
    ("ARIZONA-1_20161023$195550.wac", "2016-10-23T19:55:50.000", "song meter file name", "ARIZONA-1"),
    ("S_20161023_195550_250000.wav", "2016-10-23T19:55:50.250", "song meter file name", "S"),
    # BAR
    ("20200312T235900+1000_REC.flac", "2020-03-12T23:59:00.000+10:00", "iso file name", ""),
    ("S20240815T060322.604609+1000_E20240815T061258.1+1000_-27.4+152.9.wav",
     "2024-08-15T06:03:22.605+10:00", "iso file name", ""),
    ("20200312T235900Z.wav", "2020-03-12T23:59:00.000+00:00", "iso file name", ""),
    # pieces from an acoustic workbench
    ("dalby_bush_01_2980_702775_20201222_180530_30_0.flac",
     "2020-12-22T18:05:30.000+00:00", "workbench file name", ""),
    ("site_2_31_20201222_180530_30.wav", "2020-12-22T18:05:30.000+00:00", "workbench file name", ""),
    # nothing is guessed
    ("20201206_100619_part2.wav", "", "", ""),  # a piece of a longer one
    ("20201306_100619.WAV", "", "", ""),  # month 13
    ("20201206_250000.WAV", "", "", ""),  # hour 25
    ("20201206.wav", "", "", ""),  # a date, though eight hexadecimal digits
    ("57001234.WAV", "", "", ""),  # any number: eight decimal digits say nothing alone
    ("7B3C1A80.WAV", "", "", ""),  # of the year 2035; firmware since 1.2 writes dates
    ("DEADBEEF.wav", "", "", ""),  # of the year 2088
    ("5B3C1A80.mp3", "", "", ""),
    ("XC156985.mp3", "", "", ""),
    ("recording.wav", "", "", ""),
)  # fmt: skip
"""Name, begin, source, recorder."""


@pytest.mark.parametrize(("name", "begin", "source", "recorder"), NAMES)
def test_names_of_files(name: str, begin: str, source: str, recorder: str) -> None:
    notes = name_notes(name)
    assert (notes.time_at(0), notes.time_source, notes.recorder) == (begin, source, recorder)
    assert bool(notes.remarks) == name.endswith("T.WAV")


def test_the_name_of_a_bar_holds_its_position() -> None:
    notes = name_notes(next(name for name, *_ in NAMES if "_E2024" in name))
    assert (notes.latitude, notes.longitude) == (-27.4, 152.9)


def test_decimal_digits_are_a_time_beside_hexadecimal_ones_of_the_same_day(tmp_path: Path) -> None:
    path = tmp_path / "58391880.WAV"
    assert read_field_notes(path).begin is None
    (tmp_path / "5B3C1A80.WAV").touch()  # two years later
    (tmp_path / "58391990.WAV").touch()  # as little certain
    assert read_field_notes(path).begin is None
    (tmp_path / "58391A80.WAV").touch()
    notes = read_field_notes(path)
    assert (notes.time_at(0), notes.time_source) == ("2016-11-26T05:07:12.000+00:00", "audiomoth file name")
