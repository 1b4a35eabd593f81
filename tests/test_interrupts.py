"""The program that interrupts commands at random moments, in short; in full, `python -m tests.interrupts`."""

import os
import random

import pytest
from interrupts import COMMANDS, ground, trial

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")]


def test_interrupts_lose_and_leave_nothing() -> None:
    names = ("features build", "classify", "download", "segments")
    assert set(names) <= set(COMMANDS)
    with ground() as here:
        for name in names:
            found = trial(here, name, 2, random.Random(name), ("SIGINT", "SIGTERM"))
            assert found.is_good, f"{name}: {found}"
            assert found.interrupts == 2
