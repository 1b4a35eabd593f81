"""Everything that boxes are judged by, as one value: start at `judge`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avianvox.boxes.figures import (
    ClassRow,
    Confirmed,
    Trend,
    against_iou,
    best_ious,
    class_rows,
    iou_trend,
    threshold_rows,
    with_boxes,
)
from avianvox.boxes.found import labels_in
from avianvox.boxes.matching import Sound
from avianvox.boxes.precision import IOUS, paired_difference, precision_interval
from avianvox.evaluation.bootstrap import N_RESAMPLES, Interval
from avianvox.evaluation.detection import DetectionRow


@dataclass(frozen=True)
class Averaged:
    """Average precision at one IoU and as the mean over 0.50 to 0.95, boxes found and boxes named."""

    found: Interval
    found_mean: Interval
    named: Interval
    named_mean: Interval


@dataclass(frozen=True)
class Judged:
    """What boxes are worth.

    Attributes
    ----------
    n_recordings, n_sessions, n_empty, n_drawn, n_found : int
        ``n_empty``: recordings without a drawn box.
    least_iou, threshold : float
        Asked of a right box; and the score from which boxes count for classes and the curves against IoU.
    precision : Averaged
    thresholds, thresholds_with_boxes : list of DetectionRow
        Of all recordings, and of those with a drawn box.
    classes : list of ClassRow
    against_iou : list of (IoU, precision, recall)
    mean_iou : float
        Of drawn boxes with the found box that agrees most, whatever its score.
    trend : Trend
        Drawn boxes of a label against its IoU.
    gains : dict of str to Averaged
        Average precision minus that of other tables, paired by session.
    confirmed : list of Confirmed
    """

    n_recordings: int
    n_sessions: int
    n_empty: int
    n_drawn: int
    n_found: int
    least_iou: float
    threshold: float
    precision: Averaged
    thresholds: list[DetectionRow]
    thresholds_with_boxes: list[DetectionRow]
    classes: list[ClassRow]
    against_iou: list[tuple[float, float, float]]
    mean_iou: float
    trend: Trend
    gains: dict[str, Averaged] = field(default_factory=dict)
    confirmed: list[Confirmed] = field(default_factory=list)


def judge(
    sounds: Sequence[Sound],
    *,
    least_iou: float = 0.5,
    threshold: float = 0.5,
    against: Mapping[str, Sequence[Sound]] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Judged:
    """Judge what was found in recordings.

    Parameters
    ----------
    sounds : sequence of Sound
    least_iou, threshold : float
        As in `Judged`.
    against : mapping of str to sequence of Sound, optional
        What others found in the same recordings.
    n_resamples, seed : int
        Of the intervals.
    """
    options = {"n_resamples": n_resamples, "seed": seed}

    def averaged(figure: "object") -> Averaged:
        assert callable(figure)
        return Averaged(
            *(
                figure(ious, named=named, **options)
                for named in (False, True)
                for ious in ((least_iou,), IOUS)
            )
        )

    met = best_ious(sounds)
    return Judged(
        n_recordings=len(sounds),
        n_sessions=len({sound.session for sound in sounds}),
        n_empty=sum(not sound.drawn for sound in sounds),
        n_drawn=sum(len(sound.drawn) for sound in sounds),
        n_found=sum(len(sound.found) for sound in sounds),
        least_iou=least_iou,
        threshold=threshold,
        precision=averaged(lambda ious, **more: precision_interval(sounds, ious, **more)),
        thresholds=threshold_rows(sounds, least_iou=least_iou),
        thresholds_with_boxes=threshold_rows(with_boxes(sounds), least_iou=least_iou),
        classes=class_rows(sounds, threshold=threshold, least_iou=least_iou),
        against_iou=against_iou(sounds, threshold=threshold),
        mean_iou=float(met.mean()) if len(met) else float("nan"),
        trend=iou_trend(sounds, labels_in(sounds)),
        gains={
            name: averaged(
                lambda ious, others=others, **more: paired_difference(sounds, others, ious, **more)
            )
            for name, others in (against or {}).items()
        },
    )
