"""The page for browsers in headless Chromium: its answers are the command's."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import soxr
from browser import CHROMIUM, FLAGS, LAPTOP
from click.testing import CliRunner
from handmade_ear import LABELS, N_SAMPLES, RATE, ear, tone
from static_server import Server

from avianvox.audio.decode import load_waveform
from avianvox.browser.site import write_site
from avianvox.cli.main import cli
from avianvox.ears.graft import graft
from avianvox.features.waveform import WaveformSpec
from avianvox.modelfile import write_model_file
from avianvox.modelfolder import BUNDLED_FOLDER, find_model
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.types import LabelSet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Page

SAMPLE = BUNDLED_FOLDER / "sample.ogg"
MODEL_RATE = 22050
SAME_PCM, RESAMPLED = 1e-3, 1e-3
"""By how much scores may differ from the command's. Where the sound is resampled, most of it comes from the
last tenth of the band, where the resamplers' slopes differ by -58 dB of the sound."""
PATIENCE_MS = 120_000


def write_tones(path: Path) -> Path:
    """A model that hears sound itself."""
    names = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        names,
        outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False), Output(EMBEDDING, 4, 1)),
        not_animals=("Engine",),
    )
    graph = graft(ear(), outputs={"embedding": "pooled"})
    write_model_file(path, flatbuffer=graph, info=info, card="# Tones\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page for the bundled model."""
    return write_site(find_model("caribbean_california"), tmp_path_factory.mktemp("site")).path


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    server = Server(folder)
    yield server.address
    server.stop()


@pytest.fixture
def sound() -> np.ndarray:
    """Ten seconds of a real cuckoo."""
    return load_waveform(SAMPLE, sample_rate=MODEL_RATE)[0].samples


def visit(page: "Page", address: str) -> None:
    page.goto(address)
    page.locator("body[data-model=ready]").wait_for(timeout=PATIENCE_MS)


def classify_there(page: "Page", *files: Path) -> None:
    page.locator("#file").set_input_files([str(path) for path in files])
    results = page.locator(".result[data-state]")
    results.nth(len(files) - 1).wait_for(timeout=PATIENCE_MS)


def table_there(page: "Page", by: str) -> list[dict[str, str]]:
    page.locator("#by").select_option(by)
    text = Path(downloaded(page).path()).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def downloaded(page: "Page") -> "Download":
    """What the button gives; a busy machine's Chromium once lost the first click's."""
    from playwright.sync_api import TimeoutError as TooLate

    try:
        with page.expect_download(timeout=20_000) as awaited:
            page.locator("#download").click()
    except TooLate:
        with page.expect_download() as awaited:
            page.locator("#download").click()
    return awaited.value


def table_here(path: Path, by: str, model: str = "caribbean_california") -> list[dict[str, str]]:
    args = ["classify", str(path), "--by", by, "--format", "csv", "--quiet", "--model", model]
    done = CliRunner().invoke(cli, args)
    assert done.exit_code in (0, 3), done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def assert_alike(there: list[dict[str, str]], here: list[dict[str, str]], within: float) -> None:
    """The same rows but for the scores, where equally good species may change places."""
    spans = ("begin_s", "end_s", "rank", "status")
    assert [[row[name] for name in spans] for row in there] == [[row[name] for name in spans] for row in here]
    assert list(there[0]) == list(here[0])
    for mine, theirs in zip(there, here, strict=True):
        assert (mine["score"] == "") == (theirs["score"] == "")
        if mine["score"]:
            assert float(mine["score"]) == pytest.approx(float(theirs["score"]), abs=within)
        if float(mine["score"] or 0) > 0.1 + within:
            for name in ("scientific_name", "common_name", "decision"):
                assert mine[name] == theirs[name]


def sounds(sound: np.ndarray, folder: Path) -> dict[str, tuple[Path, float]]:
    """Recordings of many kinds, and by how much their scores may differ."""
    half = len(sound) // 4
    silence = np.zeros(MODEL_RATE * 8, np.float32)
    holes = sound.copy()
    holes[1000:3500] = np.nan
    twice = np.stack([sound, np.roll(sound, MODEL_RATE)], axis=1)
    made: dict[str, tuple[np.ndarray, int, str, float]] = {
        "as_is": (sound, MODEL_RATE, "PCM_16", SAME_PCM),
        "short": (sound[:half], MODEL_RATE, "PCM_24", SAME_PCM),
        "gap": (np.concatenate((sound, silence, sound[:half])), MODEL_RATE, "FLOAT", SAME_PCM),
        "stereo": (twice, MODEL_RATE, "PCM_16", SAME_PCM),
        "holes": (holes, MODEL_RATE, "FLOAT", SAME_PCM),
        "silent": (silence, MODEL_RATE, "PCM_16", SAME_PCM),
        "clipped": (np.clip(sound * 100, -1, 1), MODEL_RATE, "PCM_16", SAME_PCM),
        "studio": (soxr.resample(sound, MODEL_RATE, 48000, quality="VHQ"), 48000, "PCM_16", RESAMPLED),
        "telephone": (soxr.resample(sound, MODEL_RATE, 11025, quality="VHQ"), 11025, "PCM_16", RESAMPLED),
    }
    found = {}
    for name, (samples, rate, subtype, within) in made.items():
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype=subtype)
        found[name] = (folder / f"{name}.wav", within)
    return found


