"""The page of ``avianvox export --web`` in headless Chromium: its size, milliseconds a window, and by how
much its scores differ from the command's.

python benchmarks/browser.py RECORDING... [--model NAME|FILE]

The recordings are decoded once and handed over as WAV, so that both get the same PCM: at the model's rate,
and at 48 kHz, where each resamples for itself. Milliseconds stand beside those of the command's classifier,
measured in the same run. As they are comes last: browsers decode MP3 in their own way.
"""

import argparse
import csv
import gzip
import io
import os
import sys
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from avianvox.audio.decode import load_waveform
from avianvox.browser.site import write_site
from avianvox.inference.classifier import Classifier
from avianvox.modelfolder import DEFAULT_MODEL, find_model

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from browser import CHROMIUM, FLAGS
from static_server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page


def ask(page: "Page", files: list[Path]) -> tuple[list[dict[str, str]], list[dict[str, str]], list[float]]:
    """Rows of windows and recordings, and milliseconds a window of each file."""
    page.locator("#clear").evaluate("button => button.click()")
    page.locator("#file").set_input_files([str(path) for path in files])
    page.locator(".result[data-state]").nth(len(files) - 1).wait_for(timeout=3_600_000)
    times = [
        float(note.split(" ms each")[0].split()[-1])
        for note in page.locator(".note").all_inner_texts()
        if " ms each" in note
    ]
    tables = []
    for by in ("window", "recording"):
        page.locator("#by").select_option(by)
        with page.expect_download() as awaited:
            page.locator("#download").click()
        tables.append(list(csv.DictReader(io.StringIO(Path(awaited.value.path()).read_text()))))
    return tables[0], tables[1], times


def differences(rows: list[dict[str, str]], classifier: Classifier, files: list[Path]) -> np.ndarray:
    """Of the scores of the best three species of each window or recording."""
    by_name = {path.name: classifier.classify(path) for path in files}
    found = []
    for row in rows:
        if not row["score"]:
            continue
        answer = by_name[row["path"]]
        scores = answer.scores
        if row["begin_s"]:
            begin = round(float(row["begin_s"]) * answer.sample_rate)
            scores = min(answer.windows, key=lambda window: abs(window.first_sample - begin)).scores
        label = classifier.labels.index[row["scientific_name"]]
        found.append(abs(float(scores[label]) - float(row["score"])))
    return np.array(found)


def cpu_s(root: int) -> float:
    """CPU time of the processes below one, such as a browser's, in seconds; Linux alone."""
    parents, used = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            parents[int(entry.parent.name)] = int(fields[1])
            used[int(entry.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def below(process: int) -> bool:
        return process in parents and (parents[process] == root or below(parents[process]))

    return sum(seconds for process, seconds in used.items() if below(process))


def command_ms(classifier: Classifier, files: list[Path]) -> tuple[float, float]:
    """Milliseconds a window, of the clock and of the processor, decoding and features included."""
    begin, used, n = time.perf_counter(), time.process_time(), 0
    for path in files:
        n += len(classifier.classify(path).windows)
    return 1000 * (time.perf_counter() - begin) / n, 1000 * (time.process_time() - used) / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as scratch, sync_playwright() as driver:
        place = Path(scratch)
        with redirect_stdout(io.StringIO()):
            site = write_site(find_model(asked.model), place / "site")
        packed = sum(len(gzip.compress((site.path / name).read_bytes())) for name in site.sizes)
        print(f"{len(site.sizes)} files, {site.n_bytes / 1e6:.1f} MB, with gzip {packed / 1e6:.1f} MB")
        classifier = Classifier.load(asked.model)
        rate = classifier.spec.sample_rate
        kinds: dict[str, list[Path]] = {}
        for at_hz in dict.fromkeys((rate, 48000)):
            folder = place / str(at_hz)
            folder.mkdir()
            made = kinds[f"WAV, {at_hz} Hz"] = []
            for path in asked.recordings:
                samples = load_waveform(path, sample_rate=at_hz)[0].samples
                soundfile.write(folder / f"{path.stem}.wav", samples, at_hz, subtype="FLOAT")
                made.append(folder / f"{path.stem}.wav")
        kinds["as they are"] = asked.recordings
        server = Server(site.path)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page()
        page.goto(server.address)
        page.locator("body[data-model=ready]").wait_for()
        print(f"Chromium {browser.version}, {len(asked.recordings)} recordings")
        for name, files in kinds.items():
            used = cpu_s(os.getpid())
            windows, recordings, times = ask(page, files)
            cpu = 1000 * (cpu_s(os.getpid()) - used) / sum(row["rank"] == "1" for row in windows)
            for level, rows in (("window", windows), ("recording", recordings)):
                off = differences(rows, classifier, files)
                print(
                    f"{name}, {level}: {len(off)} scores, differences: median {np.median(off):.5f}, "
                    f"99 % {np.quantile(off, 0.99):.5f}, most {off.max():.5f}"
                )
            clock, peer = command_ms(classifier, files)
            print(
                f"{name}, a window: {median(times):.0f} ms, {min(times):.0f} at best, of the processor "
                f"{cpu:.0f} ms; the command {clock:.0f} ms, of the processor {peer:.0f} ms"
            )
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
