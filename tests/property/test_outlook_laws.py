"""Laws of the outlook: nothing that comes later is looked at, nothing that was not said is made."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.grids.observations import Point
from lichen.carbon.intensity import Kind
from lichen.carbon.outlook.hours import HOUR_S, hourly, joined
from lichen.carbon.outlook.series import filled

VALUES = st.one_of(st.floats(0, 2000), st.just(float("nan")))
ROWS = st.lists(VALUES, min_size=1, max_size=80)


@given(ROWS, ROWS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_filled_hour_depends_on_no_later_one(
    values: list[float], others: list[float], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    one, other = np.array(values), np.array([*values[:cut], *others])
    assert filled(one)[:cut].tobytes() == filled(other)[:cut].tobytes()
    assert (filled(one) >= 0).all()


@given(st.lists(st.tuples(st.integers(60, 7200), st.floats(0, 2000)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_an_hour_lies_between_the_least_and_the_most_that_was_said(
    steps: list[tuple[int, float]],
) -> None:
    points, start = [], 0
    for step_s, value in steps:
        points.append(Point(start, step_s, value, Kind.OBSERVED))
        start += step_s
    made = hourly(points)
    said = [value for _, value in steps]
    assert all(min(said) - 1e-6 <= value <= max(said) + 1e-6 for value in made.values())
    assert set(made) >= set(range(start // HOUR_S))


@given(st.lists(st.dictionaries(st.integers(0, 30), st.floats(0, 100)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_joined_histories_hold_every_hour_of_each_and_values_of_none_else(
    histories: list[dict[int, float]],
) -> None:
    together = joined(histories)
    assert set(together) == {hour for one in histories for hour in one}
    for hour, value in together.items():
        assert value == next(one[hour] for one in histories if hour in one)
