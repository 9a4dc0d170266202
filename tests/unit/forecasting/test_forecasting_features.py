import numpy as np
import pytest

from lichen.forecasting.features import Surroundings, compute, width
from lichen.forecasting.specification import Feature, Kind, Specification

SATURDAY = 1_795_219_200
"""2026-11-21T00:00:00 as seconds since 1970."""

SPECIFICATION = Specification(
    targets=("load",), step_seconds=3600, horizon=6, context=4, known=("T", "holiday")
)


def surroundings(flag: float = 0.0) -> Surroundings:
    ahead = np.zeros((1, 6, 2))
    ahead[0, :, 0] = [10.0, 12.0, 14.0, 20.0, 22.0, 24.0]
    ahead[0, :, 1] = flag
    past = np.zeros((1, 4, 2))
    past[0, :, 0] = [1.0, 3.0, 5.0, 7.0]
    return Surroundings(np.array([SATURDAY]), ahead, past, ("T", "holiday"))


def one(feature: Feature, flag: float = 0.0) -> list[float]:
    (block,) = compute([feature], surroundings(flag))
    assert block.shape == (1, width(SPECIFICATION, [feature]))
    return [float(number) for number in block[0]]


def test_weekday_is_one_hot_from_monday() -> None:
    assert one(Feature(Kind.WEEKDAY)) == [0, 0, 0, 0, 0, 1, 0]


def test_a_holiday_stands_in_the_place_of_its_weekday() -> None:
    assert one(Feature(Kind.WEEKDAY, "holiday"), 0.0) == [0, 0, 0, 0, 0, 1, 0, 0]
    assert one(Feature(Kind.WEEKDAY, "holiday"), 1.0) == [0, 0, 0, 0, 0, 0, 0, 1]


def test_harmonics_of_midnight() -> None:
    assert one(Feature(Kind.TIME_OF_DAY, lengths=(1, 2))) == [0, 0, 1, 1]


def test_the_time_of_year_is_on_the_circle() -> None:
    sine, cosine = one(Feature(Kind.ANNUAL, lengths=(1,)))
    assert sine**2 + cosine**2 == pytest.approx(1.0)
    assert sine < 0 < cosine  # late November


def test_degree_hours_are_hinges_above_their_knots() -> None:
    block = one(Feature(Kind.AHEAD, "T", (14.0, 21.0), centre=10.0))
    assert block[:6] == [0, 2, 4, 10, 12, 14]
    assert block[6:12] == [0, 0, 0, 6, 8, 10]
    assert block[12:] == [0, 0, 0, 0, 1, 3]


def test_blocks_are_means_and_the_last_may_be_short() -> None:
    assert one(Feature(Kind.AHEAD, "T", lengths=(4,))) == [14.0, 23.0]


def test_the_past_is_read_backwards_from_the_first_step() -> None:
    assert one(Feature(Kind.PAST, "T", lengths=(2, 1))) == [5.0, 7.0]
    assert one(Feature(Kind.PAST, "T", lengths=(4, 2))) == [2.0, 6.0]


def test_a_weight_scales_the_whole_block() -> None:
    assert one(Feature(Kind.AHEAD, "T", lengths=(6,), weight=0.5)) == [8.5]
