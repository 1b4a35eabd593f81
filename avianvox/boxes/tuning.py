"""Settings of the plain segmenter that fit drawn boxes: the baseline at its best.

Band and lengths follow from the boxes; heights, gap and trim are those of the best average precision at an
IoU of 0.5 over a small grid. What is tuned has to be judged on other recordings, best on other recorders.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.boxes.components import Cells
from avianvox.boxes.matching import Sound, match
from avianvox.boxes.overlap import as_array, iou
from avianvox.boxes.precision import average_precision
from avianvox.boxes.segmenter import EnergySegmenter, Heights, SegmenterSettings
from avianvox.errors import InputError
from avianvox.types import Box, Recording

LEAST_DB, PEAK_DB = (2.0, 2.5, 3.5), (4.0, 5.0, 6.0, 8.0)
GAP_S, TRIM = (0.1, 0.2, 0.3), (0.02, 0.05)
_NEAR = 0.1  # IoU from which a found box tells how much wider people draw


class Heard:
    """Heights of recordings, kept in memory: some 20 MB for each hour and 128 bands."""

    def __init__(self, recordings: Sequence[Recording], *, sample_rate: int = 22050) -> None:
        self.recordings = [recording for recording in recordings if recording.boxes is not None]
        self.sample_rate = sample_rate
        self._heights = [self._of(recording) for recording in self.recordings]

    def _of(self, recording: Recording) -> tuple[np.ndarray, float]:
        heights = Heights(EnergySegmenter(sample_rate=self.sample_rate).spec)
        with open_audio(recording.path, sample_rate=self.sample_rate) as audio:
            parts = [rows.astype(np.float16) for block in audio for rows in heights.push(block)]
            parts += [rows.astype(np.float16) for rows in heights.finish()]
            return np.concatenate(parts), audio.report.decoded_s or 0.0

    def chosen(self, keep: Callable[[Recording], bool]) -> Iterator[tuple[Recording, np.ndarray, float]]:
        """Recordings, their heights and seconds."""
        for recording, (heights, length_s) in zip(self.recordings, self._heights, strict=True):
            if keep(recording):
                yield recording, heights, length_s


def fit_settings(
    heard: Heard, keep: Callable[[Recording], bool] = lambda _: True
) -> tuple[SegmenterSettings, float]:
    """The settings that fit the boxes of recordings, and their average precision there.

    Parameters
    ----------
    heard : Heard
    keep : callable
        Which of the recordings to learn from.

    Raises
    ------
    InputError
        No box is drawn in them.
    """
    chosen = list(heard.chosen(keep))
    drawn = [box for recording, _, _ in chosen for box in recording.boxes or ()]
    if not drawn:
        raise InputError("boxes: expected recordings with drawn boxes to fit settings to, found none")
    edges = as_array(drawn)
    first = SegmenterSettings(
        low_hz=float(edges[:, 2].min()) * 0.9,
        high_hz=float(edges[:, 3].max()) * 1.1,
        shortest_s=0.5 * float((edges[:, 1] - edges[:, 0]).min()),
        longest_s=2.0 * float((edges[:, 1] - edges[:, 0]).max()),
    )
    best, most = first, -1.0
    for least_db, trim in product(LEAST_DB, TRIM):
        base = replace(first, least_db=least_db, trim=trim)
        parts = [_parts(EnergySegmenter(base, sample_rate=heard.sample_rate), rows) for _, rows, _ in chosen]
        for peak_db, gap_s in product(PEAK_DB, GAP_S):
            settings = replace(base, peak_db=peak_db, gap_s=gap_s)
            settings = _with_margins(settings, _sounds(settings, heard.sample_rate, chosen, parts))
            sounds = _sounds(settings, heard.sample_rate, chosen, parts)
            (figure,) = average_precision(match(sounds, 0.5))
            if figure > most:
                best, most = settings, float(figure)
    return best, most


def _parts(segmenter: EnergySegmenter, heights: np.ndarray) -> list[Cells]:
    components = segmenter.components()
    return [c for row in heights for c in components.push(row.astype(np.float32))] + components.finish()


def _sounds(
    settings: SegmenterSettings,
    sample_rate: int,
    chosen: Sequence[tuple[Recording, np.ndarray, float]],
    parts: Sequence[Sequence[Cells]],
) -> list[Sound]:
    segmenter, sounds = EnergySegmenter(settings, sample_rate=sample_rate), []
    for (recording, _, length_s), cells in zip(chosen, parts, strict=True):
        groups = segmenter.groups()
        for one in cells:
            if one.peak_db >= settings.peak_db:
                groups.push(one)
        boxes = (segmenter.box(one, length_s) for one in groups.finish())
        found = tuple(box for box in boxes if box is not None)
        sounds.append(Sound(recording.id, recording.session, recording.boxes or (), found))
    return sounds


def _with_margins(settings: SegmenterSettings, sounds: Sequence[Sound]) -> SegmenterSettings:
    """Margins by which people draw wider than these settings find, in the middle of all that nearly agree."""
    pairs: list[tuple[Box, Box]] = []
    for sound in sounds:
        agreement = iou(as_array(sound.drawn), as_array(sound.found))
        for drawn, row in zip(sound.drawn, agreement, strict=True):
            if len(row) and row.max() >= _NEAR:
                pairs.append((drawn, sound.found[int(row.argmax())]))
    if not pairs:
        return settings
    wider = as_array([found for _, found in pairs]) - as_array([drawn for drawn, _ in pairs])
    margin_s = (np.median(wider[:, 0]) - np.median(wider[:, 1])) / 2
    margin_hz = (np.median(wider[:, 2]) - np.median(wider[:, 3])) / 2
    return replace(settings, margin_s=max(0.0, float(margin_s)), margin_hz=max(0.0, float(margin_hz)))
