"""The model of an outlook: what it learns, what it never looks at, and how sure it is."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.carbon.outlook.model import CONTEXT, declared, sun_over, weights_of
from lichen.carbon.outlook.place import Place, place_of
from lichen.carbon.outlook.record import HORIZON_HOURS
from lichen.carbon.outlook.scoring import profiles, scores_of
from lichen.carbon.outlook.series import DAY, Series, filled, series_of
from lichen.carbon.outlook.training import Trained, Trainer, forecast
from lichen.core.errors import InvalidInput
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.moments import Moments

SPAIN = place_of("ES")
START = datetime(2026, 1, 7, tzinfo=UTC)
DAYS = 84


def grid(days: int, seed: int = 1) -> NDArray[np.float64]:
    """A day's swing, a trough of sun, weekends, and weather that stays for a day or two."""
    hours = np.arange(days * DAY)
    random = np.random.default_rng(seed)
    weather = np.zeros(len(hours))
    for hour, step in enumerate(random.normal(0, 3.0, len(hours))):
        weather[hour] = 0.97 * weather[hour - 1] + step if hour else step
    sun = sun_over(SPAIN, int(START.timestamp()) // 3600, len(hours))[:, 0]
    weekend = (hours // DAY + 2) % 7 >= 5
    swing = 30 * np.sin(2 * np.pi * hours / 24)
    made: NDArray[np.float64] = 200 + swing - 60 * sun + weather - 25 * weekend
    return np.maximum(made, 5.0)


def series(values: NDArray[np.float64]) -> Series:
    return Series(int(START.timestamp()) // 3600, values, filled(values))


@pytest.fixture(scope="module")
def whole() -> Series:
    return series(grid(DAYS))


@pytest.fixture(scope="module")
def trained(whole: Series) -> Trained:
    return Trainer("ES", SPAIN, whole).train(60 * DAY)


def same(one: Trained, other: Trained) -> bool:
    return (
        one.weights.tobytes() == other.weights.tobytes()
        and one.quantiles.tobytes() == other.quantiles.tobytes()
        and one.specification == other.specification
    )


def test_changing_the_future_changes_no_forecast(whole: Series, trained: Trained) -> None:
    row = 60 * DAY
    values = whole.recorded.copy()
    values[row:] = np.random.default_rng(9).uniform(0, 2000, len(values) - row)
    values[row + 7 :: 11] = np.nan
    other = Trainer("ES", SPAIN, series(values))
    again = other.train(row)
    assert same(again, trained)
    panel = Trainer("ES", SPAIN, whole).panel
    ours = forecast(trained.specification, panel, trained.weights, [row])
    theirs = forecast(again.specification, other.panel, again.weights, [row])
    assert ours.tobytes() == theirs.tobytes()


def test_changing_the_past_does(whole: Series, trained: Trained) -> None:
    values = whole.recorded.copy()
    values[50 * DAY] += 40
    assert not same(Trainer("ES", SPAIN, series(values)).train(60 * DAY), trained)


def test_day_by_day_is_as_good_as_all_at_once(whole: Series, trained: Trained) -> None:
    trainer = Trainer("ES", SPAIN, whole)
    for day in range(40, 61):
        last = trainer.train(day * DAY)
    np.testing.assert_allclose(last.weights, trained.weights, rtol=0, atol=1e-5)
    np.testing.assert_allclose(last.quantiles, trained.quantiles, rtol=0, atol=1e-4)
    assert last.judged == trained.judged


def test_a_history_cut_short_gives_the_same_as_one_that_goes_on(
    whole: Series, trained: Trained
) -> None:
    assert same(Trainer("ES", SPAIN, whole.until(60 * DAY)).train(60 * DAY), trained)


def test_it_is_nearer_than_the_profile_and_covers_what_it_says(whole: Series) -> None:
    trainer = Trainer("ES", SPAIN, whole)
    trainer.train(whole.rows)
    judged = trainer.judged(whole.rows)
    assert judged is not None
    scores = {one.name: one.value for one in scores_of(judged)}
    assert scores["MAPE"] < scores["MAPE of the 14-day profile"]
    assert scores["skill"] > 0.05
    assert scores["MAPE 1-24 h"] < min(scores["MAPE 25-48 h"], scores["MAPE 49-96 h"])
    assert 70 <= scores["coverage of 80 % intervals"] <= 90


def test_a_day_that_is_missing_is_neither_learnt_nor_judged(whole: Series) -> None:
    values = whole.recorded.copy()
    values[50 * DAY : 51 * DAY] = np.nan
    holed = series(values)
    trainer = Trainer("ES", SPAIN, holed)
    found = trainer.train(60 * DAY)
    said = forecast(found.specification, trainer.panel, found.weights, [60 * DAY])
    assert np.isfinite(said).all()
    judged = trainer.judged(60 * DAY)
    assert judged is not None
    assert np.isnan(judged.truth).sum() > 0
    assert np.isfinite([one.value for one in scores_of(judged)]).all()


def test_a_history_full_of_holes_leaves_the_profile_alone(whole: Series) -> None:
    values = whole.recorded.copy()
    values[::2] = np.nan  # half of every window: more than may be filled in
    trainer = Trainer("ES", SPAIN, series(values))
    found = trainer.train(40 * DAY)
    np.testing.assert_array_equal(found.weights, trainer.declared.base.astype(np.float32))


def test_the_base_is_the_profile_with_an_anomaly_that_fades(whole: Series) -> None:
    made = declared("ES", SPAIN, whole)
    trainer = Trainer("ES", SPAIN, whole)
    nothing = Moments(0, np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    base = weights_of(made, nothing)
    rows = [40 * DAY, 41 * DAY + 5]
    said = forecast(made.specification, trainer.panel, base, rows)
    plain = profiles(whole, np.asarray(rows))
    apart = np.abs(said - plain)
    assert (apart[:, 0] > 20 * apart[:, -1]).all()
    np.testing.assert_allclose(said[:, 72:], plain[:, 72:], atol=0.06 * apart[:, :1].max())


def test_a_level_that_moves_moves_the_forecast_with_it(whole: Series, trained: Trained) -> None:
    """Windows are levelled: what was learnt holds at any level, as long as the swing is alike."""
    trainer = Trainer("ES", SPAIN, whole)
    higher = replace(trainer.panel, values=trainer.panel.values + 100)
    row = [61 * DAY]
    ours = forecast(trained.specification, trainer.panel, trained.weights, row)
    theirs = forecast(trained.specification, higher, trained.weights, row)
    np.testing.assert_allclose(theirs, ours + 100, atol=0.05)


def test_it_knows_the_sun_and_the_weekday(trained: Trained, whole: Series) -> None:
    trainer = Trainer("ES", SPAIN, whole)
    size = len(trained.weights)
    learnt = np.abs(trained.weights - trainer.declared.base)
    hours, days, sun = slice(CONTEXT, CONTEXT + 6), slice(CONTEXT + 6, CONTEXT + 13), size - 2
    assert trained.specification.known == ("clear_sky_kw_per_m2",)
    for part in (learnt[hours], learnt[days], learnt[sun]):
        assert part.max() > 0
    friday, saturday = (
        assembled_at(trained.specification, trainer.panel, np.array([(day + 35) * DAY]))
        for day in (1, 2)
    )
    assert friday.features[0, days].argmax() != saturday.features[0, days].argmax()


def test_over_a_change_of_the_clocks_the_hour_of_day_is_the_local_one(
    trained: Trained, whole: Series
) -> None:
    trainer = Trainer("ES", SPAIN, whole)
    hours = slice(CONTEXT, CONTEXT + 6)
    change = (datetime(2026, 3, 29, tzinfo=UTC) - START).days * DAY
    before, after = (
        assembled_at(trained.specification, trainer.panel, np.array([row])).features[0, hours]
        for row in (change - DAY + 7, change + 6)  # 08:00 in Madrid, 07:00 and 06:00 UTC
    )
    np.testing.assert_array_equal(before, after)


def test_without_a_place_there_is_no_sun_and_it_works_all_the_same(whole: Series) -> None:
    found = Trainer("XX", Place(), whole).train(45 * DAY)
    assert found.specification.known == ()
    assert found.specification.timezone == "UTC"


def test_under_four_weeks_there_is_no_model(whole: Series) -> None:
    with pytest.raises(InvalidInput, match=r"has 27\.0 days of history, and a model needs 28"):
        Trainer("ES", SPAIN, whole.until(27 * DAY))
    first = Trainer("ES", SPAIN, whole.until(28 * DAY)).train(28 * DAY)
    assert first.judged >= 30
    assert np.isfinite(first.quantiles).all()


def test_a_constant_grid_is_foreseen_as_constant() -> None:
    flat = series(np.full(30 * DAY, 50.0))
    trainer = Trainer("ES", SPAIN, flat)
    found = trainer.train(flat.rows)
    said = forecast(found.specification, trainer.panel, found.weights, [flat.rows - 96])
    np.testing.assert_allclose(said, 50.0, atol=1e-3)
    assert np.abs(found.quantiles).max() < 1e-3


def test_hours_become_a_series_with_its_gaps() -> None:
    made = series_of({10: 1.0, 11: 2.0, 14: 5.0})
    assert (made.first_hour, made.rows) == (10, 5)
    assert np.isnan(made.recorded).tolist() == [False, False, True, True, False]
    assert made.filled.tolist() == [1.0, 2.0, 2.0, 2.0, 5.0]
    assert series_of({10: 1.0, 14: 5.0}, 12).rows == 2
    with pytest.raises(InvalidInput, match="no hour of history"):
        series_of({14: 5.0}, 12)


def test_a_missing_hour_is_that_of_the_day_before_and_the_difference_fades() -> None:
    values = np.concatenate([np.arange(48.0), np.full(5, np.nan)])
    expected = [23 + n + 24 * 0.9**n for n in range(1, 6)]
    np.testing.assert_allclose(filled(values)[48:], expected)


def test_all_of_one_horizon_is_answered(trained: Trained) -> None:
    assert trained.weights.shape[1] == HORIZON_HOURS
    assert trained.quantiles.shape == (1, HORIZON_HOURS, 1, 9)
    assert (np.diff(trained.quantiles[0, :, 0, :], axis=1) >= 0).all()
