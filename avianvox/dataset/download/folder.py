"""A folder of downloaded recordings, and what is needed to go on after an interruption.

``audio/XC<id>.*`` are the sound files; ``recordings.json`` tells of them as the API does, ``SHA256SUMS`` is
what ``sha256sum --check`` takes, ``ATTRIBUTION.txt`` credits the recordists. These three list what is there,
and are written when the download is done. The hidden folder ``.download`` holds what was asked for, pages
of the answer, the plan, files that are being fetched, and a ledger with one line for each that has come.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avianvox.dataset.download.answers import Sound, damaged, read_kept
from avianvox.dataset.download.wishes import Plan, Wishes
from avianvox.documents import MISSHAPEN, parse_json, write_json
from avianvox.errors import InputError
from avianvox.files import atomic_write, holdings, move_into_place, output_error, read_regular, sha256_file
from avianvox.lock import exclusive_lock

AUDIO, STATE = "audio", ".download"
RECORDINGS, SUMS, ATTRIBUTION = "recordings.json", "SHA256SUMS", "ATTRIBUTION.txt"


@dataclass(frozen=True, slots=True)
class Kept:
    """A sound file that has come whole: its name in the folder, its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


class Folder:
    """The folder ``root``, which is made if need be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / STATE
        self._request = self.state / "request.json"
        self._plan = self.state / "plan.json"
        self._ledger = self.state / "ledger.jsonl"

    @contextmanager
    def claimed(self, wishes: Wishes, *, refresh: bool) -> Iterator[None]:
        """Hold the folder for one download. ``refresh`` forgets the plan, and takes other wishes.

        Raises
        ------
        InputError
            It holds something else, or was made with other wishes.
        StoreError
            Another download is running in it.
        OutputError
            It cannot be written.
        """
        self._check_holdings()
        for folder in (self.state, self.root / AUDIO):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise output_error(error, folder) from error
        busy = (
            f"another download is running in {self.root}; wait until it has finished, or choose another "
            f"folder"
        )
        with exclusive_lock(self.state / "lock", busy=busy):
            asked = asdict(wishes)
            if self._request.exists() and not refresh:
                self._check_wishes(read_kept(self._request), asked)
            if refresh:
                self._forget_answer()
            write_json(self._request, asked, indent=None, allow_nan=True)
            yield

    def read_plan(self, hide: Callable[[Any], Any]) -> Plan | None:
        """The plan of an earlier run, None where there is none; ``hide`` takes the key out of it."""
        if not self._plan.exists():
            return None
        plan = hide(read_kept(self._plan, "chosen", "left_out"))
        try:
            rows = enumerate(plan["chosen"], start=1)
            chosen = tuple(Sound.from_row(row, f"recording {place}") for place, row in rows)
            left_out = {str(reason): int(count) for reason, count in plan["left_out"].items()}
        except MISSHAPEN as error:
            raise damaged(self._plan, str(error)) from error
        return Plan(chosen, left_out)

    def keep_plan(self, plan: Plan) -> None:
        """Write it down; the pages that it was made from are not needed any more."""
        write_json(
            self._plan,
            {"chosen": [sound.row for sound in plan.chosen], "left_out": plan.left_out},
            indent=None,
            allow_nan=True,  # a server may have written any number
        )
        self._forget_pages()

    def partial(self, sound: Sound) -> Path:
        """Where its file grows."""
        return self.state / f"{sound.name}.partial"

    def keep(self, sound: Sound) -> Kept:
        """Move its file, now whole, to its place and write it into the ledger."""
        partial, place = self.partial(sound), self.root / AUDIO / sound.name
        kept = Kept(sound.name, partial.stat().st_size, sha256_file(partial))
        try:
            with open(partial, "r+b") as stream:
                os.fsync(stream.fileno())
            move_into_place(partial, place)
            with open(self._ledger, "a", encoding="utf-8") as ledger:
                ledger.write(json.dumps(asdict(kept)) + "\n")
                ledger.flush()
                os.fsync(ledger.fileno())
        except OSError as error:
            raise output_error(error, self._ledger) from error
        return kept

    def kept(self) -> dict[str, Kept]:
        """``name -> entry`` of the files that came whole and still have their size.

        The ledger is left with these alone: a line that was cut off when a run was killed would spoil the
        one that is written behind it.
        """
        entries: dict[str, Kept] = {}
        lines = read_regular(self._ledger).splitlines() if self._ledger.exists() else ()
        for line in lines:
            try:
                kept = Kept(**parse_json(line))
            except (ValueError, TypeError):
                continue
            if isinstance(kept.name, str) and 0 <= self._size(kept.name) == kept.size:
                entries[kept.name] = kept
        with atomic_write(self._ledger) as stream:
            stream.writelines(json.dumps(asdict(kept)) + "\n" for kept in entries.values())
        return entries

    def unlisted(self, plan: Plan) -> int:
        """How many files in ``audio`` the plan does not name."""
        named = {sound.name for sound in plan.chosen}
        return sum(path.name not in named for path in holdings(self.root / AUDIO))

    def finish(self, plan: Plan, kept: Mapping[str, Kept]) -> None:
        """Write the three lists, over those files of the plan that are there; parts of others go."""
        planned = {sound.name for sound in plan.chosen}
        for part in (*self.state.glob("[!.]*.partial"), *self.state.glob("[!.]*.mark")):
            if part.stem not in planned:
                part.unlink()
        sounds = [sound for sound in plan.chosen if sound.name in kept]
        with atomic_write(self.root / SUMS) as stream:
            for sound in sounds:
                stream.write(f"{kept[sound.name].sha256}  {AUDIO}/{sound.name}\n")
        with atomic_write(self.root / ATTRIBUTION, "wb") as stream:
            stream.write("".join(_credits(sounds)).encode("utf-8", "replace"))
        species = {f"{sound.row.get('gen')} {sound.row.get('sp')}" for sound in sounds}
        answer = {
            "numRecordings": str(len(sounds)),
            "numSpecies": str(len(species)),
            "page": 1,
            "numPages": 1,
            "download": read_kept(self._request),
            "recordings": [sound.row for sound in sounds],
        }
        write_json(self.root / RECORDINGS, answer, allow_nan=True)

    def _size(self, name: str) -> int:
        path = self.root / AUDIO / os.path.basename(str(name))
        return path.stat().st_size if path.is_file() else -1

    def _check_holdings(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"{self.root} is a file; name a folder with --out")
        if not self.state.is_dir() and holdings(self.root):
            raise InputError(
                f"{self.root} is not the folder of a download; choose an empty or new folder with --out"
            )

    def _check_wishes(self, earlier: dict[str, Any], asked: dict[str, Any]) -> None:
        for name, value in asked.items():
            if earlier.get(name) != value:
                raise InputError(
                    f"{self.root} was downloaded with {name} {earlier.get(name)!r}, now it is {value!r}; "
                    "name another folder with --out, or change this one with --refresh"
                )

    def _forget_answer(self) -> None:
        self._plan.unlink(missing_ok=True)
        self._forget_pages()

    def _forget_pages(self) -> None:
        for page in self.state.glob("page-*.json"):
            page.unlink()


def _credits(sounds: list[Sound]) -> Iterator[str]:
    yield "Recordings from https://xeno-canto.org, each under the licence that stands at its end.\n\n"
    licences = Counter(sound.recording.licence or "licence unknown" for sound in sounds)
    yield from (f"{licence}: {count}\n" for licence, count in sorted(licences.items()))
    yield "\n"
    for recording in (sound.recording for sound in sounds):
        names = " / ".join(name for name in (recording.label, recording.common_name) if name)
        yield f"{names or 'species not identified'}: {recording.attribution}\n"
