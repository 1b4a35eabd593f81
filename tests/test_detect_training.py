"""Training a detector: run folder, resuming, what is left out and refused, and weights to begin from."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_detector import CONFIG, SPEC, boxed_folder, tiny_trunk

from avianvox.dataset.sources.annotations import read_boxes
from avianvox.detect.figures import average_precision, box_figures
from avianvox.detect.run import DetectorRun
from avianvox.detect.settings import DetectConfig, read_detect_file
from avianvox.detect.train import held_out, learnable, train_detector
from avianvox.detect.windows import BoxedRecordings, WindowBatches
from avianvox.errors import ConfigError, InputError, RunError
from avianvox.features.provide import provide_store
from avianvox.features.store import FeatureStore
from avianvox.training.run import read_arrays
from avianvox.types import NO_BIRD, Box, Recording
from avianvox.workers import Workplace

SHORT = replace(CONFIG, steps=4, evaluate_every=2)


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    with tiny_trunk():
        yield


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    return read_boxes(boxed_folder(tmp_path_factory.mktemp("boxed"))).recordings


@pytest.fixture(scope="module")
def store(recordings: tuple[Recording, ...], tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("features") / "store"
    return provide_store(recordings, SPEC, path, workplace=Workplace(1))


@pytest.fixture(scope="module")
def trained(
    recordings: tuple[Recording, ...], store: FeatureStore, tmp_path_factory: pytest.TempPathFactory
) -> DetectorRun:
    return train_detector(recordings, store, SHORT, tmp_path_factory.mktemp("runs") / "run", spec=SPEC)


def test_a_run_holds_what_came_of_it_and_opens_again(trained: DetectorRun) -> None:
    names = {"config.json", "split.json", "checkpoint.npz", "history.csv", "learning_curve.png"}
    assert {path.name for path in trained.path.iterdir()} == names | {
        "weights.npz",
        "figures.json",
        "train.log",
    }
    history = (trained.path / "history.csv").read_text().splitlines()
    assert history[0].split(",")[:2] == ["step", "loss"]
    assert history[0].endswith("iou,ap50")
    assert [row.split(",")[0] for row in history[1:]] == ["2", "4"]
    assert len(trained.plan.labels) == 2
    assert trained.figures["train"].keys() == {"iou", "ap50"}
    weights = read_arrays(trained.path / "weights.npz")
    for name, array in trained.network().arrays().items():
        np.testing.assert_array_equal(array, weights[name])


def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    trained: DetectorRun, recordings: tuple[Recording, ...], store: FeatureStore, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(step: int, *_: object) -> None:
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        train_detector(recordings, store, SHORT, tmp_path / "run", spec=SPEC, progress=kill)
    with pytest.raises(RunError, match="not complete"):
        DetectorRun.open(tmp_path / "run")
    with pytest.raises(RunError, match="--resume or replace it with --fresh"):
        train_detector(recordings, store, SHORT, tmp_path / "run", spec=SPEC)
    other = replace(SHORT, learning_rate=1e-4)
    with pytest.raises(RunError, match=r"learning_rate was 0.003 and is 0.0001"):
        train_detector(recordings, store, other, tmp_path / "run", spec=SPEC, resume=True)
    resumed = train_detector(recordings, store, SHORT, tmp_path / "run", spec=SPEC, resume=True)
    before, after = (read_arrays(run.path / "weights.npz") for run in (trained, resumed))
    for name, array in before.items():
        np.testing.assert_allclose(array, after[name], atol=1e-5)
    assert (resumed.path / "history.csv").read_text().count("\n") == 3


def test_weights_of_another_run_are_begun_from(
    trained: DetectorRun, recordings: tuple[Recording, ...], store: FeatureStore, tmp_path: Path
) -> None:
    config = replace(SHORT, steps=1, from_=os.fspath(trained.path))
    run = train_detector(recordings, store, config, tmp_path / "run", spec=SPEC)
    taken = run.config["begun_from"]["taken"]
    assert "block1_conv" in taken
    assert "region_classes" in taken  # the classes are the same
    with pytest.raises(RunError, match="no training run in"):
        train_detector(
            recordings,
            store,
            replace(config, from_=os.fspath(trained.path.parent)),
            tmp_path / "other",
            spec=SPEC,
        )


def test_recordings_without_boxes_are_background_or_left_out(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    one, *others = recordings
    undrawn = [replace(one, boxes=None), *others]
    assert learnable(undrawn, store).left_out == (
        f"{one.id}: nobody drew boxes in it; add its table, or label it '{NO_BIRD}'",
    )
    quiet = learnable([replace(one, boxes=None, label=NO_BIRD), *others], store)
    assert quiet.boxes[one.id] == ()
    assert quiet.left_out == ()


def test_a_class_with_one_box_is_told_and_none_is_an_error(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    single = replace(recordings[-1], boxes=(Box(1, 2, 500, 900, "Rara avis"),))
    learned = learnable([*recordings[:-1], single], store)
    assert learned.left_out == ("class 'Rara avis': one box, expected 2 or more",)
    data = BoxedRecordings.of(store, learned.boxes, learned.names)
    assert len(data.all_boxes) == sum(len(r.boxes or ()) for r in recordings)
    with pytest.raises(InputError, match="no class with 2 boxes or more in 1 recordings"):
        learnable([single], store)
    with pytest.raises(InputError, match="name what they hold with --label"):
        learnable([replace(single, boxes=(Box(1, 2, 500, 900),))], store)


def test_whole_sessions_are_held_out_and_each_class_is_still_learned(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    learned = learnable(recordings, store)
    out = held_out(learned, replace(CONFIG, validation=0.5))
    assert 0 < len(out) <= 2
    left = {box.label for name, found in learned.boxes.items() if name not in out for box in found}
    assert left == set(learned.names)
    assert held_out(learned, CONFIG) == set()


def test_batches_depend_on_step_and_seed_alone(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    learned = learnable(recordings, store)
    data = BoxedRecordings.of(store, learned.boxes, learned.names)
    batches = WindowBatches(data, replace(CONFIG, batch_size=16, boxed=1.0, mix=0.0))
    windows, pieces = batches.batch(3)
    assert windows.shape == (16, SPEC.n_frames, SPEC.n_mels)
    assert all(len(piece.boxes) + len(piece.ignored) for piece in pieces)
    again, _ = WindowBatches(data, batches.config).batch(3)
    np.testing.assert_array_equal(windows, again)
    assert not np.array_equal(windows, batches.batch(4)[0])
    mixed = WindowBatches(data, replace(batches.config, mix=1.0)).batch(3)[1]
    assert sum(len(p.boxes) for p in mixed) > sum(len(p.boxes) for p in pieces)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[detect]\naugment = ['blend']", r"augment: expected some of height.* got 'blend'"),
        ("[detect]\nstep = 3", r"\[detect\] has no key 'step'; did you mean 'steps'"),
        ("[detect]\nsteps = 0", "steps: expected 1 or more, got 0"),
        ("[detect]\noptimiser = 'adamm'", "did you mean 'adam'"),
        ("[train]\nsteps = 3", r"no table \[train\]"),
    ],
)
def test_settings_that_are_wrong_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_detect_file(tmp_path / "a.toml", {})


def test_settings_of_the_command_go_before_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[detect]\nsteps = 7\nseed = 3\nwindow_frames = 64\n")
    config, spec = read_detect_file(tmp_path / "a.toml", {"seed": 5})
    assert config == DetectConfig(steps=7, seed=5, window_frames=64)
    assert (spec.n_frames, spec.combine) == (64, "above_floor")


def test_figures_of_boxes() -> None:
    truth = [[Box(0, 1, 0, 100, "a"), Box(2, 3, 0, 100, "a")], []]
    good, doubled = Box(0, 1, 0, 100, "a", 0.9), Box(0, 1, 0, 90, "a", 0.8)
    assert box_figures(truth, [[good], []], ("a", "b")) == {"iou": 0.5, "ap50": 0.5}
    assert average_precision(truth, [[good, doubled], []], "a") == 0.5  # the second one is wrong, and later
    first = Box(5, 6, 0, 100, "a", 0.95)
    assert average_precision(truth, [[good], [first]], "a") == 0.25
    assert np.isnan(average_precision(truth, [[], []], "b"))
    named = [[replace(good, label="b"), Box(2, 3, 0, 100, "a", 0.4)], []]
    assert box_figures(truth, named, ("a",)) == {"iou": 0.0, "ap50": 0.5}
    json.dumps(box_figures([[]], [[]], ()))
