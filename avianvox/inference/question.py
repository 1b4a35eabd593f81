"""What is asked of every recording of a run."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from avianvox.inference.events import EventOptions
from avianvox.inference.place_options import PlaceOptions

_LEAST_ENTER = 1e-6  # what 0 asks of an event: any score


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every recording.

    Attributes
    ----------
    by : {"recording", "event", "window"}
        What a row speaks of.
    overlap_s : float, seconds, optional
        By how much neighbouring windows overlap; None: as the model file says.
    calibrated : bool
        Calibrated scores where the model has them, or the network's own.
    top : int
        At most so many species of a recording or window.
    min_score : float in [0, 1], optional
        Minimum score of a row, for all species: what stays below is neither shown nor counted. None: nothing
        of a recording or window is left out, and an event reaches the threshold of its species.
    coverage : float, optional
        Prediction sets of this coverage in place of ``top`` and ``min_score``.
    wanted : tuple of int, optional
        Positions of the classes that may be named; None stands for all.
    channels : {"mix", "each"} or int
        All channels mixed, one answer for each, or the one of this number, counted from 1.
    timezone : str
        Zone of recorders whose files state none: an IANA name or an offset such as "+02:00".
    site : str
        Where all of the recordings were made; "" where each says it itself, or its folder.
    sites_in : str
        The folder from which folders are named as sites, see `avianvox.inference.sites.folder_above`.
    gate : str, optional
        A gate by name or file: windows in which it hears nothing are not scored.
    gate_recall : float, optional
        The share of recordings of voices that the gate must keep; by default its own.
    events : EventOptions
        With ``multi_label`` every species of a window or recording is decided by its own threshold too.
    level : {"species", "genus", "family"}
        The coarsest level of a name: what a recording or window of an uncertain species may be called.
    place : PlaceOptions, optional
        Scores are weighed by what the model's geo model expects there and then; None: they are not.
    tasks : tuple of str
        Names of the tasks of the model, whose answers each row has.
    narrow : str
        Where events are narrowed to the calls in them: "all" frequencies, a band such as "300-1000", or the
        path of a detector; "": they are as long as their windows.
    """

    by: str = "recording"
    overlap_s: float | None = None
    calibrated: bool = True
    top: int = 3
    min_score: float | None = None
    coverage: float | None = None
    wanted: tuple[int, ...] | None = None
    channels: str | int = "mix"
    timezone: str = ""
    site: str = ""
    sites_in: str = ""
    gate: str | None = None
    gate_recall: float | None = None
    events: EventOptions = field(default_factory=EventOptions)
    level: str = "species"
    place: PlaceOptions | None = None
    tasks: tuple[str, ...] = ()
    narrow: str = ""

    @property
    def event_options(self) -> EventOptions:
        """``events``, whose ``enter`` is ``min_score`` where that is given."""
        if self.min_score is None:
            return self.events
        return replace(self.events, enter=max(self.min_score, _LEAST_ENTER))

    def to_mapping(self) -> dict[str, Any]:
        """Plain values; ``enter`` of the events is the number that they are asked by.

        What came later than the ledgers of older runs stands there only where it is asked for.
        """
        values = asdict(replace(self, events=self.event_options))
        if self.place is None:
            del values["place"]
        if self.level == "species":
            del values["level"]
        for name in ("tasks", "narrow"):
            if not values[name]:
                del values[name]
        return values
