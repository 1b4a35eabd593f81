"""From an event that has ended to its clip and its command.

Sound is cut off the tape in the thread that listens, as soon as what follows the event has been heard; it is
written in a thread of its own, since a card may take seconds for it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue

import numpy as np

from avianvox.audio.cut import Clip
from avianvox.audio.tape import Tape
from avianvox.errors import AvianvoxError
from avianvox.evaluation.plain import counted
from avianvox.inference.segments import LONGEST_S
from avianvox.trigger.clips import ClipFolder
from avianvox.trigger.commands import Commands
from avianvox.types import Detection

_MOST_WAITING = 4  # clips that are not written yet, of up to a minute and more each
_PATIENCE_S = 2.0  # that listening waits for room among them; a microphone's sound waits for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """How much sound a clip has before and after the event."""

    before_s: float = 3.0
    after_s: float = 3.0


@dataclass(frozen=True, slots=True)
class _Wish:
    row: Detection
    begin_s: float
    end_s: float


class Trigger:
    """Takes events in as they end, and sees to their clips and commands.

    Parameters
    ----------
    say : callable
        Tells the user one line; called from any thread.
    tape : Tape, optional
        What has been heard; needed for clips.
    clips : ClipFolder, optional
    commands : Commands, optional
    around : Around
    late_s : float
        How long after its end an event may be put in, in seconds of sound.

    Attributes
    ----------
    n_saved, n_unsaved : int
        Clips written, and events without one.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        tape: Tape | None = None,
        clips: ClipFolder | None = None,
        commands: Commands | None = None,
        around: Around | None = None,
        late_s: float = 0.0,
    ) -> None:
        self._say, self._tape, self._clips, self._commands = say, tape, clips, commands
        self._around = around or Around()
        self._late_s = late_s
        self._wishes: list[_Wish] = []
        self._said, self._lock = "", threading.Lock()
        self.n_saved = self.n_unsaved = 0
        self._waiting: Queue[tuple[Detection, Clip] | None] = Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write, daemon=True)
        if clips is not None:
            self._thread.start()

    def put(self, row: Detection) -> None:
        """An event has ended. Of a long one, the clip holds the last minute."""
        if self._clips is None:
            self._run(row, None)
            return
        begin_s, end_s = row.begin_s or 0.0, row.end_s or 0.0
        begin_s = max(begin_s, end_s - LONGEST_S) - self._around.before_s
        self._wishes.append(_Wish(row, begin_s, end_s + self._around.after_s))

    def passed(self, seconds: float) -> None:
        """Events that end before have been put in, up to ``late_s``: cut what is due, forget the rest."""
        if self._tape is None:
            return
        reach = LONGEST_S + self._around.before_s + self._late_s
        self._cut(self._tape.end_s)
        self._tape.forget(min([seconds - reach, *(wish.begin_s for wish in self._wishes)]))

    def close(self) -> None:
        """There will be no more: write what is there, and end with the last command."""
        self._cut(float("inf"))
        if self._clips is not None:
            self._waiting.put(None)
            self._thread.join()
        if self._commands is not None:
            self._commands.close()

    def kill(self) -> None:
        """End commands that run, at once. May be called in a handler of signals."""
        if self._commands is not None:
            self._commands.kill()

    def summary(self) -> list[str]:
        """Parts of a line: what was saved and run."""
        parts = []
        if self._clips is not None:
            removed, unsaved = self._clips.n_removed, self.n_unsaved
            parts += [f"{counted(self.n_saved, 'clip')} saved"]
            parts += [f"{counted(unsaved, 'event')} without a clip"] if unsaved else []
            parts += [f"{counted(removed, 'old clip')} removed for the budget"] if removed else []
        return parts + (self._commands.summary() if self._commands else [])

    def _cut(self, heard_s: float) -> None:
        """Hand over the clips whose sound has been heard."""
        due = [wish for wish in self._wishes if wish.end_s <= heard_s]
        self._wishes = [wish for wish in self._wishes if wish.end_s > heard_s]
        for wish in due:
            assert self._tape is not None
            first, samples = self._tape.cut(wish.begin_s, wish.end_s)
            clip = Clip(samples[:, np.newaxis], self._tape.sample_rate, first, 16)
            try:
                self._waiting.put((wish.row, clip), timeout=_PATIENCE_S)
            except Full:
                self._unsaved(wish.row, f"the disk is too slow: {_MOST_WAITING} clips wait")

    def _write(self) -> None:
        while (item := self._waiting.get()) is not None:
            row, clip = item
            assert self._clips is not None
            try:
                path = self._clips.save(row, clip)
            except (AvianvoxError, OSError) as error:
                self._unsaved(row, str(error))
                continue
            if self._said:
                self._said = ""
                self._say("clips are saved again")
            self.n_saved += 1
            self._run(row, path)

    def _unsaved(self, row: Detection, why: str) -> None:
        """Count it; say why, if that is news, and run the command all the same."""
        with self._lock:
            self.n_unsaved += 1
            news = why.partition("(")[0] != self._said  # in brackets: a number that changes
            self._said = why.partition("(")[0]
        if news:
            self._say(f"no clip of {row.scientific_name} at {row.begin_time}: {why}")
        self._run(row, None)

    def _run(self, row: Detection, clip: Path | None) -> None:
        if self._commands is not None:
            self._commands.put(row, clip)
