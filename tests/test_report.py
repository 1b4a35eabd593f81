"""The report of a small cross-validation: what is written, what it loads (nothing), what a browser says."""

import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from avianvox.cli.report import report as command
from avianvox.errors import RunError
from avianvox.evaluation.run_folder import FOLDER
from avianvox.evaluation.saved_run import SavedRun
from avianvox.report.build import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECTIONS = [
    *("summary", "ladder", "audit", "confusion", "hierarchy", "curves", "calibration", "thresholds"),
    *("automation", "mistakes", "classes", "learning", "crops", "durations", "data", "settings"),
]


@pytest.fixture(scope="module")
def folder(tiny_crossval: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(SavedRun.open(tiny_crossval), out, n_clips=2)
    return out


class Resources(HTMLParser):
    """Addresses that a page would load by itself, and those that a click leads to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(page)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        for key, value in attributes:
            if key == "id":
                self.ids.add(value or "")
            if key in ("src", "href", "srcset", "poster", "data", "action", "background"):
                (self.links if name == "a" else self.loaded).append(value or "")


def test_everything_is_written(folder: Path) -> None:
    values = json.loads((folder / "report.json").read_text())
    assert list(values["sections"]) == SECTIONS
    assert values["grouping"] == "session"
    text = (folder / "report.md").read_text()
    pictures = set(re.findall(r"\]\((figures/[^)]+)\)", text))
    assert pictures == {f"figures/{path.name}" for path in (folder / "figures").iterdir()}
    page = (folder / "report.html").read_text()
    assert re.findall(r"<b>((?:Table|Figure) \d+)\.", page) == re.findall(
        r"\*\*((?:Table|Figure) \d+)\.", text
    )
    assert page.count("<audio") == page.count('src="data:audio/') > 0


def test_the_same_run_gives_the_same_bytes(folder: Path, tiny_crossval: Path, tmp_path: Path) -> None:
    write_report(SavedRun.open(tiny_crossval), tmp_path, n_clips=2)
    for file in ("report.html", "report.md", "report.json"):
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


def test_figures_are_those_of_the_run(folder: Path, tiny_crossval: Path) -> None:
    run = SavedRun.open(tiny_crossval)
    values = json.loads((folder / "report.json").read_text())
    model, sections = values["model"], values["sections"]
    assert sections["ladder"]["models"] == run.figures["models"]
    counts = sections["confusion"]["counts"]["session"]
    right = sum(row[k] for k, row in enumerate(counts))
    accuracy = right / sum(map(sum, counts))
    by_level = run.figures["models"][model]["groupings"]["session"]
    assert accuracy == pytest.approx(by_level["recording"]["accuracy"]["pooled"])
    rows = [line.split(" | ") for line in (folder / "report.md").read_text().splitlines()]
    (row,) = [row for row in rows if row[0] == f"| {model}" and len(row) == 8]
    assert row[-1] == f"{by_level['window']['accuracy']['pooled']:.3f} |"
    assert sections["hierarchy"]["session"]["right"]["species"] == pytest.approx(accuracy)


def test_what_says_nothing_is_left_out(folder: Path, tiny_crossval: Path) -> None:
    """Of few classes the first five names; of folds without held-out recordings, when training stops."""
    text = (folder / "report.md").read_text()
    assert len(SavedRun.open(tiny_crossval).labels) in (4, 5)
    assert "top 3" in text
    assert "top 5" not in text
    assert "top-5" not in text
    assert "learning rate" in text
    assert "patience" not in text
    heads = [line.split(" | ")[:3] for line in text.splitlines() if line.startswith("| model | gap")]
    assert heads == [["| model", "gap", "session folds"]]


def test_the_page_loads_nothing(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    found = Resources(page)
    assert found.loaded
    assert all(address.startswith("data:") for address in found.loaded)
    inside = [link[1:] for link in found.links if link.startswith("#")]
    assert set(inside) == set(SECTIONS[1:]) <= found.ids
    style, script = (re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL) for name in ("style", "script"))
    assert not any(word in text for text in style for word in ("url(", "@import"))
    assert not any(word in text for text in script for word in ("fetch(", "XMLHttpRequest", "import("))
    assert "default-src 'none'" in unescape(page)


PROBE = """<script>
addEventListener("load", () => setTimeout(() => {
  const cells = document.querySelector(".confusion svg"), box = cells.getBoundingClientRect();
  const n = document.querySelectorAll(".grid .rows span").length;
  const at = { clientX: box.left + box.width / n / 2, clientY: box.top + box.height / n / 2, bubbles: true };
  cells.dispatchEvent(new PointerEvent("click", at));
  const told = document.querySelector(".readout").textContent, before = box.width;
  document.querySelector("[data-zoom=in]").click();
  const after = document.querySelector(".confusion svg").getBoundingClientRect().width;
  const order = document.querySelector("[data-choice=order]");
  order.value = "confusion";
  order.dispatchEvent(new Event("change"));
  document.querySelector("thead th.num").click();
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 40));
  const rows = document.querySelectorAll(".grid .rows span").length;
  const sorted = document.querySelector("thead th.num").ariaSort;
  const found = { told, larger: after > before, rows, sorted, wide, loaded, errors };
  document.documentElement.dataset.found = JSON.stringify(found);
}, 300));
</script>"""
ERRORS = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(String(event.message || event.target.outerHTML)), true);
addEventListener("securitypolicyviolation", (event) => errors.push(event.violatedDirective));
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_runs_it_without_errors_or_requests(folder: Path, tmp_path: Path, width: int) -> None:
    page = (folder / "report.html").read_text()
    page = page.replace("<head>", f"<head>{ERRORS}", 1).replace("</body>", f"{PROBE}</body>")
    (tmp_path / "page.html").write_text(page)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-sync",
        "--disable-quic",
    ]
    options += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom"]
    address = (tmp_path / "page.html").as_uri()
    command = [str(CHROMIUM), *options, "--virtual-time-budget=5000", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    dom = re.search(r'data-found="([^"]*)"', done.stdout)
    assert dom, "the page's script did not finish"
    found = json.loads(unescape(dom[1]))
    assert found["errors"] == []
    assert found["loaded"] == []
    assert re.search(r" named correctly: \d+ of 4 recordings \(\d+ %\)", found["told"])
    assert found["larger"]
    assert found["rows"] == 4
    assert found["sorted"] == "descending"
    assert found["wide"] <= 0, "the page is wider than the screen"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_the_command_writes_and_says_what_is_left_out(tiny_crossval: Path, tmp_path: Path) -> None:
    done = run(
        str(tiny_crossval), "--out", str(tmp_path / "r"), "--clips", "0", "--model", "gnb_pixels", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["model"] == "gnb_pixels"
    assert "left out: Most confident mistakes" in done.stderr
    assert "<audio" not in (tmp_path / "r" / "report.html").read_text()


def test_a_report_within_its_run_does_not_keep_the_run_from_being_made_anew(
    tiny_crossval: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "run"
    shutil.copytree(tiny_crossval, moved, ignore=shutil.ignore_patterns("features-*"))
    assert run(str(moved), "--clips", "0").exit_code == 0
    assert (moved / "report" / "report.html").is_file()
    FOLDER.erase(moved)
    FOLDER.refuse_foreign(moved)


def test_a_model_that_is_not_there_is_named(tiny_crossval: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gnb_mfc.*gnb_mfcc"):
        write_report(SavedRun.open(tiny_crossval), tmp_path / "none", model="gnb_mfc")
    assert not (tmp_path / "none").exists()


def test_a_lost_recording_costs_its_sound_alone(tiny_crossval: Path, tmp_path: Path) -> None:
    moved = tmp_path / "run"
    shutil.copytree(tiny_crossval, moved, ignore=shutil.ignore_patterns("features-*"))
    listed = (moved / "catalog.json").read_text()
    (moved / "catalog.json").write_text(listed.replace(".flac", ".gone"))
    write_report(SavedRun.open(moved), tmp_path / "report", n_clips=2)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Sound not available" in page
    assert "bright part" not in page
    assert "Uncalibrated score" in page
    assert "<audio" not in page
