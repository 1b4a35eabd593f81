"""The page on training names every row of every table that it is about."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from avianvox.dataset.crops import PADDINGS
from avianvox.dataset.placing import PLACINGS
from avianvox.features.spec import COMBINATIONS
from avianvox.models.protocol import TrainSettings
from avianvox.models.shapes import SHAPES
from avianvox.tasks import TASK_KINDS
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.emphasis import EMPHASES
from avianvox.training.ensembles import ENSEMBLES
from avianvox.training.guides import GUIDES
from avianvox.training.losses import LOSSES
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.samplers import SAMPLERS
from avianvox.training.schedules import SCHEDULES
from avianvox.training.self_training import SELF_TRAININGS

PAGE = (Path(__file__).parents[1] / "docs" / "train.md").read_text(encoding="utf-8")
TABLES = {
    "combine": COMBINATIONS,
    "padding": PADDINGS,
    "placing": PLACINGS,
    "sampler": SAMPLERS,
    "augment": AUGMENTATIONS,
    "guide": GUIDES,
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "emphasis": EMPHASES,
    "ensemble": ENSEMBLES,
    "self_training": SELF_TRAININGS,
    "shape": SHAPES,
    "tasks": TASK_KINDS,
}


@pytest.mark.parametrize("setting", [f.name for f in fields(TrainSettings) if f.metadata])
def test_the_page_names_every_setting_that_is_off_by_default(setting: str) -> None:
    assert re.search(rf"^\| `{setting.rstrip('_')}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("setting", TABLES)
def test_the_page_names_every_row(setting: str) -> None:
    (line,) = re.findall(rf"^\| `{setting}` \|(.*)\|$", PAGE, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", line))
    assert set(TABLES[setting]) <= named
