"""What is asked of every recording of a run."""

from dataclasses import asdict, dataclass, field
from typing import Any

from avianvox.inference.events import EventOptions


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every recording.

    Attributes
    ----------
    by : {"recording", "event", "window"}
        What a row speaks of.
    overlap_s : float, seconds
        By how much neighbouring windows overlap.
    calibrated : bool
        Calibrated scores where the model has them, or the network's own.
    top : int
        At most so many species of a recording or window.
    min_score : float in [0, 1]
        Species below it are left out.
    coverage : float, optional
        Prediction sets of this coverage in place of ``top`` and ``min_score``.
    wanted : tuple of int, optional
        Positions of the classes that may be named; None stands for all.
    channels : {"mix", "each"} or int
        All channels mixed, one answer for each, or the one of this number, counted from 1.
    timezone : str
        Zone of recorders whose files state none: an IANA name or an offset such as "+02:00".
    gate : str, optional
        A gate by name or file: windows in which it hears nothing are not scored.
    gate_recall : float, optional
        The share of recordings of voices that the gate must keep; by default its own.
    events : EventOptions
        With ``multi_label`` every species of a window or recording is decided by its own threshold too.
    """

    by: str = "recording"
    overlap_s: float = 0.0
    calibrated: bool = True
    top: int = 3
    min_score: float = 0.0
    coverage: float | None = None
    wanted: tuple[int, ...] | None = None
    channels: str | int = "mix"
    timezone: str = ""
    gate: str | None = None
    gate_recall: float | None = None
    events: EventOptions = field(default_factory=EventOptions)

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)
