"""Which share of a recording's windows a gate lets through, and of those in which something calls."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avianvox.audio.decode import open_audio
from avianvox.errors import AudioError
from avianvox.features.extract import stream_features
from avianvox.inference.gate import Gate
from avianvox.inference.window_stream import stream_windows

CALL_S = 0.1
"""A window has a call in it from this overlap on."""

Call = tuple[float, float]
"""Begin and end in seconds."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Windows of a recording and how many of them go on to the network.

    ``n_calling`` and ``n_calling_through`` count those with a call in them; None where calls are not known.
    ``message`` says why there are none, where the file can't be read.
    """

    path: str
    seconds: float = 0.0
    n_windows: int = 0
    n_through: int = 0
    n_calling: int | None = None
    n_calling_through: int | None = None
    message: str = ""

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


def pass_file(path: Path | str, gate: Gate, calls: Sequence[Call] | None = None) -> Passed:
    """Ask the gate about every window of a file, one after the other, as classify does without overlap."""
    spec = gate.spec
    n_windows = n_through = n_calling = n_both = 0
    try:
        with open_audio(path, sample_rate=spec.sample_rate) as audio:
            rows = stream_features(audio, spec)
            for first, window in stream_windows(rows, n_frames=spec.n_frames, hop=spec.n_frames):
                begin_s = spec.frames_to_seconds(first)
                through = gate.score(window) >= gate.threshold
                calling = calls is not None and _calls_in(calls, begin_s, begin_s + spec.window_s)
                n_windows += 1
                n_through += through
                n_calling += calling
                n_both += calling and through
            seconds = audio.report.decoded_s or 0.0
    except AudioError as error:
        return Passed(str(path), message=error.about(path))
    known = calls is not None
    return Passed(
        str(path),
        seconds,
        n_windows,
        n_through,
        n_calling if known else None,
        n_both if known else None,
    )


def added_up(parts: Iterable[Passed]) -> Passed:
    """The sums over several recordings; calls are known where they are of every one."""
    parts = list(parts)
    known = [p for p in parts if p.n_calling is not None and p.n_calling_through is not None]
    complete = bool(parts) and len(known) == len(parts)
    return Passed(
        "",
        sum(p.seconds for p in parts),
        sum(p.n_windows for p in parts),
        sum(p.n_through for p in parts),
        sum(p.n_calling or 0 for p in known) if complete else None,
        sum(p.n_calling_through or 0 for p in known) if complete else None,
    )


def read_calls(folder: Path | str) -> dict[str, list[Call]]:
    """Begin and end of every call in a folder of ``avianvox synth``, by recording id."""
    from avianvox.audio.synth import read_annotations

    found = read_annotations(folder)
    return {id_: [(box.begin_s, box.end_s) for box, _ in boxes] for id_, boxes in found.items()}


def _calls_in(calls: Sequence[Call], begin_s: float, end_s: float) -> bool:
    return any(min(end, end_s) - max(begin, begin_s) >= min(CALL_S, end - begin) for begin, end in calls)
