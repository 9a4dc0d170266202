import msgspec
import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.quantiles import Width, apply, group_of, residuals, table, widened
from lichen.forecasting.specification import DECILES, Specification

SAID = Specification(targets=("load",), step_seconds=3600, horizon=3, context=4)
LOGS = Specification(targets=("load",), step_seconds=3600, horizon=3, context=4, logarithm=True)
DAYS = np.datetime64("2014-01-01T00:00:00", "s") + np.arange(2000) * np.timedelta64(3600, "s")


def normal_table() -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    left = np.random.default_rng(0).normal(size=(2000, 3, 1))
    return table(SAID, DAYS, left)


def test_a_table_holds_the_quantiles_of_its_residuals() -> None:
    made = normal_table()
    assert made.shape == (24, 3, 1, 9)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.mean(axis=(0, 1, 2))[[0, 4, 8]], [-1.28, 0, 1.28], atol=0.1)


def test_few_residuals_share_one_table() -> None:
    left = np.random.default_rng(0).normal(size=(30, 3, 1))
    assert table(SAID, DAYS[:30], left).shape == (1, 3, 1, 9)


def test_the_hour_of_the_start_picks_the_group() -> None:
    assert group_of(SAID, 24, DAYS[[0, 5, 23, 24]]).tolist() == [0, 5, 23, 0]
    assert group_of(SAID, 1, DAYS[:2]).tolist() == [0, 0]


def test_each_hour_keeps_its_own_spread() -> None:
    spread = np.where(np.arange(2000) % 24 < 12, 1.0, 5.0)
    left = np.random.default_rng(0).normal(size=(2000, 3, 1)) * spread[:, None, None]
    made = table(SAID, DAYS, left)
    mean = np.zeros((2, 3, 1))
    narrow, wide = apply(SAID, made, mean, DAYS[[3, 15]])
    assert np.ptp(wide) > 3 * np.ptp(narrow)


def test_on_a_logarithm_residuals_are_relative() -> None:
    left = residuals(LOGS, np.full((1, 3, 1), 100.0), np.full((1, 3, 1), 110.0))
    np.testing.assert_allclose(left, np.log(1.1))
    made = np.broadcast_to(left[..., None], (1, 3, 1, 9)).astype(np.float32)
    np.testing.assert_allclose(apply(LOGS, made, np.full((1, 3, 1), 50.0), DAYS[:1]), 55.0)


def test_the_width_follows_what_came_true() -> None:
    quantiles = np.broadcast_to(np.linspace(-1, 1, 9), (3, 1, 9))
    neutral = Width.neutral(SAID)
    wider = neutral.update(DECILES, np.full((3, 1), 9.0), quantiles)
    narrower = neutral.update(DECILES, np.zeros((3, 1)), quantiles)
    unmoved = neutral.update(DECILES, np.full((3, 1), np.nan), quantiles)
    assert narrower.factors[0] < 1.0 < wider.factors[0]
    assert unmoved.factors == (1.0,)
    assert wider.seen == 1


def test_the_width_is_bounded_whatever_comes() -> None:
    quantiles = np.broadcast_to(np.linspace(-1, 1, 9), (3, 1, 9))
    width = Width.neutral(SAID)
    for _ in range(200):
        width = width.update(DECILES, np.full((3, 1), 9.0), quantiles)
    assert width.factors == (4.0,)


def test_the_width_is_a_record_that_travels_as_json() -> None:
    width = Width((1.25, 0.5), 3)
    assert msgspec.json.decode(msgspec.json.encode(width), type=Width) == width


def test_a_shipped_table_has_its_width_worked_in() -> None:
    made, width, mean = normal_table(), Width((2.0,)), np.zeros((1, 3, 1))
    np.testing.assert_allclose(
        apply(SAID, widened(made, width), mean, DAYS[:1]),
        apply(SAID, made, mean, DAYS[:1], width),
        rtol=1e-6,
    )


def test_missing_truths_are_skipped_and_none_at_all_is_refused() -> None:
    left = np.random.default_rng(0).normal(size=(100, 3, 1))
    left[::2] = np.nan
    assert np.isfinite(table(SAID, DAYS[:100], left)).all()
    with pytest.raises(InvalidInput, match="no forecast has come true"):
        table(SAID, DAYS[:2], np.full((2, 3, 1), np.nan))
