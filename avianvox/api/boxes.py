"""Boxes in time and frequency are found and judged: `find_boxes`, `judge_boxes`."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.watch import Watch
from avianvox.errors import AudioError, InputError

if TYPE_CHECKING:
    from avianvox.boxes.judge import Judged
    from avianvox.boxes.matching import Sound
    from avianvox.boxes.protocol import BoxSource
    from avianvox.boxes.search import Searched
    from avianvox.evaluation.detection import Metric
    from avianvox.types import Recording

SPECTROGRAMS = "spectrograms"
"""Folder of the pictures of recordings, in that of a judgement."""


def find_boxes(
    recordings: "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]",
    *,
    detector: "str | os.PathLike[str] | None" = None,
    model: "str | os.PathLike[str] | None" = None,
    min_score: float | None = None,
    threads: int = 1,
    out: "str | os.PathLike[str] | None" = None,
    pictures: int = 0,
    svg: bool = False,
    watch: Watch | None = None,
    **settings: float,
) -> "Searched":
    """Find boxes in recordings: with a detector, or by energy and shape alone.

    Parameters
    ----------
    recordings : path-like, or an iterable of them
        Sound files, and folders of them.
    detector : path-like, optional
        The file of a detector.
    model : str or path-like, optional
        Of what is found by energy: the model that gives each box a name and its score.
    min_score : float in [0, 1], optional
        Of a detector's box; that of its file by default.
    threads : int
        Of a detector.
    out : path-like, optional
        Folder for Raven selection tables.
    pictures : int
        Spectrograms with boxes of each recording, in ``out``.
    svg : bool
        SVG beside PNG.
    watch : Watch, optional
    **settings
        The fields of `avianvox.boxes.segmenter.SegmenterSettings`, without a detector.

    Returns
    -------
    Searched
        ``boxes`` has the boxes of each recording, ``failed`` a line for each that could not be read.

    Raises
    ------
    InputError, ModelFileError

    Examples
    --------
    >>> import avianvox as av
    >>> found = av.find_boxes("recording.ogg", peak_db=8.0)
    >>> box = found.boxes["recording.ogg"][0]
    >>> box.begin_s < box.end_s, box.low_hz < box.high_hz, 0 < box.score <= 1
    (True, True, True)
    """
    source = box_source(
        detector=detector, model=model, min_score=min_score, threads=threads, settings=settings
    )
    if pictures and out is None:
        raise InputError("--pictures needs a folder; give --out")
    paths = [recordings] if isinstance(recordings, str | os.PathLike) else recordings
    return search_into(
        source,
        [Path(path) for path in paths],
        None if out is None else Path(out),
        pictures=pictures,
        svg=svg,
        keep=True,
        by_begin=True,
        watch=watch,
    )


def box_source(
    *,
    detector: "str | os.PathLike[str] | None" = None,
    model: "str | os.PathLike[str] | None" = None,
    min_score: float | None = None,
    threads: int = 1,
    settings: Mapping[str, Any],
) -> "BoxSource":
    """What finds boxes, as `find_boxes` says."""
    if detector is not None:
        from avianvox.detect.detector import Detector

        idle = [f"--{name.replace('_', '-')}" for name in (*settings, *(["model"] if model else []))]
        if idle:
            raise InputError(f"{', '.join(idle)}: only without a detector")
        return Detector.open(os.fspath(detector), threads=threads, least_score=min_score)
    from avianvox.boxes.named import NamedBoxes
    from avianvox.boxes.segmenter import EnergySegmenter, SegmenterSettings
    from avianvox.config import settings_from_mapping
    from avianvox.inference.classifier import Classifier

    if min_score is not None:
        raise InputError("--min-score needs a detector")
    chosen = settings_from_mapping(SegmenterSettings, settings, table="segmenter")
    if model is None:
        return EnergySegmenter(chosen)
    classifier = Classifier.load(os.fspath(model))
    return NamedBoxes(EnergySegmenter(chosen, sample_rate=classifier.spec.sample_rate), classifier)


def search_into(
    source: "BoxSource",
    recordings: Sequence[Path],
    out: Path | None,
    *,
    form: str = "raven",
    pictures: int = 0,
    svg: bool = False,
    keep: bool = False,
    by_begin: bool = False,
    watch: Watch | None = None,
    about: Mapping[str, str] | None = None,
    refuse: "Callable[[str], None] | None" = None,
) -> "Searched":
    """Search recordings and write what is found to ``out`` as it comes; the rest is as in `search`."""
    from avianvox.audio.find import find_inputs
    from avianvox.boxes.pictures import Pictures
    from avianvox.boxes.search import Searched, search
    from avianvox.tables.formats import write_table

    searched = Searched()
    with (watch or Watch()).counting("boxes") as progress:
        rows = search(
            list(find_inputs(recordings)),
            source,
            searched,
            keep=keep,
            by_begin=by_begin,
            shown=Pictures(out / "pictures", pictures, svg=svg).draw if out and pictures else None,
            progress=progress,
        )
        if out is None:
            for _ in rows:
                pass
        else:
            root = recordings[0] if len(recordings) == 1 and recordings[0].is_dir() else None
            write_table(rows, out, form, root=root, about=about, refuse=refuse)
    return searched


def judge_boxes(
    truth: "str | os.PathLike[str]",
    found: "Searched | str | os.PathLike[str] | Iterable[str | os.PathLike[str]]",
    *,
    label: str = "",
    against: "Iterable[str | os.PathLike[str]]" = (),
    least_iou: float = 0.5,
    threshold: float = 0.5,
    choose: "Metric | None" = None,
    confirm: "str | os.PathLike[str] | None" = None,
    out: "str | os.PathLike[str] | None" = None,
    png: bool = True,
    pictures: int = 0,
    svg: bool = False,
    watch: Watch | None = None,
) -> "Judged":
    """Judge found boxes by boxes that people drew.

    Parameters
    ----------
    truth : path-like
        Recordings with tables of boxes; one without a table holds no box.
    found : Searched, path-like, or an iterable of paths
        What `find_boxes` gave, tables of any program, or folders of them.
    label : str
        Of drawn boxes that the tables give no name.
    against : iterable of path-like
        Tables of other sources, paired by session.
    least_iou : float in (0, 1]
        Intersection over union of a right box.
    threshold : float in [0, 1]
        Score from which boxes count for classes, for the curves against IoU, and in pictures.
    choose : {"f1", "precision", "recall", "accuracy"}, optional
        Keep the thresholds that maximise this figure in ``out``.
    confirm : path-like, optional
        Thresholds of an earlier judgement, used unchanged.
    out : path-like, optional
        Folder for the page, figures and charts.
    png : bool
        Charts as PNG beside SVG.
    pictures : int
        Spectrograms with drawn and found boxes of each recording, in ``out``.
    svg : bool
        They are SVG beside PNG.
    watch : Watch, optional
        Is told which boxes are left out.

    Raises
    ------
    CatalogError, InputError, MissingExtraError, OutputError

    Examples
    --------
    >>> import avianvox as av
    >>> judged = av.judge_boxes("annotated", av.find_boxes("annotated"), least_iou=0.3)
    >>> judged.n_drawn > 0, 0 <= judged.precision.found.value <= 1
    (True, True)
    """
    from avianvox.boxes.found import read_found
    from avianvox.boxes.judge import judge
    from avianvox.boxes.search import Searched
    from avianvox.boxes.written import confirm_file, open_folder, write_results
    from avianvox.dataset.sources.annotations import read_boxes
    from avianvox.errors import require_extra

    watch, place = watch or Watch(), None if out is None else Path(out)
    if place is None and (pictures or choose):
        raise InputError(f"--{'pictures' if pictures else 'choose'} needs a folder; give --out")
    if place is not None and png:
        require_extra("matplotlib", extra="plot", purpose="drawing PNG (or use --no-png)")
    catalog = read_boxes(Path(truth), label=label)
    for problem in catalog.problems:
        watch.say(problem.message)

    def read(tables: Sequence[Path]) -> "list[Sound]":
        sounds, wrong = read_found(tables, catalog.recordings)
        for line in wrong:
            watch.say(line)
        return sounds

    if isinstance(found, Searched):
        sounds, named = _sounds_of(found, catalog.recordings), "boxes found in Python"
    else:
        tables = [Path(p) for p in ([found] if isinstance(found, str | os.PathLike) else found)]
        sounds, named = read(tables), ", ".join(map(str, tables))
    others = {os.fspath(path): read([Path(path)]) for path in against}
    confirmed = [] if confirm is None else confirm_file(Path(confirm), sounds, least_iou=least_iou)
    if place is not None:
        open_folder(place)
    judged = judge(sounds, least_iou=least_iou, threshold=threshold, against=others)
    judged = replace(judged, confirmed=confirmed)
    if place is not None:
        write_results(place, judged, byline=f"{named} on {truth}.", choosing=choose, png=png)
        if pictures:
            _draw(sounds, catalog.recordings, place / SPECTROGRAMS, threshold, pictures, svg, watch)
    return judged


def _sounds_of(found: "Searched", recordings: "Sequence[Recording]") -> "list[Sound]":
    """Recordings that were looked at, with what a search found there."""
    from avianvox.boxes.matching import Sound

    boxes = {os.path.realpath(path): tuple(those) for path, those in found.boxes.items()}
    looked_at = [r for r in recordings if r.boxes is not None]
    return [Sound(r.id, r.session, r.boxes or (), boxes.get(os.path.realpath(r.path), ())) for r in looked_at]


def _draw(
    sounds: "Sequence[Sound]",
    recordings: "Sequence[Recording]",
    folder: Path,
    threshold: float,
    pictures: int,
    svg: bool,
    watch: Watch,
) -> None:
    """Draw drawn boxes and the found ones that count."""
    from avianvox.boxes.figures import at_least
    from avianvox.boxes.pictures import Pictures

    paths = {recording.id: recording.path for recording in recordings}
    drawing = Pictures(folder, pictures, svg=svg)
    with watch.counting("pictures") as count:
        for done, sound in enumerate(at_least(sounds, threshold), start=1):
            try:
                drawing.draw(paths[sound.name], sound.found, sound.drawn)
            except AudioError as error:
                watch.say(f"{paths[sound.name]}: {error.about(paths[sound.name])}")
            if count is not None:
                count(done, len(sounds))
