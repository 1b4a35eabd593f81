"""A download from the question to the finished folder. It may be interrupted anywhere and run again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avianvox.dataset.download.answers import read_answer
from avianvox.dataset.download.folder import Folder
from avianvox.dataset.download.session import GaveUpError, RefusedError, Session
from avianvox.dataset.download.sounds import fetch, size_of
from avianvox.dataset.download.wishes import Plan, Wishes, choose
from avianvox.errors import DownloadError

_IN_A_ROW = 3
"""So many files failing one after the other means that the server is at its end, and not the files."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a download; ``failed`` has one line for each file that could not be fetched."""

    plan: Plan
    there: int  # files that an earlier run had fetched
    fetched: int
    fetched_bytes: int
    failed: tuple[str, ...]
    unlisted: int  # sound files of an earlier choice, which stay and are not listed


def make_plan(session: Session, wishes: Wishes, kept: Path | None = None) -> Plan:
    """Ask for everything that fits and choose from it; raises as `answers.read_answer` does."""
    found, announced = read_answer(session, wishes.query, kept)
    if announced != len(found):
        session.say(f"the server announced {announced} recordings, but its pages contain {len(found)}")
    return choose(found, wishes)


def exact_bytes(session: Session, plan: Plan, progress: Callable[[int, int], None] | None = None) -> int:
    """Size of all chosen files, one request each; raises as `Session.insist` does."""
    total = 0
    for done, sound in enumerate(plan.chosen, start=1):
        total += size_of(session, sound.recording.id, sound.address)
        if progress is not None:
            progress(done, len(plan.chosen))
    return total


def download(
    session: Session,
    wishes: Wishes,
    out: Path,
    *,
    refresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Fetch what ``wishes`` asks for into the folder ``out``, or what is still missing there.

    The choice is made once: a later run goes on with it, whatever has been added to the server meanwhile.

    Parameters
    ----------
    session : Session
    wishes : Wishes
    out : Path
        A new or empty folder, or one of an earlier download with the same wishes.
    refresh : bool
        Ask and choose anew, perhaps with other wishes; files that are there are not fetched again.
    progress : callable, optional
        Called with the number of files that are done and that of all.

    Raises
    ------
    DownloadError
        The server refuses, or cannot be reached; what has come is kept.
    InputError
        Nothing fits the query, or ``out`` holds something else.
    OutputError
        The disk is full or ``out`` not writable.
    """
    folder = Folder(out)
    with folder.claimed(wishes, refresh=refresh):
        plan = folder.read_plan(session.hide_in)
        if plan is None:
            plan = make_plan(session, wishes, folder.state)
            folder.keep_plan(plan)
        kept = folder.kept()
        missing = [sound for sound in plan.chosen if sound.name not in kept]
        n_there = len(plan.chosen) - len(missing)
        failed: list[str] = []
        in_a_row = n_bytes = 0
        for done, sound in enumerate(missing, start=n_there + 1):
            try:
                fetch(session, sound.recording.id, sound.address, folder.partial(sound))
            except (RefusedError, GaveUpError) as error:
                failed.append(str(error))
                of_the_server = isinstance(error, GaveUpError) or error.code in (401, 403)
                in_a_row = in_a_row + 1 if of_the_server else 0
                if in_a_row == _IN_A_ROW:
                    raise DownloadError(
                        f"{in_a_row} downloads in a row failed; the last one: {error}"
                    ) from error
            else:
                in_a_row = 0
                kept[sound.name] = folder.keep(sound)
                n_bytes += kept[sound.name].size
            if progress is not None:
                progress(done, len(plan.chosen))
        folder.finish(plan, kept)
        return Outcome(
            plan=plan,
            there=n_there,
            fetched=len(missing) - len(failed),
            fetched_bytes=n_bytes,
            failed=tuple(failed),
            unlisted=folder.unlisted(plan),
        )
