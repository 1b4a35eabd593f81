"""Whether everything is there: packages, codecs, models, room, and what each optional feature lacks.

`examine` yields one `Check` after the other, as they are made. What classifying needs and isn't right is
``failed``; what only a feature of its own needs is ``absent``, and says how to get it.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from avianvox.errors import AvianvoxError
from avianvox.inference.classifier import Classifier
from avianvox.inference.gate import DEFAULT_GATE, Gate
from avianvox.inference.speed import measure_speed
from avianvox.modelfolder import DEFAULT_MODEL, bundled_models, default_model, own_models
from avianvox.registry import GROUPS, attribute, entry_rows
from avianvox.types import Window
from avianvox.workers import n_cores

FEATURES = {
    "plot": "pictures of segments, PNG of overviews",
    "parquet": "Parquet tables",
    "xlsx": "spreadsheets",
    "frames": "data frames of results",
    "dask": "a cluster (--scheduler)",
    "live": "a microphone (listen)",
    "onnx": "models in ONNX (models add)",
    "index": "an index of windows (search)",
    "review": "the pages of review",
    "train": "training, crossval and export",
}
"""Extras of the package, and what they are for."""

_CODECS = {
    "WAV": ("WAV", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
    "Ogg Vorbis": ("OGG", "VORBIS"),
    "Ogg Opus": ("OGG", "OPUS"),
}
_REINSTALL = "install it again: pip install --force-reinstall avianvox"
_LEAST_ROOM = 0.1  # GB
_LEAST_MEMORY = 0.2
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*(?:;.*extra\s*==\s*["']([\w-]+)["'])?""")


class State(StrEnum):
    OK = "ok"
    ABSENT = "absent"  # only some feature misses it
    FAILED = "failed"  # classifying suffers


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``value`` is in ``unit``; ``advice`` says what to do, if anything."""

    section: str
    name: str
    value: str | float
    unit: str = ""
    state: State = State.OK
    advice: str = ""


def examine(*, speed: bool = True) -> Iterator[Check]:
    """Look at everything; ``speed`` classifies synthetic sound, which takes seconds and not milliseconds."""
    yield from _versions()
    yield from _codecs()
    yield from _models()
    yield from _machine()
    if speed:
        yield from _speed()
    yield from _features()


def requirements() -> dict[str, list[str]]:
    """Packages that avianvox says it needs, by extra; "" is the base.

    Raises
    ------
    PackageNotFoundError
        avianvox runs from a folder and is not installed.
    """
    needed: dict[str, list[str]] = {}
    for line in metadata.requires("avianvox") or ():
        if found := _REQUIREMENT.fullmatch(line):
            needed.setdefault(found[2] or "", []).append(found[1])
    return needed


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> Iterator[Check]:
    yield Check("versions", "python", platform.python_version())
    yield Check("versions", "system", f"{platform.system()} {platform.release()} {platform.machine()}")
    yield Check("versions", "libsndfile", soundfile.__libsndfile_version__)
    for package in ("avianvox", *requirements().get("", ())):
        version = _installed(package)
        if version is None:
            yield Check("versions", package, "not installed", state=State.FAILED, advice=_REINSTALL)
        else:
            yield Check("versions", package, version)


def _codecs() -> Iterator[Check]:
    for name, (container, codec) in _CODECS.items():
        try:
            _decode_tone(container, codec)
        except (soundfile.SoundFileError, ValueError) as error:
            advice = "a newer libsndfile reads it: pip install --upgrade soundfile"
            yield Check("codecs", name, f"cannot be read ({error})", state=State.FAILED, advice=advice)
        else:
            yield Check("codecs", name, "read by libsndfile")
    if ffmpeg := shutil.which("ffmpeg"):
        yield Check("codecs", "AAC, WMA and others", f"read by {ffmpeg}")
    else:
        advice = "install ffmpeg (https://ffmpeg.org), or convert such files to FLAC"
        yield Check("codecs", "AAC, WMA and others", "ffmpeg not found", state=State.ABSENT, advice=advice)


def _decode_tone(container: str, codec: str) -> None:
    """Encode a tone and decode it. Raises ``SoundFileError``, or ValueError for another sound."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 / 24000 * np.arange(24000))
    file = BytesIO()
    soundfile.write(file, tone, 24000, format=container, subtype=codec)
    file.seek(0)
    decoded, rate = soundfile.read(file)
    spectrum = np.abs(np.fft.rfft(decoded))
    if abs(spectrum.argmax() * rate / max(len(decoded), 1) - 1000) > 20:
        raise ValueError("a test tone is decoded wrongly")


