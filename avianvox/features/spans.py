"""The feature rows of a part of a recording: the rows that the whole has in that place.

Of a spec whose rows are not anchored, the rows of a part are made of its own sound alone. Otherwise frame
``t`` is centred on sample ``t * hop_length``; a part has the frames whose centres lie in it, the end
left out. So its first and last frames look half an FFT length beyond it, as those of windows do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np

from avianvox.audio.decode import TOLERANCE_S, Probe
from avianvox.audio.excerpt import Excerpt
from avianvox.features.kinds import Spec
from avianvox.features.spec import FeatureSpec
from avianvox.types import Span, Status


def span_frames(spec: Spec, span: Span) -> tuple[int, int | None]:
    """The first frame of a part, and the one behind its last; None for a part that goes on to the end.

    A part between two frames has the one that follows.

    Examples
    --------
    >>> span_frames(FeatureSpec(), (1.0, 2.0))
    (44, 87)
    """
    rate = spec.sample_rate / spec.hop_length
    begin_s, end_s = span
    first = ceil(begin_s * rate)
    return first, None if end_s is None else max(first + 1, ceil(end_s * rate))


def open_span(path: Path, spec: Spec, span: Span) -> tuple[Excerpt, int]:
    """The sound that the frames of a part look at, and how many frames of it come before the first of them.

    Raises as `avianvox.audio.excerpt.Excerpt` does.
    """
    if not spec.anchored:
        first, end = (None if s is None else round(s * spec.sample_rate) for s in span)
        return Excerpt(path, sample_rate=spec.sample_rate, first=first or 0, last=end), 0
    first, last = span_frames(spec, span)
    around = spec.n_fft // 2 if isinstance(spec, FeatureSpec) else 0  # what a row looks at on either side
    before = min(first, ceil(around / spec.hop_length))
    end = None if last is None else (last - 1) * spec.hop_length + around
    begin = (first - before) * spec.hop_length
    return Excerpt(path, sample_rate=spec.sample_rate, first=begin, last=end), before


def span_rows(blocks: Iterable[np.ndarray], spec: Spec, span: Span, before: int) -> Iterator[np.ndarray]:
    """Of blocks of rows, shape (_, n_features), those that belong to the part."""
    if not spec.anchored:
        yield from blocks
        return
    first, last = span_frames(spec, span)
    left = None if last is None else last - first
    for block in blocks:
        rows = block[before:][:left]
        before = max(0, before - len(block))
        left = None if left is None else left - len(rows)
        if len(rows):
            yield rows


def span_report(report: Probe, spec: Spec, span: Span, n_frames: int) -> Probe:
    """What is to be said about a part of which ``n_frames`` frames came out; the span is its header."""
    begin_s, end_s = span
    if not spec.anchored:
        wanted_s = None if end_s is None else end_s - begin_s
        report = replace(report, header_s=wanted_s)
        if n_frames:
            return report
        message = f"the recording ends before this part, at {begin_s:.1f} s"
        return replace(report, status=Status.EMPTY, message=message)
    first, last = span_frames(spec, span)
    report = replace(report, header_s=None, decoded_s=spec.frames_to_seconds(n_frames))
    if last is None:
        return report
    report = replace(report, header_s=spec.frames_to_seconds(last - first))
    if not n_frames:
        return replace(
            report, status=Status.EMPTY, message=f"the recording ends before this part, at {span[0]:.1f} s"
        )
    if spec.frames_to_seconds(last - first - n_frames) < TOLERANCE_S:
        return report
    message = f"the part is {report.header_s:.1f} s long, {report.decoded_s:.1f} s decode"
    return replace(report, status=Status.TRUNCATED, message=message)
