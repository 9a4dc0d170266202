"""Fitting a power curve: what was put in is found, and what cannot be fitted is refused."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from lichen.core.errors import InvalidInput
from lichen.energy.power.load_record import LoadRecord
from lichen.energy.power.power_fit import fit_power
from lichen.energy.power.wall_meter import PowerSpan

START = 1_760_000_000.0
STEPS = (0, 1, 2, 3, 4, 3, 2, 1, 0)
EACH_S = 20


def staircase(busy: tuple[float, ...] = STEPS) -> LoadRecord:
    """Once a second; 0.03 busy threads of background."""
    at_s, busy_s, total = [START], [0.0], 0.0
    for level in busy:
        for _ in range(EACH_S):
            total += level + 0.03
            at_s.append(at_s[-1] + 1)
            busy_s.append(total)
    return LoadRecord(tuple(at_s), tuple(busy_s))


LOAD = staircase()


def wall(
    load: LoadRecord = LOAD,
    lag_s: float = 0.0,
    noise_w: float = 0.3,
    step_s: int = 1,
    watts: Callable[[float], float] = lambda busy: 12 + 3.5 * busy,
    seed: int = 1,
) -> list[PowerSpan]:
    chance = random.Random(seed)  # noqa: S311 - noise
    moments = [*load.at_s[::step_s]]
    return [
        PowerSpan(
            start + lag_s,
            end + lag_s,
            watts(load.mean_busy(start, end)) + chance.gauss(0, noise_w),
        )
        for start, end in pairwise(moments)
    ]


def test_the_curve_that_was_put_in_is_found() -> None:
    fit = fit_power(wall(), LOAD, 0.0)
    assert fit.slope.median_mw == pytest.approx(3500, rel=0.02)
    assert fit.idle.median_mw == pytest.approx(12_000, rel=0.01)
    assert fit.lag_s == 0
    assert fit.r_squared > 0.99


def test_the_interval_covers_the_truth_nine_times_in_ten() -> None:
    inside = 0
    for seed in range(40):
        slope = fit_power(wall(seed=seed, noise_w=1.5), LOAD, 0.0, most_lag_s=0).slope
        inside += slope.low_mw <= 3500 <= slope.high_mw
    assert 31 <= inside <= 40


@pytest.mark.parametrize("lag_s", [-117.0, -2.0, 3.0, 240.0])
def test_a_clock_that_is_off_is_allowed_for_and_said(lag_s: float) -> None:
    fit = fit_power(wall(lag_s=lag_s), LOAD, 0.0)
    assert fit.lag_s == pytest.approx(lag_s, abs=0.5)
    assert fit.slope.median_mw == pytest.approx(3500, rel=0.03)


def test_a_slow_meter_is_fitted_as_well() -> None:
    fit = fit_power(wall(step_s=5, lag_s=7), LOAD, 0.0)
    assert fit.points <= 36
    assert fit.slope.median_mw == pytest.approx(3500, rel=0.05)


def test_the_accuracy_of_the_meter_widens_the_interval() -> None:
    sure, unsure = (fit_power(wall(), LOAD, accuracy).slope for accuracy in (0.0, 0.05))
    assert unsure.high_mw - unsure.median_mw >= 0.05 * unsure.median_mw
    assert sure.high_mw < unsure.high_mw


@pytest.mark.parametrize(("hours", "side"), [(1, "1 h ahead"), (-1, "1 h behind"), (5.5, "5.5 h")])
def test_daylight_saving_is_refused_with_a_hint(hours: float, side: str) -> None:
    with pytest.raises(InvalidInput, match=f"clock is {side}.*--timezone"):
        fit_power(wall(lag_s=hours * 3600 + 4), LOAD, 0.02)


def test_a_day_of_readings_with_the_wrong_zone_is_recognised() -> None:
    """The meter ran all day, so that its readings overlap the load although the hour is wrong."""
    flat = [
        PowerSpan(START + second, START + second + 5, 12.0)
        for second in range(-7000, 7000, 5)
        if not 3590 <= second <= 3800
    ]
    day = sorted([*flat, *wall(lag_s=3600, step_s=5)], key=lambda span: span.start_s)
    with pytest.raises(InvalidInput, match="1 h ahead"):
        fit_power(day, LOAD, 0.02)


def test_power_that_goes_its_own_way_is_refused() -> None:
    chance = random.Random(5)  # noqa: S311 - noise
    with pytest.raises(InvalidInput, match="does not follow load"):
        fit_power(wall(watts=lambda _busy: 12 + 9 * chance.random()), LOAD, 0.02)


def test_power_that_falls_under_load_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not follow load"):
        fit_power(wall(watts=lambda busy: 30 - 3 * busy), LOAD, 0.02, most_lag_s=0)


def test_a_load_that_hardly_varied_is_refused() -> None:
    steady = staircase((1,) * 9)
    with pytest.raises(InvalidInput, match="hardly varied"):
        fit_power(wall(steady), steady, 0.02)


def test_too_few_readings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="20 are needed"):
        fit_power(wall(step_s=15), LOAD, 0.02)


def test_no_overlap_is_refused() -> None:
    with pytest.raises(InvalidInput, match="0 readings"):
        fit_power(wall(lag_s=40 * 86_400), LOAD, 0.02)


def test_a_machine_that_feeds_power_in_is_refused() -> None:
    with pytest.raises(InvalidInput, match="idle machine"):
        fit_power(wall(watts=lambda busy: 3.5 * busy - 2), LOAD, 0.02)


def test_the_same_readings_give_the_same_fit() -> None:
    assert fit_power(wall(), LOAD, 0.02) == fit_power(wall(), LOAD, 0.02)
