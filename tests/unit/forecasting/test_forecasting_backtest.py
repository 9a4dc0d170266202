from dataclasses import replace

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.backtest import forecast_at, roll, roll_quantiles
from lichen.forecasting.crossvalidation import cross_residuals
from lichen.forecasting.fitting import fit, origins, usual_origins
from lichen.forecasting.naive import seasonal
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Feature, Kind, Specification

DAY = 24
SAID = Specification(
    targets=("load",),
    step_seconds=3600,
    horizon=DAY,
    context=2 * DAY,
    known=("T",),
    start_seconds=0,
    features=(Feature(Kind.WEEKDAY), Feature(Kind.AHEAD, "T", lengths=(6,))),
    anytime=(Feature(Kind.TIME_OF_DAY, lengths=(1, 2)),),
)


def panel(days: int = 120, noise: float = 0.3) -> Panel:
    """A daily profile that follows the covariate, from a Wednesday on."""
    generator = np.random.default_rng(7)
    rows = days * DAY
    degrees = generator.normal(size=rows).cumsum() / 10
    hours = np.arange(rows) % DAY
    load = 10 + 3 * np.sin(2 * np.pi * hours / DAY) + degrees + noise * generator.normal(size=rows)
    return Panel(np.datetime64("2014-01-01T00:00:00", "s"), 3600, load[:, None], degrees[:, None])


def test_the_usual_part_learns_what_the_guard_cannot() -> None:
    data = panel()
    rows = usual_origins(SAID, data, 80 * DAY, data.rows)
    made = roll(SAID, data, 1.0, rows, 7 * DAY)
    plain, weights = seasonal(SAID, DAY)
    guard = forecast_at(plain, weights, replace(data, known=data.known[:, :0]), rows)
    assert np.abs(made.mean - made.truth).mean() < 0.75 * np.abs(guard.mean - guard.truth).mean()


def test_both_parts_answer_from_one_matrix() -> None:
    data = panel()
    weights = fit(SAID, data, (1.0, 1.0))
    rows = origins(SAID, data, 80 * DAY, data.rows)
    made = forecast_at(SAID, weights, data, rows)
    error = np.abs(made.mean - made.truth).mean(axis=(1, 2))
    usual = rows % DAY == 0
    assert error[usual].mean() < 0.6
    assert error[~usual].mean() < 1.0


def test_two_fits_give_the_same_bytes() -> None:
    assert fit(SAID, panel(), (1.0, 2.0)).tobytes() == fit(SAID, panel(), (1.0, 2.0)).tobytes()


def test_left_out_blocks_miss_by_more_than_what_was_fitted() -> None:
    data = panel()
    rows, left = cross_residuals(SAID, data, 0, 1.0)
    made = forecast_at(SAID, fit(SAID, data, (1.0, 1.0)), data, rows)
    inside = np.square(made.truth - made.mean).mean()
    assert left.shape == made.mean.shape
    assert np.square(left).mean() > inside


@pytest.mark.parametrize("features", [(), (Feature(Kind.TIME_OF_DAY, lengths=(1,)),)])
def test_residuals_of_a_model_for_any_start(features: tuple[Feature, ...]) -> None:
    said = replace(
        SAID, known=(), start_seconds=None, features=features, anytime=(), normalisation=DAY
    )
    data = replace(panel(60), known=np.empty((60 * DAY, 0)))
    rows, left = cross_residuals(said, data, 0, 1.0)
    assert np.isfinite(left).all()
    assert np.sqrt(np.square(left).mean()) < 1.5
    assert set(rows % DAY) == set(range(DAY))


def test_intervals_cover_what_they_say() -> None:
    data = panel(300)
    rows = usual_origins(SAID, data, 150 * DAY, data.rows)
    made = roll(SAID, data, 1.0, rows, 7 * DAY)
    where, left = cross_residuals(SAID, data.until(150 * DAY), 0, 1.0)
    quantiles, width = roll_quantiles(SAID, made, (data.time_of(where), left), 7 * DAY)
    inside = (made.truth >= quantiles[..., 0]) & (made.truth <= quantiles[..., -1])
    assert 0.77 < inside.mean() < 0.83
    assert width.seen == len(rows) - 1


def test_origins_of_two_kinds_are_not_rolled_together() -> None:
    data = panel(30)
    with pytest.raises(InvalidInput, match="several times of day"):
        roll(SAID, data, 1.0, np.array([480, 481]))
    with pytest.raises(InvalidInput, match="leave room"):
        roll(SAID, data, 1.0, np.array([], dtype=np.int64))


def test_too_few_rows_are_refused_with_the_number_needed() -> None:
    with pytest.raises(InvalidInput, match=r"48 rows, fewer than the 72 of one context \(48\)"):
        fit(SAID, panel(2), (1.0, 1.0))
    with pytest.raises(InvalidInput, match="1 series for 2 targets"):
        fit(replace(SAID, targets=("a", "b")), panel(30), (1.0, 1.0))


def test_windows_that_touch_a_gap_are_left_out() -> None:
    data = panel(40)
    holed = data.values.copy()
    holed[500] = np.nan
    weights = fit(SAID, replace(data, values=holed), (1.0, 1.0))
    assert np.isfinite(weights).all()


def test_the_guards_repeat_a_season() -> None:
    data = replace(panel(20), known=np.empty((20 * DAY, 0)))
    for period in (DAY, 7 * DAY):
        said, weights = seasonal(SAID, period)
        made = forecast_at(said, weights, data, np.array([300]))
        wanted = data.values[300 - period + np.arange(DAY) % period]
        np.testing.assert_allclose(made.mean[0], wanted, rtol=1e-6)
    with pytest.raises(InvalidInput, match="season of 0"):
        seasonal(SAID, 0)
