"""Laws of the closed-form forecaster."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lichen.forecasting.backtest import roll, roll_quantiles
from lichen.forecasting.fitting import (
    examples,
    fit_moments,
    moments_between,
    origins,
    part_alone,
    usual_origins,
)
from lichen.forecasting.inputs import assemble, restore
from lichen.forecasting.panel import Panel
from lichen.forecasting.quantiles import Width, apply, residuals
from lichen.forecasting.specification import DECILES, Feature, Kind, Specification

DAY = 12
STEP = 7200
WINDOW = Specification(targets=("a", "b"), step_seconds=STEP, horizon=5, context=9, normalisation=4)
DECLARED = Specification(
    targets=("a",),
    known=("T", "holiday"),
    step_seconds=STEP,
    horizon=DAY,
    context=DAY,
    logarithm=True,
    timezone="Europe/Berlin",
    start_seconds=0,
    centres=(2.0,),
    scales=(0.5,),
    features=(
        Feature(Kind.WEEKDAY, "holiday"),
        Feature(Kind.AHEAD, "T", (10.0,), weight=0.2),
        Feature(Kind.PAST, "T", (10.0,), (DAY, 3), weight=0.2),
    ),
    anytime=(Feature(Kind.TIME_OF_DAY, lengths=(1,)), Feature(Kind.AHEAD, "T", lengths=(4,))),
)

Floats = NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


def panel(seed: int, days: int = 40, series: int = 1) -> Panel:
    generator = np.random.default_rng(seed)
    rows = days * DAY
    degrees = 10 + generator.normal(size=rows).cumsum() / 5
    holiday = np.repeat(generator.integers(0, 2, size=days), DAY).astype(float)
    values = np.exp(2 + 0.1 * generator.normal(size=(rows, series)))
    known = np.column_stack([degrees, holiday])
    return Panel(np.datetime64("2014-03-10T23:00:00", "s"), STEP, values, known)


@few
@given(seeds, st.floats(0.1, 50), st.floats(-100, 100))
def test_a_scaled_and_shifted_series_has_its_forecast_scaled_and_shifted(
    seed: int, factor: float, shift: float
) -> None:
    data = replace(panel(seed, series=2), known=np.empty((40 * DAY, 0)))
    weights = fit_moments(WINDOW, 0, moments_between(WINDOW, data, 0, 0, data.rows), 1.0)
    start = data.time_of(np.array([100]))

    def said(history: Floats) -> Floats:
        assembled = assemble(WINDOW, history, start)
        return restore(WINDOW, assembled, assembled.features @ weights)

    history = data.values[None, 91:100]
    np.testing.assert_allclose(
        said(factor * history + shift),
        factor * said(history) + shift,
        rtol=1e-4,
        atol=1e-3 * factor + 1e-5 * abs(shift),
    )


@few
@given(seeds, st.sampled_from([1e4, float("nan"), -1.0]))
def test_a_backtest_never_looks_past_its_origin(seed: int, poison: float) -> None:
    data = panel(seed)
    rows = usual_origins(DECLARED, data, 25 * DAY, data.rows)
    honest = roll(DECLARED, data, 2.0, rows, 7 * DAY)
    for place in (0, len(rows) // 2, len(rows) - 1):
        origin = int(rows[place])
        values, known = data.values.copy(), data.known.copy()
        values[origin:] = poison
        known[origin + DAY :] = poison
        with np.errstate(over="ignore", invalid="ignore"):
            poisoned = roll(DECLARED, replace(data, values=values, known=known), 2.0, rows, 7 * DAY)
        np.testing.assert_array_equal(poisoned.mean[: place + 1], honest.mean[: place + 1])


@few
@given(seeds, st.data())
def test_moments_of_two_stretches_sum_to_those_of_both(seed: int, data: st.DataObject) -> None:
    held = panel(seed)
    middle = data.draw(st.integers(0, held.rows))
    for part in (0, 1):
        whole = moments_between(DECLARED, held, part, 0, held.rows)
        summed = moments_between(DECLARED, held, part, 0, middle) + moments_between(
            DECLARED, held, part, middle, held.rows
        )
        assert summed.rows == whole.rows
        np.testing.assert_allclose(summed.xx, whole.xx, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(summed.xy, whole.xy, rtol=1e-9, atol=1e-9)


@few
@given(seeds, st.integers(0, 3))
def test_the_recursion_gives_the_direct_gram_matrix(seed: int, gaps: int) -> None:
    data = replace(panel(seed, 12, series=2), known=np.empty((12 * DAY, 0)))
    generator = np.random.default_rng(seed)
    data.values[generator.integers(0, data.rows, gaps), generator.integers(0, 2, gaps)] = np.nan
    quick = moments_between(WINDOW, data, 0, 0, data.rows)
    laid = examples(WINDOW, data, origins(WINDOW, data, 0, data.rows))
    exact = laid.features.astype(np.float64)
    assert quick.rows == len(exact)
    np.testing.assert_allclose(quick.xx, exact.T @ exact, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(quick.xy, exact.T @ laid.targets, rtol=1e-4, atol=1e-3)


@few
@given(seeds)
def test_a_weekly_refit_is_a_fit_from_scratch(seed: int) -> None:
    data = panel(seed)
    rows = usual_origins(DECLARED, data, 20 * DAY, data.rows)
    rolled = roll(DECLARED, data, 2.0, rows, 7 * DAY)
    last_refit = rows[0] + (rows[-1] - rows[0]) // (7 * DAY) * 7 * DAY
    answered = rows[rows >= last_refit]
    scratch = roll(DECLARED, data, 2.0, answered)
    np.testing.assert_allclose(rolled.mean[-len(answered) :], scratch.mean, rtol=1e-4)


@few
@given(seeds, st.integers(DAY, 30 * DAY))
def test_serving_is_given_the_very_numbers_that_were_fitted(seed: int, row: int) -> None:
    data = panel(seed)
    rows = np.array([row])
    start = data.time_of(rows)
    part = 0 if usual_origins(DECLARED, data, row, row + DAY).tolist() == [row] else 1
    served = assemble(
        DECLARED,
        data.values[None, row - DAY : row],
        start,
        data.known[None, row : row + DAY],
        data.known[None, row - DAY : row],
    )
    fitted = examples(part_alone(DECLARED, part), data, rows)
    own = served.features[:, served.features.any(axis=0)]
    np.testing.assert_array_equal(own, fitted.features[:, fitted.features.any(axis=0)])
    again = restore(DECLARED, served, fitted.targets)
    np.testing.assert_allclose(again[0], data.values[row : row + DAY], rtol=1e-9)


@few
@given(seeds, st.floats(0.25, 4.0))
def test_quantiles_never_cross(seed: int, factor: float) -> None:
    generator = np.random.default_rng(seed)
    table = np.sort(generator.normal(size=(2, DAY, 1, 9)), axis=-1).astype(np.float32)
    mean = np.exp(generator.normal(size=(3, DAY, 1)))
    start = panel(0).time_of(np.array([0, 5, 12]))
    made = apply(DECLARED, table, mean, start, Width((factor,)))
    assert (np.diff(made, axis=-1) >= 0).all()
    assert (made > 0).all()


@few
@given(seeds)
def test_quantiles_of_a_forecast_know_nothing_of_its_truth(seed: int) -> None:
    data = panel(seed)
    rows = usual_origins(DECLARED, data, 25 * DAY, data.rows)
    made = roll(DECLARED, data, 2.0, rows, 7 * DAY)
    early = (made.start[:5], residuals(DECLARED, made.mean[:5], made.truth[:5]))
    honest, _ = roll_quantiles(DECLARED, made, early, 7 * DAY)
    truth = made.truth.copy()
    truth[7:] *= 5.0
    later, _ = roll_quantiles(DECLARED, replace(made, truth=truth), early, 7 * DAY)
    np.testing.assert_array_equal(honest[:8], later[:8])


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    st.floats(0.25, 4.0),
)
@settings(max_examples=50, deadline=None)
def test_a_miss_never_narrows_and_a_hit_never_widens(truths: list[float], factor: float) -> None:
    quantiles = np.broadcast_to(np.linspace(-1, 1, 9), (4, 1, 9))
    truth = np.array(truths)[:, None]
    before, after = Width((factor,)), Width((factor,)).update(DECILES, truth, quantiles)
    outside = float((np.abs(truth) > 1).mean())
    if outside > 0.2:
        assert after.factors[0] >= before.factors[0]
    else:
        assert after.factors[0] <= before.factors[0]
