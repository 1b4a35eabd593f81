"""Boxes of another source, named by a classifier that hears the same sound."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from avianvox.errors import InputError
from avianvox.inference.box_source import Fork, PushedSource
from avianvox.inference.classifier import Classifier
from avianvox.types import NO_BIRD, Box, Window


class NamedBoxes:
    """A `BoxSource` whose boxes have the label and the score of a classifier.

    The scores of windows that a box lies in, weighed by the time that they share with it, are averaged; the
    best species is the label. Boxes in which "no bird" is the best are left out. Without a window that was
    scored, a box has no label, and the score of its source.

    Parameters
    ----------
    source : PushedSource
    classifier : Classifier
        Its sample rate is that of the source.
    overlap_s : float, seconds, optional
        Of neighbouring windows; by default half a window.
    """

    def __init__(
        self, source: PushedSource, classifier: Classifier, *, overlap_s: float | None = None
    ) -> None:
        if source.sample_rate != classifier.spec.sample_rate:
            raise InputError(
                f"boxes: the model hears sound at {classifier.spec.sample_rate} Hz, and the source of boxes "
                f"at {source.sample_rate} Hz; give both the same rate"
            )
        self._source, self._classifier = source, classifier
        classifier.refuse_nameless()
        self._overlap_s = classifier.spec.window_s / 2 if overlap_s is None else overlap_s
        animals = classifier.animals
        chosen = np.arange(len(classifier.labels)) if animals is None else np.array(animals)
        self._silent = classifier.labels.index.get(NO_BIRD, -1)
        self._candidates = np.union1d(chosen, [self._silent]) if self._silent >= 0 else chosen

    @property
    def sample_rate(self) -> int:
        return self._source.sample_rate

    def boxes(self, blocks: Iterable[np.ndarray]) -> Iterator[Box]:
        """The boxes of one recording, as `BoxSource.boxes` says."""
        heard: deque[Window] = deque()
        kept_s = self._source.latest_s + self._classifier.spec.window_s
        fork = Fork(self._source.stream, sample_rate=self.sample_rate)
        found = fork.found
        for window in self._classifier.windows(fork.blocks(blocks), overlap_s=self._overlap_s):
            heard.append(window)
            while heard[0].end_s < window.begin_s - kept_s:
                heard.popleft()
            while found and found[0].end_s < window.begin_s:
                yield from self._named(found.popleft(), heard)
        while found:
            yield from self._named(found.popleft(), heard)

    def _named(self, box: Box, heard: Iterable[Window]) -> Iterator[Box]:
        shared = [
            (max(0.0, min(box.end_s, window.end_s) - max(box.begin_s, window.begin_s)), window.scores)
            for window in heard
        ]
        total = sum(seconds for seconds, _ in shared)
        if not total:
            yield box
            return
        scores = sum(np.float64(seconds / total) * row for seconds, row in shared)
        best = int(self._candidates[np.asarray(scores)[self._candidates].argmax()])
        if best != self._silent:
            score = min(1.0, float(np.asarray(scores)[best]))
            yield replace(box, label=self._classifier.labels.names[best], score=score)
