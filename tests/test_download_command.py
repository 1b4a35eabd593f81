"""``avianvox data download``: what it prints, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from fake_xeno_canto import KEY, FakeXenoCanto, row

from avianvox.cli.main import cli

QUERY = "gen:Vireo sp:latimeri q:A"
QUICK = ("--rate", "10000")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeXenoCanto]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XC_API_KEY", KEY)
    rows = [
        row(n, lic=f"//creativecommons.org/licenses/by-nc-{'nd' if n == 2 else 'sa'}/4.0/") for n in (1, 2, 3)
    ]
    with FakeXenoCanto(rows) as fake:
        monkeypatch.setenv("XC_API", fake.address)
        yield fake


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", "download", *map(str, arguments)])


def test_a_download(server: FakeXenoCanto, tmp_path: Path) -> None:
    result = run(QUERY, "--no-nd", *QUICK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "found: 3 recordings; left out: 1 no derivatives allowed",
        "chosen: 2 recordings of 1 species, 1.0 minutes",
        "fetched: 2 (0.0 MB); already there: 0; failed: 0",
        "wrote xc_gen_Vireo_sp_latimeri_q_A: recordings.json, SHA256SUMS, ATTRIBUTION.txt, audio/",
    ]
    again = json.loads(run(QUERY, "--no-nd", "--json", *QUICK).stdout)
    assert (again["there"], again["fetched"], again["species"]) == (2, 0, 1)
    result = run(QUERY, "--no-nd", "--per-species", 1, "--refresh", *QUICK)
    assert "files of an earlier choice: 1 in audio/, not listed" in result.stdout


def test_a_dry_run_lists_and_writes_nothing(server: FakeXenoCanto, tmp_path: Path) -> None:
    result = run(QUERY, "--dry-run", *QUICK)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1] == "XC2            30 s  A  Vireo latimeri, A. Recordist, CC BY-NC-ND 4.0"
    assert lines[-1] == "to fetch: about 1.5 MB"
    assert server.files_asked == []
    exact = json.loads(run(QUERY, "--dry-run", "--sizes", "--json", *QUICK).stdout)
    assert (exact["bytes"], exact["bytes_exact"]) == (sum(map(len, server.sounds.values())), True)
    assert (exact["seconds"], [r["id"] for r in exact["recordings"]]) == (90, ["XC1", "XC2", "XC3"])
    assert list(tmp_path.iterdir()) == []


def test_files_that_failed_are_listed(server: FakeXenoCanto) -> None:
    server.always("/2/download", "404")
    result = run(QUERY, "--out", "out", *QUICK)
    assert result.exit_code == 3
    assert result.stderr.splitlines() == ["failed: XC2: HTTP 404: trouble with /2/download"]
    assert "failed: 1" in result.stdout


def test_no_key_and_a_wrong_one(
    server: FakeXenoCanto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = "wrong+key"
    result = run(QUERY, "--key", wrong, *QUICK)
    for spelling in (wrong, quote(wrong), KEY):
        assert spelling not in f"{result.output}{result.exception}"
    assert "the server refuses the key" in str(result.exception)
    assert KEY not in run("-h").output
    monkeypatch.delenv("XC_API_KEY")
    assert "XC_API_KEY" in str(run(QUERY).exception)


def test_sizes_go_with_a_dry_run(server: FakeXenoCanto) -> None:
    assert run(QUERY, "--sizes").exit_code == 2
