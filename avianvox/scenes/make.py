"""`make_scenes`: from catalogs and backgrounds to a folder of scenes.

``<out>/<part>/`` is a catalog: sound, a Raven table of each scene with calls, ``recordings.csv``,
``annotations.toml`` (the tables are boxes in recordings) and ``ATTRIBUTION.txt``. ``<out>/config.json`` says
what was asked for, and ``<out>/calls/`` keeps the calls that were cut. A scene's sound is written last, so
that a run that was killed goes on behind it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from avianvox.config import settings_to_mapping
from avianvox.dataset.licences import most_restrictive
from avianvox.dataset.sources.annotations import SETTINGS
from avianvox.dataset.sources.plain_csv import write_plain_csv
from avianvox.documents import Kind
from avianvox.errors import InputError, RunError
from avianvox.evaluation.plain import counted
from avianvox.files import atomic_write, output_error
from avianvox.runfolder import CONFIG, FolderKind, catalog_hash
from avianvox.scenes.cuts import CutCall, kept_calls, read_calls, shifted
from avianvox.scenes.mix import scene_blocks, write_scene
from avianvox.scenes.parts import backgrounds_in, fold_sessions, usable_clips
from avianvox.scenes.plan import Paste, Scene, Voices, draw_scene
from avianvox.scenes.settings import SceneSettings, bin_name
from avianvox.tables.formats import form_of
from avianvox.types import Detection, Recording

INDEX, CREDITS, CALLS = "recordings.csv", "ATTRIBUTION.txt", "calls"
RECORDIST = "avianvox scenes"
CALLS_COLUMN, BIN_COLUMN = "calls", "count_bin"
"""Columns of the index beside ``count``: all calls of all animals, and the animals' bin as a class."""

FOLDER = FolderKind(
    Kind(
        what="set of scenes",
        name="avianvox scenes",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox scenes",
        outdated="make it again with --fresh, or with another --out",
        version_key="format_version",
    ),
    files=(CONFIG,),
    folders=(CALLS,),
    alone=True,
)
_BOXES = '[annotations]\nspans = "boxes"\nwithout_table = "empty"\n'
_TABLE = ".selections.txt"

Count = Callable[[str, int, int], None]
"""Gets ``"calls"`` or ``"scenes"``, what is done of it and how much there is to do."""


@dataclass(frozen=True)
class PartFigures:
    """What one part of a set of scenes holds; ``callers`` counts animals, ``calls`` all their calls."""

    part: str
    scenes: int
    empty: int
    callers: int
    calls: int
    most_callers: int
    species: int
    clips: int
    sessions: int
    backgrounds: int
    licence: str


@dataclass(frozen=True)
class SceneSet:
    """A folder of scenes; ``notes``: one line for each thing that was left out."""

    path: Path
    parts: tuple[PartFigures, ...]
    notes: tuple[str, ...]

    def catalog(self, part: str) -> Path:
        """The folder of a part, a catalog."""
        return self.path / part


def make_scenes(
    recordings: Sequence[Recording],
    backgrounds: Sequence[Path],
    out: Path,
    settings: SceneSettings,
    *,
    fresh: bool = False,
    progress: Count | None = None,
) -> SceneSet:
    """Make scenes; a folder of the same settings is continued.

    Parameters
    ----------
    recordings : sequence of Recording
        Real ones, whose calls are pasted.
    backgrounds : sequence of Path
        As `avianvox.scenes.parts.backgrounds_in` takes them.
    out : Path
    settings : SceneSettings
    fresh : bool
        Erase the scenes in ``out`` first.
    progress : callable, optional

    Raises
    ------
    CatalogError, InputError
        There are no backgrounds, too few sessions, no calls, or the calls do not fit.
    RunError
        ``out`` holds something else, or scenes of other settings.
    """
    tell = progress or (lambda what, done, total: None)
    clips, notes = usable_clips(recordings, alone=settings.alone)
    grounds = backgrounds_in(backgrounds)
    if not clips:
        raise InputError("scenes: no recording has a species, a file and a licence that allows scenes of it")
    parts = settings.folds
    folds = fold_sessions(clips, grounds, parts, seed=settings.seed)
    kind = _kind(parts)
    if fresh:
        kind.erase(out)
    kind.refuse_foreign(out)
    heard = [r for fold in folds for r in (*fold.clips, *fold.backgrounds)]
    config = {
        **settings_to_mapping(settings),
        "recordings": catalog_hash(heard),
        "files": sha256("\n".join(f"{r.id}\t{_size(r.path)}" for r in heard).encode()).hexdigest(),
    }
    config = json.loads(json.dumps(config))
    if kind.config(out).exists():
        kind.refuse_other(out, kind.read(out), {**kind.file.head, **config})
    kind.begin(out, config)
    store = _CallStore(out / CALLS, settings)
    voices, silent, done = [], 0, 0
    for fold in folds:
        boxes = {}
        for clip in fold.clips:
            boxes[clip.id] = [cut.box for cut in store.cut(clip)]
            silent += not boxes[clip.id]
            done += 1
            tell("calls", done, len(clips))
        voices.append(Voices(fold, boxes))
        if not voices[-1].species:
            raise InputError(f"scenes: no clip of a fold of part '{fold.part}' has a call that stands out")
    if silent:
        notes.append(f"left out: {counted(silent, 'recording')} not decoded, or without a clear call")
    turns = (n % len(folds) for n in range(settings.n_scenes))
    plans = [draw_scene(n, fold, voices[fold], settings) for n, fold in enumerate(turns)]
    for number, scene in enumerate(plans, start=1):
        _write(scene, out / parts[scene.fold], store, settings)
        tell("scenes", number, len(plans))
    by_part = {part: [scene for scene in plans if parts[scene.fold] == part] for part in dict.fromkeys(parts)}
    found = tuple(_finish(part, scenes, out / part) for part, scenes in by_part.items())
    return SceneSet(out, found, tuple(notes))


