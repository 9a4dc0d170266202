"""A statistical model as one matrix: exactly what it says, or a refusal."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.training.forecasts.spec import ForecastSpec, checked
from lichen.training.forecasts.statistical import NAMES, matrix_of

Floats = NDArray[np.float64]
VALUES = np.random.default_rng(1).normal(size=200).cumsum()
SHAPE = (24, 6)


def smoothed(window: Floats, steps: int) -> Floats:
    """Exponential smoothing from a level of 3, with a drift."""
    level = 3.0
    for value in window.tolist():
        level += 0.3 * (value - level)
    return np.array([level + 0.1 * step for step in range(1, steps + 1)])


def no_pause() -> None:
    pass


def test_the_matrix_says_what_the_model_says_of_any_window() -> None:
    matrix = matrix_of(smoothed, VALUES, SHAPE, no_pause)
    assert matrix.shape == (25, 6)
    assert matrix.dtype == np.float32
    for first in (0, 50, 170):
        window = VALUES[first : first + 24]
        assert np.allclose(np.append(window, 1.0) @ matrix, smoothed(window, 6), atol=1e-5)


def test_a_model_that_is_no_weighted_sum_is_refused_and_says_what_to_take() -> None:
    def largest(window: Floats, steps: int) -> Floats:
        return np.full(steps, window.max())

    def silent(window: Floats, steps: int) -> Floats:
        return np.full(steps, np.nan if len(window) else 0.0)

    for model in (largest, silent):
        with pytest.raises(InvalidInput, match=r"no weighted sum of its window.*AutoETS"):
            matrix_of(model, VALUES, SHAPE, no_pause)


def test_it_pauses_for_each_row_of_the_window() -> None:
    pauses: list[int] = []
    matrix_of(smoothed, VALUES, SHAPE, lambda: pauses.append(1))
    assert len(pauses) == 24


def test_models_are_asked_for_by_name_and_others_are_refused() -> None:
    spec = ForecastSpec(targets=("load",), horizon=6)
    for name in NAMES:
        assert checked(replace(spec, algorithm=name)).algorithm == name
    with pytest.raises(InvalidInput, match="'statsforecast:Prophet' is unknown: take auto, naive"):
        checked(replace(spec, algorithm="statsforecast:Prophet"))