def test_the_page_gives_the_commands_answers(
    page: "Page", address: str, sound: np.ndarray, tmp_path: Path
) -> None:
    """By recording, window and event; WAV files of many kinds, whole, silent in part and short."""
    made = sounds(sound, tmp_path)
    visit(page, address)
    classify_there(page, *(path for path, _ in made.values()))
    for by in ("recording", "window", "event"):
        rows = table_there(page, by)
        for path, within in made.values():
            there = [row for row in rows if row["path"] == path.name]
            here = table_here(path, by)
            assert_alike(there, here, within)
            for name in ("message", "header_s", "decoded_s"):
                assert [row[name] for row in there] == [row[name] for row in here], (path.name, by)
    named = page.locator(".result", has_text="as_is.wav").locator(".guess.first")
    assert "Puerto Rican Lizard Cuckoo" in named.inner_text()
    assert page.locator(".result[data-status=silent]").count() == 1


def test_what_is_no_sound_is_said_in_one_line(page: "Page", address: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "rate.wav", np.ones(800), 8000)
    content = (tmp_path / "rate.wav").read_bytes()
    bad = {"notes.wav": b"no sound at all", "empty.mp3": b""}
    bad |= {f"{hz}.wav": content[:24] + hz.to_bytes(4, "little") + content[28:] for hz in (99, 4_000_000_000)}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    visit(page, address)
    classify_there(page, *(tmp_path / name for name in bad), SAMPLE)
    expected = {
        "notes.wav": [
            "undecodable",
            "this browser can't decode it: it is no sound file, damaged, or of another codec",
        ],
        "empty.mp3": ["empty", "the file is empty (0 bytes)"],
        "99.wav": ["unsupported", "expected a sample rate from 100 to 10,000,000 Hz, its header says 99 Hz"],
        "4000000000.wav": [
            "unsupported",
            "expected a sample rate from 100 to 10,000,000 Hz, its header says 4,000,000,000 Hz",
        ],
    }
    said = page.locator(".note").all_inner_texts()
    assert {message for _, message in expected.values()} <= set(said)
    for by in ("recording", "window", "event"):
        rows = table_there(page, by)
        failed = {row["path"]: [row["status"], row["message"]] for row in rows if row["status"] != "ok"}
        assert failed == expected, "a table that leaves files out looks whole"
        assert any(row["path"] == SAMPLE.name for row in rows), "the good file has its answer"
    (here,) = table_here(tmp_path / "99.wav", "recording")
    assert [here["status"], here["message"]] == expected["99.wav"]


def test_a_compressed_file_that_memory_would_not_hold_is_refused_before_it_is_decoded(
    page: "Page", address: str, tmp_path: Path
) -> None:
    long = tmp_path / "night.flac"
    with soundfile.SoundFile(long, "w", 96000, 1, "PCM_16") as file:
        for _ in range(30):
            file.write(np.zeros(96000 * 60, np.float32))
    visit(page, address)
    classify_there(page, long)
    said = page.locator(".note").inner_text()
    assert said.startswith("it is 30 min long and needs up to 1.4 GB here, more than 1 GB: convert it to WAV")


