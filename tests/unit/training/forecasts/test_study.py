"""How rows are parted, and which forecasts are scored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.training.forecasts.channels import Channels
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.forecasts.study import MOST_ORIGINS, Split, Study, coprime_stride, study_of

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = ForecastSpec(targets=("load",), horizon=24)


def channels(rows: int = 2400, step_seconds: int = 3600) -> Channels:
    values = 5 + np.sin(np.arange(rows, dtype=np.float64))[:, None]
    return Channels(
        np.datetime64("2026-01-01", "s") + np.arange(rows) * np.timedelta64(step_seconds, "s"),
        values,
        np.empty((rows, 0)),
        ("load",),
        ("MW",),
        step_seconds,
        np.zeros((rows, 1), dtype=np.bool_),
    )


def study(spec: ForecastSpec = SPEC, rows: int = 2400) -> Study:
    return study_of(channels(rows), spec)


def test_rows_are_parted_by_shares_where_nothing_is_stated() -> None:
    assert study().split == Split(1680, 2040, 2400)


def test_stated_times_are_the_borders() -> None:
    stated = replace(
        SPEC,
        train_until=START + timedelta(days=50),
        validate_until=START + timedelta(days=80),
        test_until=START + timedelta(days=100),
    )
    assert study(stated).split == Split(1200, 1920, 2400)


@pytest.mark.parametrize("field", ["train_until", "validate_until"])
def test_with_one_time_stated_its_rows_are_parted_in_two(field: str) -> None:
    spec = replace(SPEC, **{field: START + timedelta(days=100)})  # type: ignore[arg-type]
    found = study(spec).split
    assert not found.tested
    assert found == Split(1976, 2400, 2400)


def test_centres_and_scales_are_those_of_the_rows_fitted_on() -> None:
    known, later = channels(), channels()
    later.values[1680:] *= 3.0
    before, after = study_of(known, SPEC).base, study_of(later, SPEC).base
    assert before.logarithm
    assert before == after


@pytest.mark.parametrize("row", [100, 1700, 2399])
def test_no_logarithm_is_taken_of_a_target_that_can_be_zero(row: int) -> None:
    seen = channels()
    seen.values[row] = 0.0
    assert not study_of(seen, SPEC).base.logarithm


def test_scored_forecasts_start_at_local_midnight_and_stay_within_their_part() -> None:
    one = study(replace(SPEC, timezone="Asia/Shanghai"))
    rows = one.origins(one.split.fit, one.split.validate)
    assert (one.panel.time_of(rows).astype("datetime64[h]").astype(int) % 24 == 16).all()
    assert rows[0] >= one.split.fit
    assert rows[-1] + 24 <= one.split.validate


def test_with_any_start_every_hour_is_met_and_not_too_often() -> None:
    one = study(replace(SPEC, start_at="any"), rows=24 * 300)
    rows = one.origins(0, one.panel.rows)
    assert len(set((rows % 24).tolist())) == 24
    assert len(rows) <= MOST_ORIGINS


@pytest.mark.parametrize(
    ("day", "least", "stride"), [(24, 1, 1), (24, 6, 7), (48, 8, 11), (1, 4, 4)]
)
def test_a_stride_shares_no_factor_with_the_day(day: int, least: int, stride: int) -> None:
    assert coprime_stride(day, least) == stride


def test_steps_of_a_day_or_more_have_no_usual_start() -> None:
    one = study_of(channels(400, 86_400), SPEC)
    assert (one.day, one.week, one.base.start_seconds) == (1, 7, None)


def test_a_test_part_shorter_than_a_horizon_is_refused() -> None:
    short = replace(
        SPEC,
        train_until=START + timedelta(days=50),
        validate_until=START + timedelta(days=99, hours=12),
        test_until=START + timedelta(days=100),
    )
    with pytest.raises(InvalidInput, match="the test part has 12 rows"):
        study(short)


def test_a_context_the_rows_cannot_carry_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lightgbm needs 1724 rows to fit on"):
        study().check_context(1700, "lightgbm")
