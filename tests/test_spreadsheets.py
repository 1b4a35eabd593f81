"""Tables that a spreadsheet opens: no name in them becomes a formula."""

import csv
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from table_rows import NIGHT

from avianvox.cli.convert import convert
from avianvox.errors import InputError, MissingExtraError
from avianvox.inference.period_table import SUMMARY_COLUMNS, summarise, write_summary
from avianvox.tables import spreadsheet
from avianvox.tables.columns import COLUMNS
from avianvox.tables.formats import EVERY_ROW, FORMATS, READ_ONLY, STREAMS, form_of, read_table, write_table
from avianvox.tables.native import typed_rows
from avianvox.tables.spreadsheet import CsvFormat

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")')
CSV = [name for name in FORMATS if issubclass(FORMATS.get(name), CsvFormat)]


def cells_of(path: Path) -> list[tuple[object, ...]]:
    (sheet,) = openpyxl.load_workbook(path).worksheets
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


def test_a_sheet_holds_what_the_table_holds(tmp_path: Path) -> None:
    write_table(NIGHT, tmp_path / "t.xlsx", "xlsx", about={"model": "caribbean"})
    header, *rows = cells_of(tmp_path / "t.xlsx")
    assert header == COLUMNS
    expected = [tuple(None if v is None or v == "" else v for v in row) for row in typed_rows(NIGHT)]
    assert rows == expected
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.custom_doc_props["avianvox.model"].value == "caribbean"


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_is_always_a_text(name: str, tmp_path: Path) -> None:
    write_table([replace(NIGHT[0], scientific_name=name, path=name)], tmp_path / "t.xlsx", "xlsx")
    (sheet,) = openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets
    for cell in (sheet.cell(2, COLUMNS.index(column) + 1) for column in ("scientific_name", "path")):
        assert (cell.value, cell.data_type) == (name, "s")


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(NIGHT, tmp_path / f"{name}.xlsx", "xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_counts_by_hour_may_be_a_sheet(tmp_path: Path) -> None:
    write_summary(summarise(NIGHT[:2], by="hour"), tmp_path / "t.xlsx", "xlsx")
    assert cells_of(tmp_path / "t.xlsx")[0] == tuple(column.name for column in SUMMARY_COLUMNS)


def test_what_a_sheet_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="row 1, column 'message': a cell of a sheet holds 32,767"):
        write_table([replace(NIGHT[3], message="x" * 40_000)], tmp_path / "t.xlsx", "xlsx")
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 3)
    with pytest.raises(InputError, match="a sheet holds 3 rows"):
        write_table(NIGHT, tmp_path / "t.xlsx", "xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_is_not_read_back(tmp_path: Path) -> None:
    write_table(NIGHT, tmp_path / "t.xlsx", "xlsx")
    with pytest.raises(InputError, match=r"t\.xlsx: a spreadsheet is not read back; save the sheet as CSV"):
        list(read_table(tmp_path / "t.xlsx"))


def test_a_sheet_without_its_package_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'avianvox\[xlsx\]'"):
        write_table(NIGHT, tmp_path / "t.xlsx", "xlsx")


@pytest.mark.parametrize("name", CSV)
@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_is_defused_on_request_alone(name: str, formula: str, tmp_path: Path) -> None:
    row = replace(NIGHT[0], scientific_name=formula, common_name=formula, path=f"night/{formula}")
    row = replace(row, latitude=-18.25, longitude=None)
    found = {}
    for safe in (False, True):
        form_of(name, spreadsheet=safe).write([row], tmp_path / "t.csv")
        with open(tmp_path / "t.csv", encoding="utf-8", newline="") as stream:
            found[safe] = list(csv.reader(stream))[1]
    dangerous = [cell for cell in found[False] if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert formula.strip() in {cell.strip() for cell in dangerous}  # as it is, so that names join
    left = [cell for cell in found[True] if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert left == (["-18.250000"] if name in ("csv", "kaleidoscope", "birdnet") else [])
    assert [cell.removeprefix("'") for cell in found[True]] == found[False]


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in (*CSV, *READ_ONLY)])
def test_where_a_text_is_no_formula_the_option_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"--spreadsheet is for CSV.*not for {name}"):
        form_of(name, spreadsheet=True)


def test_convert_defuses_files_and_standard_output(tmp_path: Path) -> None:
    write_table([replace(NIGHT[0], scientific_name="=1+1")], tmp_path / "t.csv", "csv")
    done = CliRunner().invoke(convert, [str(tmp_path / "t.csv"), "-", "--to", "csv", "--spreadsheet"])
    assert (done.exit_code, ",'=1+1," in done.stdout) == (0, True)
    out = tmp_path / "safe.csv"
    assert CliRunner().invoke(convert, [str(tmp_path / "t.csv"), str(out), "--spreadsheet"]).exit_code == 0
    assert out.read_text() == done.stdout


def test_formats_that_keep_every_row_are_listed() -> None:
    assert set(STREAMS) < set(EVERY_ROW) <= set(FORMATS)