def _models() -> Iterator[Check]:
    bundled, chosen = bundled_models(), default_model()
    models = own_models() | bundled
    for name, path in models.items():
        try:
            classifier = Classifier.load(path)
            heard = _hear_noise(classifier)
        except AvianvoxError as error:
            state = State.FAILED if name in bundled or name == chosen else State.ABSENT
            advice = _REINSTALL if name in bundled else f"add it again, or: avianvox models remove {name}"
            yield Check("models", name, str(error), state=state, advice=advice)
            continue
        calibrated = "calibrated" if classifier.calibration else "not calibrated"
        default = ", the default" if name == chosen else ""
        window = f"{classifier.spec.window_s:.2f} s at {classifier.spec.sample_rate} Hz"
        yield Check("models", name, f"{len(heard.scores)} classes, {window}, {calibrated}{default}")
    if chosen not in models:
        own = "choose another one: avianvox models default NAME"
        advice = _REINSTALL if chosen == DEFAULT_MODEL else own
        yield Check("models", chosen, "the default model, not found", state=State.FAILED, advice=advice)
    try:
        gate = Gate.load()
    except AvianvoxError as error:
        yield Check("models", DEFAULT_GATE, str(error), state=State.FAILED, advice=_REINSTALL)
    else:
        yield Check("models", DEFAULT_GATE, f"keeps {gate.recall:.0%} of the recordings with a voice")


def _hear_noise(classifier: Classifier) -> Window:
    noise = np.random.default_rng(0).standard_normal(classifier.spec.window_samples, np.float32)
    return next(iter(classifier.windows([noise])))


def _machine() -> Iterator[Check]:
    yield Check("machine", "cores", n_cores())
    total, free = _memory_gb()
    if total is not None:
        yield Check("machine", "memory", total, "GB")
    if free is not None:
        advice = "close other programs, or use fewer --jobs"
        yield _enough("memory free", free, _LEAST_MEMORY, advice)
    for name, find in (("disk free here", Path.cwd), ("disk free for temporary files", _temporary)):
        try:
            free = shutil.disk_usage(folder := find()).free / 1e9
        except OSError as error:  # the folder was deleted, or there is none to write into
            advice = "change to a writable folder, or set TMPDIR to one"
            yield Check("machine", name, error.strerror or str(error), state=State.FAILED, advice=advice)
        else:
            yield _enough(name, free, _LEAST_ROOM, f"free some space in {folder}")


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _enough(name: str, value: float, least: float, advice: str) -> Check:
    short = value < least
    state = State.FAILED if short else State.OK
    return Check("machine", name, round(value, 2), "GB", state, advice if short else "")


def _memory_gb() -> tuple[float | None, float | None]:
    """Memory there is and memory free, in GB, within a container's limit; None where the system won't say."""
    total, free = _memory_bytes(), None
    if meminfo := _text("/proc/meminfo"):
        free = int(re.findall(r"MemAvailable:\s*(\d+)", meminfo)[0]) * 1024
    limit, used = _text("/sys/fs/cgroup/memory.max"), _text("/sys/fs/cgroup/memory.current")
    if total is not None and free is not None and limit.isdigit() and used.isdigit():
        total, free = min(total, int(limit)), min(free, int(limit) - int(used))
    return total and round(total / 1e9, 1), free and free / 1e9


def _memory_bytes() -> float | None:
    if sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _speed() -> Iterator[Check]:
    try:
        speed = measure_speed()
    except (AvianvoxError, OSError) as error:
        yield Check("speed", "classify", str(error), state=State.FAILED, advice="see the failed checks above")
        return
    unit = "times real time"
    yield Check("speed", "one core", round(speed.one_core), unit)
    if speed.cores > 1:
        failed = not speed.all_cores
        advice = "worker processes end early; run with --jobs 1" if failed else ""
        state = State.FAILED if failed else State.OK
        yield Check("speed", f"{speed.cores} cores", round(speed.all_cores), unit, state, advice)


def _features() -> Iterator[Check]:
    needed = requirements()
    for extra, purpose in FEATURES.items():
        if extra not in needed:
            continue  # it came with a later version than the one that was installed
        missing = [package for package in needed[extra] if _installed(package) is None]
        advice = f"pip install 'avianvox[{extra}]'"
        problem = f"needs {', '.join(missing)}" if missing else ""
        if extra == "live" and not missing:
            problem, advice = _portaudio(), "install the PortAudio library of your system"
        if problem:
            yield Check("features", purpose, problem, state=State.ABSENT, advice=advice)
        else:
            yield Check("features", purpose, "ready")

    yield _time_zones()
    yield from _plugins()


def _plugins() -> Iterator[Check]:
    """What other packages add to tables."""
    for group in GROUPS.values():
        for name, target, package in entry_rows(group):
            try:
                attribute(target)
            except Exception as error:  # whatever it is, the others go on
                value, advice = f"{type(error).__name__}: {error}", f"update or uninstall {package}"
                yield Check("plug-ins", f"{group}: {name}", value, state=State.ABSENT, advice=advice)
            else:
                yield Check("plug-ins", f"{group}: {name}", package)


def _time_zones() -> Check:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo("America/Puerto_Rico")
    except LookupError:
        advice = "pip install tzdata, or write offsets such as -04:00"
        return Check("features", "time zones by name", "no time zone data", "", State.ABSENT, advice)
    return Check("features", "time zones by name", "ready")


def _portaudio() -> str:
    """Why the microphone's package, which is there, does not load."""
    try:
        import sounddevice  # noqa: F401
    except OSError as error:
        return str(error)
    return ""