def test_compressed_files_have_the_commands_answer(page: "Page", address: str, tmp_path: Path) -> None:
    """An Ogg by the browser's decoder, at its own rate; a FLAC is the same PCM everywhere."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32")
    soundfile.write(tmp_path / "sample.flac", samples, rate)
    visit(page, address)
    classify_there(page, SAMPLE, tmp_path / "sample.flac")
    rows = table_there(page, "window")
    for path in (SAMPLE, tmp_path / "sample.flac"):
        there = [row for row in rows if row["path"] == path.name]
        assert_alike(there, table_here(path, "window"), RESAMPLED)


def test_the_page_asks_nobody_else_and_works_without_a_network(
    page: "Page", sound: np.ndarray, tmp_path: Path
) -> None:
    """After one visit the server may go. Another model is fetched when it is back, and taken later."""
    soundfile.write(tmp_path / "sound.wav", sound, MODEL_RATE)
    folder = write_site(find_model("caribbean_california"), tmp_path / "site").path
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    server = Server(folder)
    visit(page, server.address)
    page.locator("body[data-offline=ready]").wait_for(timeout=PATIENCE_MS)
    server.stop()
    page.reload()
    page.locator("body[data-model=ready]").wait_for(timeout=PATIENCE_MS)
    classify_there(page, tmp_path / "sound.wav")
    (best, *_) = table_there(page, "recording")
    assert best["scientific_name"] == "Coccyzus vieilloti"
    write_site(write_tones(tmp_path / "tones.tflite"), folder)
    server = Server(folder, server.port)
    visit(page, server.address)
    assert "caribbean_california" in page.locator("#about").inner_text(), "as it is kept"
    waiting = "async () => { const kept = await navigator.serviceWorker.ready; await kept.update();"
    waiting += (
        " for (let n = 0; n < 2400 && !kept.waiting; n++) await new Promise((go) => setTimeout(go, 50)); }"
    )
    page.evaluate(waiting)
    context = page.context
    page.close()
    again = context.new_page()
    visit(again, server.address)
    assert "tones" in again.locator("#about").inner_text()
    server.stop()
    assert asked
    assert not {url for url in asked if not url.startswith((server.address, "blob:"))}


def test_a_dropped_file_is_classified_and_a_cancelled_one_ends(
    page: "Page", address: str, sound: np.ndarray, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "long.wav", np.tile(sound, 60), MODEL_RATE)
    visit(page, address)
    page.locator("#file").set_input_files(tmp_path / "long.wav")
    dropped = (
        "() => { const files = new DataTransfer(); files.items.add(new File(['no sound'], 'dropped.txt'));"
    )
    dropped += " document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true})); }"
    page.evaluate(dropped)
    page.locator(".result", has_text="long.wav").get_by_role("button", name="Cancel").click()
    page.locator(".result[data-state]").nth(1).wait_for(timeout=PATIENCE_MS)
    assert page.locator(".result", has_text="long.wav").locator(".note").inner_text() == "cancelled"
    assert "can't decode it" in page.locator(".result", has_text="dropped.txt").locator(".note").inner_text()


def test_the_microphone_names_what_it_hears(
    chromium: "Browser", address: str, sound: np.ndarray, tmp_path: Path
) -> None:
    """Chromium's false microphone plays a file; the events are those of the file, a little later."""
    fed = tmp_path / "fed.wav"
    soundfile.write(fed, soxr.resample(np.tile(sound, 2), MODEL_RATE, 48000), 48000)
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={fed}",
        "--host-resolver-rules=MAP avianvox.test 127.0.0.1",
    )
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    try:
        page = browser.new_page(viewport=LAPTOP)
        visit(page, address)
        page.locator("#microphone").click()
        page.locator(".guess.first", has_text="Coccyzus vieilloti").wait_for(timeout=60_000)
        assert page.locator("#microphone").get_attribute("aria-pressed") == "true"
        page.locator("#microphone").click()
        page.locator(".result[data-state=done]").wait_for(timeout=60_000)
        rows = table_there(page, "event")
        assert {row["scientific_name"] for row in rows} >= {"Coccyzus vieilloti"}
        assert page.locator("#microphone").get_attribute("aria-pressed") == "false"
        visit(page, address.replace("localhost", "avianvox.test"))
        page.locator("#microphone").click()
        assert "needs an address with https://, or localhost" in page.locator("#state").inner_text()
        assert "https://" in page.locator("#offline").inner_text()
    finally:
        browser.close()


def test_a_model_that_hears_sound_itself(page: "Page", tmp_path: Path) -> None:
    """Its rows are samples, its classes don't exclude each other, and engines are never named."""
    model = write_tones(tmp_path / "tones.tflite")
    quiet = np.zeros(RATE * 2, np.float32)
    loud = tone(500) + tone(2000)
    soundfile.write(tmp_path / "tones.wav", np.concatenate((loud / 2, quiet, tone(1000), quiet[:3000])), RATE)
    server = Server(write_site(model, tmp_path / "site").path)
    visit(page, server.address)
    classify_there(page, tmp_path / "tones.wav")
    for by in ("recording", "window", "event"):
        assert_alike(table_there(page, by), table_here(tmp_path / "tones.wav", by, str(model)), SAME_PCM)
    server.stop()


@pytest.mark.parametrize(
    ("size", "dark"), [((390, 844), True), ((820, 1180), False), ((1440, 900), True)], ids=str
)
def test_nothing_reaches_beyond_the_screen(
    chromium: "Browser", address: str, size: tuple[int, int], dark: bool
) -> None:
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    visit(page, address)
    classify_there(page, SAMPLE)
    width: Any = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    context.close()
