"""The folder of an overview: page, pictures and tables, also of seasons that lack something."""

import csv
import json
import re
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_season import OTUS, TODUS, recording, small_season, verdict

from avianvox.cli.main import main
from avianvox.errors import MissingExtraError
from avianvox.overview.days import Clock
from avianvox.overview.season import Asked, read_season
from avianvox.overview.soundscape import listen, pictures
from avianvox.overview.written import Drawn, write_overview
from avianvox.pages.plot import Axis, Plot
from avianvox.pages.raster import png_of
from avianvox.tables.formats import write_table
from avianvox.types import Detection
from avianvox.verdicts.table import HEADER, Said, line_of

RATE = 22_050


def table(folder: Path, rows: list[list[Detection]] | None = None, name: str = "season.csv") -> Path:
    found = small_season() if rows is None else rows
    write_table((row for one in found for row in one), folder / name, "csv")
    return folder / name


def run(*call: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["overview", *map(str, call)])
    return ended.value.code  # type: ignore[return-value]


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_page_pictures_tables_and_histories(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(table(tmp_path), "--out", out, "--visit", "night") == 0
    said = capsys.readouterr()
    assert said.out == f"{out / 'overview.html'}\n"
    assert said.err == "2 species, 6 calls, 3.5 h in 6 recordings at 2 sites\n"
    keys = ["activity", "activity_Otus_ater", "calls_Todus_mexicanus", "species_by_site", "species_by_date"]
    for key in [*keys, "accumulation", "recorders"]:
        assert (out / f"figures/{key}.svg").read_text().startswith("<svg xmlns"), key
        assert (out / f"figures/{key}.png").read_bytes().startswith(b"\x89PNG"), key
        assert rows_of(out / f"figures/{key}.csv"), key
    assert not (out / "figures/map.svg").exists()  # no site has a position
    assert json.loads((out / "overview.json").read_text())["recorded_h"] == 3.5
    species = rows_of(out / "figures/species.csv")
    assert [(row["species"], row["calls"], row["days"], row["first"]) for row in species] == [
        (OTUS, "3", "1", "2024-05-01"),
        (TODUS, "3", "2", "2024-05-01"),
    ]
    assert float(species[0]["calls_per_recorded_hour"]) == pytest.approx(3 / 3.5, abs=1e-4)


def test_a_page_needs_nothing_and_says_what_it_cannot_know(tmp_path: Path) -> None:
    run(table(tmp_path), "--out", tmp_path / "out", "--no-png")
    page = (tmp_path / "out/overview.html").read_text()
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert all(address.startswith(("data:", "figures/")) for address in loaded), loaded
    assert all((tmp_path / "out" / a).exists() for a in loaded if a.startswith("figures/"))
    for words in ("Not heard is not absent", "Nobody has verified them", "Uncertain, and not counted: 1."):
        assert words in page
    assert "No site has a position" in page
    assert not list((tmp_path / "out").rglob("*.png"))


def test_histories_are_read_back_as_occupancy_models_read_them(tmp_path: Path) -> None:
    """As ``unmarked::formatWide`` does: the site, then ``y.1`` to ``y.J``, then covariates in blocks of J."""
    pandas = pytest.importorskip("pandas")
    said = [verdict(1, Said.ACCEPTED, "A/a1.wav", 600.0, OTUS)]
    (tmp_path / "season.verdicts.csv").write_text(HEADER + "".join(map(line_of, said)))
    run(table(tmp_path), "--out", tmp_path / "out", "--visit", "night", "--no-png")
    frame = pandas.read_csv(tmp_path / "out/histories/Otus_ater.csv")
    names = list(frame.columns)
    y = [name for name in names if re.match(r"^y\.\d", name)]
    assert names[: 1 + len(y)] == ["site", *y]
    rest, blocks, sites = names[1 + len(y) :], {}, []
    while rest:
        stem = re.sub(r"\.\d+$", "", rest[0])
        if stem == rest[0]:
            sites.append(rest.pop(0))
            continue
        blocks[stem], rest = frame[rest[: len(y)]].to_numpy(), rest[len(y) :]
    assert sites == ["latitude", "longitude"]
    nan = np.nan
    np.testing.assert_array_equal(frame[y].to_numpy(), [[nan, 1, nan], [0, nan, 0]])
    np.testing.assert_array_equal(blocks["effort_h"], [[nan, 2.5, nan], [0.5, nan, 0.5]])
    np.testing.assert_array_equal(blocks["verified"], [[nan, 1, nan], [0, nan, 0]])
    assert np.array_equal(np.isnan(frame[y]), np.isnan(blocks["effort_h"]))
    long = pandas.read_csv(tmp_path / "out/histories/histories.csv")
    assert long.pivot(index=["species", "site"], columns="visit", values="y").loc[OTUS, "A"].tolist()[1] == 1
    visits = rows_of(tmp_path / "out/histories/visits.csv")
    assert visits[1] == {"visit": "2", "begin": "2024-05-01", "end": "2024-05-02"}
    page = (tmp_path / "out/overview.html").read_text()
    assert "Verified: 1 calls; rejected and left out: 0." in page
    assert "season.verdicts.csv" in page


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([recording("a.wav", "2024-05-01T05:00:00.000", 600.0, site="")], "No species was named."),
        ([recording("a.wav", "", 600.0, (OTUS, 3.0), site="A")], "No recording has a time"),
        ([recording("a.wav", "2024-05-01T05:00:00.000", None, (OTUS, 3.0), site="")], "Without a length"),
        ([recording("a.wav", "", None, site="A")], "No recording has a time"),
    ],
)
def test_seasons_that_lack_something_get_an_honest_page(
    rows: list[list[Detection]], words: str, tmp_path: Path
) -> None:
    assert run(table(tmp_path, rows), "--out", tmp_path / "out", "--no-png") == 0
    assert words in (tmp_path / "out/overview.html").read_text()


