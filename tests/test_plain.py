"""Everything becomes what strict JSON takes."""

import json

import numpy as np

from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.plain import plain


def test_values_for_json() -> None:
    value = {
        3: Interval(np.float64(1 / 3), np.nan, np.inf),
        "array": np.array([[1, 2]]),
        "pair": (np.bool_(True), None, "two"),
    }
    expected = {
        "3": {"value": 0.333333, "low": None, "high": None},
        "array": [[1, 2]],
        "pair": [True, None, "two"],
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected
