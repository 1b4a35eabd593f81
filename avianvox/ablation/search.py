"""`search`: which kernels, pools, depth and width of a network answer best; the library is Optuna.

Each shape that is tried is a step of the ablation, with its predictions kept and its row in the table. What
was tried stands in ``search.journal`` in the run folder, so that a search that was stopped goes on; the best
one is written to ``best.toml``, for ``avianvox train --config``.

References
----------
Bergstra et al., "Algorithms for hyper-parameter optimization", 2011; Akiba et al., "Optuna: a
next-generation hyperparameter optimization framework", 2019.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avianvox.ablation.figures import Ablation
from avianvox.ablation.steps import Step
from avianvox.config import Choice, settings_to_mapping, settled
from avianvox.errors import ConfigError, RunError, require_extra
from avianvox.files import atomic_write
from avianvox.models.networks import NETWORKS
from avianvox.models.shapes import SHAPES, BlocksShape
from avianvox.randomness import hash_name

JOURNAL = "search.journal"
BEST = "best.toml"

MOST_WEIGHTS = 1_000_000
"""Of the convolutions of a shape: 2 MB as float16."""

_RANDOM = 8  # shapes that are drawn blindly before the densities say something


@dataclass(frozen=True)
class Tried:
    """A shape and the accuracy per recording that it reached; None where it could not be fitted."""

    name: str
    shape: Mapping[str, Any]
    accuracy: float | None


def search(
    fit: Callable[[Sequence[Step]], Ablation],
    base: Step,
    out: Path,
    *,
    n: int,
    seed: int = 0,
    tried: Callable[[Tried], None] | None = None,
) -> list[Tried]:
    """Try shapes until ``n`` are known, those of an earlier search in ``out`` included.

    Parameters
    ----------
    fit : callable
        Fits the base and one step, and gives the table of the run so far.
    base : Step
        Of a network that takes a shape.
    out : Path
        The run folder, in which the base is fitted.
    n, seed : int
    tried : callable, optional
        Gets each shape as it is known.

    Returns
    -------
    list of Tried
        In their order.

    Raises
    ------
    ConfigError
        The base's network takes no shape.
    MissingExtraError
        Optuna is not installed.
    RunError
        The journal is damaged.
    """
    if base.model not in NETWORKS or not NETWORKS.get(base.model).shaped:
        raise ConfigError(f"[base] model: expected a network that takes a shape, got {base.model}")
    require_extra("optuna", extra="search", purpose="avianvox ablate --search")
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = _study(out / JOURNAL, seed)
    known: dict[str, float | None] = {}
    found: list[Tried] = []
    for number in range(n):
        if number == len(study.get_trials(deepcopy=False)):
            study.sampler = _sampler(hash_name(seed, "search", number))
            _ask(study)
        trial = study.get_trials(deepcopy=False)[number]
        shape = shape_of(trial.params)
        name, key = f"shape_{number + 1:03}", json.dumps(shape)
        accuracy: float | None = trial.value
        if trial.state == TrialState.RUNNING:  # new, or of a search that was stopped
            if key not in known:
                known[key] = _accuracy(fit([base, shaped(base, name, shape)]), name)
            accuracy = known[key]
            failed = TrialState.FAIL if accuracy is None else None
            study.tell(number, accuracy, state=failed)
        known[key] = accuracy
        found.append(Tried(name, shape, accuracy))
        if tried is not None:
            tried(found[-1])
    best = max(found, key=lambda one: -1.0 if one.accuracy is None else one.accuracy)
    if best.accuracy is not None:
        write_best(out / BEST, shaped(base, best.name, best.shape), best)
    return found


def shaped(base: Step, name: str, shape: Mapping[str, Any]) -> Step:
    """The base with another shape."""
    choice = settled(SHAPES, Choice("blocks", tuple(shape.items())), "train.shape")
    changes = {"shape": {"kind": "blocks", **shape}}
    return Step(name, base.model, replace(base.settings, shape=choice), base.spec, changes)


def shape_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a shape, from the numbers that are searched.

    The last block is ``wider`` by so many filters than the first one, which has ``begin``; those between go
    evenly. Poolings by 2 are spread evenly over the blocks. What would have too many weights is narrower.
    """
    depth, begin = params["depth"], params["begin"]
    shape = {
        "first": params["first"],
        "filters": [8 * round((begin + params["wider"] * i / (depth - 1)) / 8) for i in range(depth)],
        "kernels": [params["kernel"]],
        "time_pools": _spread(params["time_pools"], depth),
        "band_pools": _spread(params["band_pools"], depth),
    }
    while n_weights(shape) > MOST_WEIGHTS:
        shape["filters"] = [filters - 8 for filters in shape["filters"]]
    return shape


def n_weights(shape: Mapping[str, Any]) -> int:
    """Weights of the convolutions after the first block."""
    before, total = shape["first"], 0
    for filters, kernel, _ in BlocksShape(**{key: _tuple(value) for key, value in shape.items()}).blocks:
        total, before = total + kernel**2 * before * filters, filters
    return int(total)


def write_best(path: Path, step: Step, found: Tried) -> None:
    """The step as a file for ``--config``."""
    values = settings_to_mapping(step.settings)
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    text = (
        f"# {found.name}: accuracy {found.accuracy:.3f} on the folds by which it was chosen\n"
        f'[train]\nmodel = "{step.model}"\nvalidation = 0.0\n' + "\n".join(lines) + "\n"
    )
    with atomic_write(path, "wb") as stream:
        stream.write(text.encode())


def _study(journal: Path, seed: int) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        storage = JournalStorage(JournalFileBackend(str(journal)))
        return optuna.create_study(
            study_name=f"shapes of seed {seed}", storage=storage, direction="maximize", load_if_exists=True
        )
    except (ValueError, KeyError, OSError) as error:
        raise RunError(f"{journal} is damaged ({error}); start anew with --fresh") from error


def _sampler(seed: int) -> Any:
    """For one shape: a search that goes on draws what one without a stop draws."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed % 2**32, n_startup_trials=_RANDOM)


def _ask(study: Any) -> None:
    """Draw the next shape."""
    trial = study.ask()
    trial.suggest_int("depth", 3, 7)
    trial.suggest_categorical("first", [24, 32, 40, 56])
    trial.suggest_categorical("kernel", [3, 5])
    trial.suggest_int("time_pools", 0, 2)
    trial.suggest_int("band_pools", 1, 3)
    trial.suggest_int("begin", 32, 96, step=16)
    trial.suggest_int("wider", 0, 96, step=16)


def _accuracy(result: Ablation, name: str) -> float | None:
    for row in result.rows:
        if row.step == name and not math.isnan(row.accuracy.value):
            return float(row.accuracy.value)
    return None


def _spread(n: int, depth: int) -> list[int]:
    places = {round((i + 1) * depth / (n + 1)) - 1 for i in range(n)}
    return [2 if i in places else 1 for i in range(depth)]


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
