import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.panel import on_grid

HOURS = np.datetime64("2014-01-01T00:00:00", "s") + np.arange(5) * np.timedelta64(3600, "s")


def test_rows_in_any_order_fall_on_the_grid_and_gaps_are_nan() -> None:
    panel = on_grid(HOURS[[3, 0, 1]], np.array([[3.0], [0.0], [1.0]]), None, 3600)
    assert panel.rows == 4
    np.testing.assert_array_equal(panel.values[:, 0], [0.0, 1.0, np.nan, 3.0])
    assert panel.known.shape == (4, 0)


def test_times_and_rows_are_each_others_reverse() -> None:
    panel = on_grid(HOURS, np.zeros((5, 1)), None, 3600)
    assert [panel.row_at(moment) for moment in panel.time_of(np.arange(5))] == [0, 1, 2, 3, 4]
    assert panel.row_at(np.datetime64("2014-01-01T00:30:00")) == 1
    assert panel.row_at(np.datetime64("2013-12-31T23:00:00")) == -1


def test_until_keeps_nothing_later() -> None:
    panel = on_grid(HOURS, np.zeros((5, 1)), np.ones((5, 2)), 3600).until(2)
    assert (len(panel.values), len(panel.known)) == (2, 2)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (HOURS[:0], "no rows"),
        (np.array(["2014-01-01T00:00", "2014-01-01T00:30"], "datetime64[s]"), "off the grid"),
        (HOURS[[0, 0]], "two rows"),
    ],
)
def test_what_is_no_grid_is_refused(
    times: "np.ndarray[tuple[int], np.dtype[np.datetime64]]", words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        on_grid(times, np.zeros((len(times), 1)), None, 3600)