class _CallStore:
    """Calls that were cut, on disk; those of the clip that was asked for last, in memory."""

    def __init__(self, folder: Path, settings: SceneSettings) -> None:
        self._folder, self._settings = folder, settings
        self._last: tuple[str, list[CutCall]] = ("", [])

    def _file(self, clip: Recording) -> Path:
        return self._folder / f"{sha256(clip.id.encode(errors='surrogateescape')).hexdigest()[:24]}.npz"

    def cut(self, clip: Recording) -> list[CutCall]:
        chosen = self._settings
        return kept_calls(
            self._file(clip),
            clip,
            listen_s=chosen.listen_s,
            longest_s=chosen.longest_s,
            sample_rate=chosen.sample_rate,
        )

    def of(self, paste: Paste) -> CutCall:
        if self._last[0] != paste.clip.id:
            self._last = (paste.clip.id, read_calls(self._file(paste.clip), paste.clip.label))
        return shifted(self._last[1][paste.call], paste.octaves, self._settings.sample_rate)


def _kind(parts: Sequence[str]) -> FolderKind:
    return FolderKind(FOLDER.file, FOLDER.files, (*FOLDER.folders, *dict.fromkeys(parts)), alone=True)


def _size(path: Path) -> int:
    return path.stat().st_size


def _write(scene: Scene, folder: Path, store: _CallStore, settings: SceneSettings) -> None:
    """The table of a scene, then its sound; nothing where it is there."""
    sound = folder / f"{scene.name}.wav"
    if sound.exists():
        return
    rows = [
        Detection(
            sound.name,
            begin_s=paste.box.begin_s,
            end_s=paste.box.end_s,
            low_hz=paste.box.low_hz,
            high_hz=paste.box.high_hz,
            scientific_name=paste.clip.label,
            common_name=paste.clip.common_name,
            decoded_s=settings.duration_s,
        )
        for paste in scene.pastes
    ]
    if rows:
        form_of("raven").write(rows, folder / f"{scene.name}{_TABLE}")
    blocks = scene_blocks(scene, store.of, settings)
    write_scene(sound, blocks, n_samples=settings.n_samples, sample_rate=settings.sample_rate)


def _finish(part: str, scenes: Sequence[Scene], folder: Path) -> PartFigures:
    """Index, settings of the tables and credits of a part."""
    sources = {r.id: r for scene in scenes for r in scene.made_of}
    clips = [r for r in {p.clip.id: p.clip for s in scenes for p in s.pastes}.values()]
    try:
        write_plain_csv(folder / INDEX, [_row(scene, folder, part) for scene in scenes], relative=True)
        with atomic_write(folder / SETTINGS) as stream:
            stream.write(_BOXES)
        with atomic_write(folder / CREDITS) as stream:
            stream.write("Synthetic scenes, made by avianvox of:\n")
            stream.writelines(sorted(f"{r.attribution}\n" for r in sources.values()))
    except OSError as error:
        raise output_error(error, folder) from error
    return PartFigures(
        part=part,
        scenes=len(scenes),
        empty=sum(not scene.pastes for scene in scenes),
        callers=sum(scene.n_callers for scene in scenes),
        calls=sum(len(scene.pastes) for scene in scenes),
        most_callers=max((scene.n_callers for scene in scenes), default=0),
        species=len({clip.label for clip in clips}),
        clips=len(clips),
        sessions=len({clip.session for clip in clips}),
        backgrounds=len({scene.background.id for scene in scenes}),
        licence=most_restrictive(r.licence for r in sources.values()),
    )


def _row(scene: Scene, folder: Path, part: str) -> Recording:
    """What a catalog says of a scene. Scenes of one fold share clips, and so are one session."""
    first, *others = scene.labels
    names = {paste.clip.label: paste.clip.common_name for paste in scene.pastes}
    return Recording(
        id=f"{part}-{scene.name}",
        path=folder / f"{scene.name}.wav",
        label=first,
        common_name=names.get(first, ""),
        background=tuple(others),
        recordist=RECORDIST,
        site=f"{part}, fold {scene.fold + 1}",
        licence=most_restrictive(r.licence for r in scene.made_of),
        origin="scene",
        made_of=tuple(r.id for r in scene.made_of),
        count=scene.n_callers,
        more=((CALLS_COLUMN, str(len(scene.pastes))), (BIN_COLUMN, bin_name(scene.n_callers))),
    )


def figures_mapping(found: SceneSet) -> dict[str, object]:
    """Plain values for JSON."""
    parts = [asdict(part) for part in found.parts]
    return {"out": str(found.path), "parts": parts, "notes": list(found.notes)}
