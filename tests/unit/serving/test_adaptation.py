"""Truth that arrives moves the width: once, in order, and never by what the model has seen."""

from collections.abc import Callable

import numpy as np
import pytest

from lichen.forecasting.panel import Panel
from lichen.forecasting.quantiles import Width
from lichen.serving.adaptation import MOST_FORECASTS, due, judge, rows_needed
from lichen.serving.forecaster import ForecastPredictor

Makes = Callable[..., ForecastPredictor]
START = np.datetime64("2026-01-01T00:00:00", "s")
HOUR = np.timedelta64(3600, "s")
NEUTRAL = Width((1.0,))


def panel(noise: float, rows: int = 240, series: int = 1) -> Panel:
    values = 5.0 + noise * np.random.default_rng(0).normal(size=(rows, series))
    return Panel(START, 3600, values, np.empty((rows, 0)))


def test_more_misses_widen_and_fewer_narrow(forecaster: Makes) -> None:
    wide = judge(forecaster(), panel(1.0), NEUTRAL, START)
    narrow = judge(forecaster(), panel(0.001), NEUTRAL, START)
    assert narrow.width.factors[0] < 1.0 < wide.width.factors[0]
    assert wide.width.seen == narrow.width.seen == (240 - 4) // 3
    assert wide.skipped == 0


def test_the_same_rows_again_count_nothing(forecaster: Makes) -> None:
    once = judge(forecaster(), panel(1.0), NEUTRAL, START)
    twice = judge(forecaster(), panel(1.0), once.width, once.until)
    assert (twice.width, twice.until) == (once.width, once.until)


@pytest.mark.parametrize("start_seconds", [None, 0])
@pytest.mark.parametrize("border", [50, 51, 97, 120])
def test_rows_in_parts_teach_what_they_teach_at_once(
    forecaster: Makes, start_seconds: int | None, border: int
) -> None:
    model = forecaster(start_seconds=start_seconds, horizon=24, context=24)
    rows = panel(0.08)
    whole = judge(model, rows, NEUTRAL, START)
    first = judge(model, rows.until(border), NEUTRAL, START)
    both = judge(model, rows, first.width, first.until)
    assert whole.width.seen == both.width.seen > 0
    assert (whole.width, whole.until) == (both.width, both.until)


def test_what_the_fit_has_seen_is_not_judged(forecaster: Makes) -> None:
    judged = judge(forecaster(), panel(1.0), NEUTRAL, START + 100 * HOUR)
    assert judged.width.seen == (240 - 100) // 3
    later = judge(forecaster(), panel(1.0), NEUTRAL, START + 238 * HOUR)
    assert (later.width, later.until) == (NEUTRAL, START + 238 * HOUR)


def test_forecasts_start_when_the_model_usually_does(forecaster: Makes) -> None:
    model = forecaster(start_seconds=6 * 3600, timezone="Australia/Melbourne")
    rows = due(model.specification, panel(1.0), START)
    assert rows.tolist() == list(range(19, 240 - 3, 24))  # 06:00 in Melbourne is 19:00 UTC
    judged = judge(model, panel(1.0), NEUTRAL, START)
    assert judged.width.seen == len(rows)
    assert judged.until == START + (int(rows[-1]) + 1) * HOUR


def test_missing_truth_is_passed_over(forecaster: Makes) -> None:
    rows = panel(1.0)
    rows.values[100:112] = np.nan
    judged = judge(forecaster(), rows, NEUTRAL, START)
    whole = judge(forecaster(), panel(1.0), NEUTRAL, START)
    assert judged.skipped > 0
    assert judged.width.seen + judged.skipped == whole.width.seen
    assert judged.until == whole.until


def test_a_gap_in_a_long_window_is_filled_from_the_day_before(forecaster: Makes) -> None:
    rows = panel(0.0)
    rows.values[119] = np.nan
    judged = judge(forecaster(context=48), rows, NEUTRAL, START)
    assert judged.skipped == 0
    assert judged.width.factors[0] < 1.0, "every forecast was right, that from the gap too"


def test_rows_that_hold_only_what_is_known_ahead_are_no_truth(forecaster: Makes) -> None:
    rows = panel(1.0)
    rows.values[200:] = np.nan
    judged = judge(forecaster(), rows, NEUTRAL, START)
    assert judged.skipped == 0
    assert judged.until <= START + 200 * HOUR


def test_a_series_without_truth_keeps_its_width(forecaster: Makes) -> None:
    rows = panel(1.0, series=2)
    rows.values[120:, 1] = np.nan
    model = forecaster(targets=("load", "other"), units=(None, None))
    before = judge(model, rows.until(120), Width((1.0, 1.0)), START)
    judged = judge(model, rows, before.width, before.until)
    assert judged.width.factors[1] == before.width.factors[1]


def test_at_most_so_many_the_newest(forecaster: Makes) -> None:
    model = forecaster()
    rows = panel(0.05, rows=2000)
    judged = judge(model, rows, NEUTRAL, START)
    assert judged.width.seen == MOST_FORECASTS
    assert judged.until > START + 1990 * HOUR


@pytest.mark.parametrize("start_seconds", [None, 0])
@pytest.mark.parametrize("fresh", [1, 30, 1900])
def test_the_rows_asked_for_are_enough(
    forecaster: Makes, start_seconds: int | None, fresh: int
) -> None:
    model = forecaster(start_seconds=start_seconds, horizon=24, context=24)
    rows = panel(0.08, rows=2000)
    since = START + (2000 - fresh) * HOUR
    first = max(0, 2000 - rows_needed(model.specification, fresh))
    cut = Panel(START + first * HOUR, 3600, rows.values[first:], rows.known[first:])
    assert judge(model, cut, NEUTRAL, since) == judge(model, rows, NEUTRAL, since)
