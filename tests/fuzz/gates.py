"""Files of ``avianvox gate train``, and a window scored with each of them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from avianvox.inference.gate import Gate
from tests.fuzz.hostile import jsons


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    document = Gate.load().to_mapping()
    for number, (name, text) in enumerate(jsons(rng, document)):
        path = folder / f"{number}.json"
        path.write_bytes(text)
        yield name, partial(_use, path)


def _use(path: Path) -> None:
    gate = Gate.load(path)
    score = gate.score(np.full((128, gate.spec.n_mels), -40.0, np.float32))
    assert 0 <= score <= 1, f"a score of {score}"
    assert gate.threshold == gate.threshold, "a threshold that is no number"
