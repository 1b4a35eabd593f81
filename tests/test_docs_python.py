"""The examples of docs/python.md run, from top to bottom, on a small catalog."""

import re
import shutil
from pathlib import Path

import pytest
import soundfile

from avianvox.modelfolder import DEFAULT_MODEL, find_model

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
SMALLER = {
    '"birdnet"': repr(DEFAULT_MODEL),  # which is always there
    '"avianvox_small"': '"logreg_windows"',  # which learns in seconds
    "epochs=60": 'model="logreg_windows", validation=0',
    "GroupKFold(5)": "GroupKFold(4)",
    ', "background/"': "",
    'catalog = av.read_catalog(["recordings/", "events.verdicts.csv"])': "pass",
}
LIVE = "av.listen()"


@pytest.fixture
def here(tmp_path: Path, synth_catalog_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds what the page speaks of."""
    shutil.copytree(synth_catalog_dir, tmp_path / "recordings")
    sample = find_model(DEFAULT_MODEL).with_name("sample.ogg")
    samples, rate = soundfile.read(sample)
    for name in ("recording.flac", "third.wav"):
        soundfile.write(tmp_path / name, samples, rate)
    for name in ("other.mp3", "season/a.ogg", "unheard/a.ogg"):  # by content, not by name
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(sample, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # an example opens one in passing
def test_the_examples_run(here: Path) -> None:
    pytest.importorskip("tensorflow")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert sum(LIVE in block for block in blocks) == 1  # it waits for a microphone
    names: dict[str, object] = {}
    for block in blocks:
        if LIVE in block:
            continue
        for text, smaller in SMALLER.items():
            block = block.replace(text, smaller)
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (here / "calls.selections.txt").is_file()
    assert (here / "season.csv").is_file()
    assert (here / "first.tflite").is_file()


def test_every_function_is_on_the_page() -> None:
    import avianvox

    functions = [name for name in avianvox.__all__ if name[0].islower()]
    assert [name for name in functions if f"av.{name}" not in PAGE] == []
