import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.scores import (
    Direction,
    Forecasts,
    all_scores,
    coverage,
    mae,
    mape,
    mase,
    pinball,
    rmse,
    seasonal_scale,
    skill,
)

TRUTH = np.array([10.0, 20.0, np.nan, 40.0]).reshape(1, 4, 1)
SAID = np.array([11.0, 18.0, 7.0, 40.0]).reshape(1, 4, 1)


def test_point_scores_skip_what_was_not_recorded() -> None:
    assert mae(TRUTH, SAID) == pytest.approx(1.0)
    assert rmse(TRUTH, SAID) == pytest.approx(np.sqrt(5 / 3))
    assert mape(TRUTH, SAID) == pytest.approx(100 * (0.1 + 0.1) / 3)


def test_the_scaled_error_is_one_for_the_season_before() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2)) * [1.0, 100.0]
    scale = seasonal_scale(values, 7)
    truth, again = values[7:][None], values[:-7][None]
    assert mase(truth, again, scale) == pytest.approx(1.0)


def test_a_scale_needs_change() -> None:
    with pytest.raises(InvalidInput, match="no change over 7 steps"):
        seasonal_scale(np.ones((50, 1)), 7)
    with pytest.raises(InvalidInput, match="no change over 7 steps"):
        seasonal_scale(np.arange(5.0)[:, None], 7)
    repeating = np.column_stack([np.arange(50.0), np.arange(50) % 7])
    with pytest.raises(InvalidInput, match=r"series 'C' has no change over 7 steps"):
        seasonal_scale(repeating, 7, ("A", "C"))


def test_pinball_of_the_median_is_half_the_absolute_error() -> None:
    assert pinball(TRUTH, SAID[..., None], (0.5,)) == pytest.approx(mae(TRUTH, SAID) / 2)


def test_pinball_punishes_the_likelier_side() -> None:
    truth = np.array([[[1.0]]])
    assert pinball(truth, np.array([[[[0.0]]]]), (0.9,)) == pytest.approx(0.9)
    assert pinball(truth, np.array([[[[2.0]]]]), (0.9,)) == pytest.approx(0.1)


def test_coverage_counts_what_lies_between_the_outermost() -> None:
    quantiles = np.stack([SAID - 1, SAID, SAID + 1], axis=-1)
    assert coverage(TRUTH, quantiles) == pytest.approx(100 * 2 / 3)


def test_skill_is_the_share_of_the_error_avoided() -> None:
    assert skill(1.0, 4.0) == pytest.approx(0.75)
    assert skill(5.0, 4.0) < 0
    with pytest.raises(InvalidInput, match="no skill against it"):
        skill(1.0, 0.0)


def test_all_scores_have_units_and_directions() -> None:
    quantiles = np.stack([SAID - 1, SAID, SAID + 1], axis=-1)
    made = {
        score.name: score
        for score in all_scores(
            Forecasts(TRUTH, SAID, quantiles, (0.1, 0.5, 0.9), "MW"), np.array([2.0])
        )
    }
    assert list(made) == ["MASE", "MAPE", "RMSE", "MAE", "pinball", "coverage"]
    assert made["MASE"].unit is None
    assert made["MAPE"].unit == "%"
    assert made["RMSE"].unit == "MW"
    assert made["MAE"].direction is Direction.LOWER
    assert made["coverage"].direction is Direction.NOMINAL


def test_a_truth_of_zero_has_no_percentage_error() -> None:
    truth = np.array([[[0.0], [1.0]]])
    assert mape(truth, truth) == np.inf
    names = [score.name for score in all_scores(Forecasts(truth, truth), np.array([1.0]))]
    assert names == ["MASE", "RMSE", "MAE"]


def test_nothing_recorded_is_no_score() -> None:
    with pytest.raises(InvalidInput, match="nothing came true"):
        mae(np.full((1, 2, 1), np.nan), np.zeros((1, 2, 1)))