def test_a_table_without_rows_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table(tmp_path, []), "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "expected rows of recordings, found none" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/overview.html").write_text("mine")
    assert run(table(tmp_path), "--out", tmp_path / "mine", "--no-png") == 1
    assert "which no overview wrote" in capsys.readouterr().err
    assert (tmp_path / "mine/overview.html").read_text() == "mine"
    (tmp_path / "mine/overview.html").unlink()
    (tmp_path / "mine/figures").mkdir()
    (tmp_path / "mine/figures/mine.svg").write_text("mine")
    assert run(tmp_path / "season.csv", "--out", tmp_path / "mine", "--no-png") == 1
    assert "holds figures, which no overview wrote" in capsys.readouterr().err
    assert (tmp_path / "mine/figures/mine.svg").exists()


def test_an_overview_replaces_the_one_before_and_has_the_same_bytes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = [
        *small_season(),
        recording("C/c.wav", "2024-05-01T05:00:00.000-04:00", 60.0, ("Rara avis", 3.0), site="C"),
    ]
    run(table(tmp_path, rows), "--out", out, "--no-png")
    assert (out / "figures/activity_Rara_avis.svg").exists()
    run(table(tmp_path), "--out", out, "--no-png")
    assert not list(out.rglob("*Rara*"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    run(tmp_path / "season.csv", "--out", out, "--no-png")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_names_cannot_become_code_nor_paths(tmp_path: Path) -> None:
    name = "../<script>alert(1)</script>\x07"
    rows = [recording("a.wav", "2024-05-01T05:00:00.000", 600.0, (name, 3.0), site=name)]
    assert run(table(tmp_path, rows), "--out", tmp_path / "out") == 0
    page = (tmp_path / "out/overview.html").read_text()
    assert "<script>alert" not in page
    assert {path.parent.name for path in tmp_path.rglob("*.svg")} == {"figures"}


def test_png_needs_matplotlib_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    season = read_season(small_season(), Asked())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"drawing PNG \(or use --no-png\)"):
        write_overview(season, tmp_path / "out", Drawn(), sources=["a"], locate=Path)
    assert not (tmp_path / "out").exists()


def test_png_shows_what_the_svg_shows() -> None:
    from matplotlib.image import imread

    plot = Plot(Axis(0.0, 4.0), Axis(0.0, 2.0), title="t", left=40.0, top=20.0, width=200.0, height=150.0)
    plot.cells([(1.0, 2.0, 0.0, 1.0)], "h6")
    plot.cells([(3.0, 4.0, 1.0, 2.0)], "h1")
    plot.dot(0.5, 1.5, "s1", radius=5.0)
    pixels = (imread(BytesIO(png_of(plot.svg(), scale=3.0)))[..., :3] * 255).round().astype(int)
    assert pixels.shape == (450, 600, 3)

    def colour(x: float, y: float) -> str:
        return "".join(f"{c:02x}" for c in pixels[round(plot.at_y(y) * 3), round(plot.at_x(x) * 3)])

    assert (colour(1.5, 0.5), colour(3.5, 1.5), colour(0.5, 1.5)) == ("0a3a6b", "c9dcf0", "0a5ea8")
    assert colour(1.75, 1.75) == "ffffff"


def tone(path: Path, hz: float, amplitude: float, length_s: float = 30.0) -> None:
    path.parent.mkdir(exist_ok=True)
    t = np.arange(int(length_s * RATE)) / RATE
    soundfile.write(path, (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32), RATE, subtype="FLOAT")


def test_the_spectrogram_of_a_season_has_each_tone_in_its_band_and_minute(tmp_path: Path) -> None:
    sounds = (
        ("A/1.wav", 4000.0, 0.1, "05:00:10"),
        ("A/2.wav", 1000.0, 0.1, "05:02:10"),
        ("A/3.wav", 1000.0, 0.2, "06:00:00"),
    )
    rows = []
    for name, hz, amplitude, time in sounds:
        tone(tmp_path / name, hz, amplitude)
        rows.append(recording(str(tmp_path / name), f"2024-05-01T{time}.000", 30.0, (OTUS, 3.0), site="A"))
    rows.append(recording(str(tmp_path / "A/gone.wav"), "2024-05-01T07:00:00.000", 30.0, site="A"))
    season = read_season(rows, Asked())
    (found,), lost = listen(season, Path)
    assert lost == 1
    assert found.step_s == 60
    assert [int(begin) % 86_400 for begin in found.begins] == [5 * 3600, 5 * 3600 + 120, 6 * 3600]
    band = RATE / 2 / 64
    assert np.argmax(found.levels, axis=0).tolist() == [int(4000 / band), int(1000 / band), int(1000 / band)]
    peaks = found.levels.max(axis=0)
    assert peaks[2] - peaks[1] == pytest.approx(6.02, abs=0.05)
    assert found.calls.tolist() == [[1, 1, 1]]
    (picture,) = pictures(season, [found], lost, Clock(0))
    assert "left out: 1." in picture.caption


def test_of_many_hours_some_are_drawn_and_the_caption_says_so(tmp_path: Path) -> None:
    tone(tmp_path / "A/1.wav", 1000.0, 0.1, 5.0)
    begins = [f"2024-05-{day:02d}T05:00:00.000" for day in range(1, 31)]
    rows = [recording(f"A/{k}.wav", begin, 3600.0, site="A") for k, begin in enumerate(begins)]
    season = read_season(rows, Asked(listen_h=4.0))
    assert (season.sample.hours, season.sample.all_hours, len(season.sample.recordings)) == (4.0, 30.0, 4)
    assert read_season(rows[::-1], Asked(listen_h=4.0)).sample == season.sample
    found, _ = listen(season, lambda _: tmp_path / "A/1.wav")
    (picture,) = pictures(season, found, 0, Clock(0))
    assert "Drawn at random: 4.0 of 30.0 recorded hours." in picture.caption
    assert read_season(rows, Asked(listen_h=0.0)).sample.recordings == ()


def test_the_best_example_of_a_species_is_cut_with_its_sound(tmp_path: Path) -> None:
    tone(tmp_path / "A/1.wav", 2000.0, 0.1)
    rows = recording(
        str(tmp_path / "A/1.wav"), "2024-05-01T05:00:00.000", 30.0, (OTUS, 3.0), (OTUS, 12.0), site="A"
    )
    rows[0] = replace(rows[0], score=0.95)
    assert run(table(tmp_path, [rows]), "--out", tmp_path / "out", "--sites", sites(tmp_path)) == 0
    (example,) = rows_of(tmp_path / "out/figures/examples.csv")
    assert (example["begin_s"], example["score"], example["problem"]) == ("3.000", "0.9500", "")
    assert (tmp_path / "out/figures/example_Otus_ater_1.png").exists()
    assert (tmp_path / "out/figures/spectrogram_A.csv").exists()
    page = (tmp_path / "out/overview.html").read_text()
    assert page.count("<audio") == 1
    assert "66.100° W" in page  # a map of one site


def sites(folder: Path) -> Path:
    path = folder / "sites.csv"
    path.write_text("site,latitude,longitude\nA,18.25,-66.1\n")
    return path
