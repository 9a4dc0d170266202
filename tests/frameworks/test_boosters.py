"""Boosters of XGBoost and LightGBM, imported and asked 1000 rows over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    """The boosters, and their answers."""
    return make("boosters", None)


@pytest.mark.parametrize(
    ("framework", "file"),
    [
        ("LightGBM", "lightgbm-digits.txt"),
        ("LightGBM", "lightgbm-categories.txt"),
        ("XGBoost", "xgboost-digits.ubj"),
        ("XGBoost", "xgboost-diabetes.json"),
    ],
)
def test_a_booster_answers_over_http_as_its_library_did(
    made: Path, faithful: Callable[..., Any], framework: str, file: str
) -> None:
    with np.load(made / f"{file.partition('.')[0]}-asked.npz") as stored:
        inputs, outputs = {"x": stored["x"]}, {"prediction": stored["prediction"]}
    row = faithful(framework, made / file, inputs, outputs, TOLERANCE)
    assert (row.inputs, row.format) == (1000, framework.lower())
