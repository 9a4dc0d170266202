"""When joules no longer pay."""

import pytest

from lichen.training.paying import has_stopped_paying


@pytest.mark.parametrize(
    ("scores", "costs", "price", "stops"),
    [
        ([0.5, 0.6, 0.7], [10, 10, 10], None, False),
        ([0.5, 0.6], [10, 10], 0, False),
        ([0.5, 0.5, 0.5], [10, 10, 10], 1, True),
        ([0.5, 0.4, 0.51], [10, 10, 10], 3, False),
        ([0.5, 0.4, 0.51], [10, 10, 10], 1, True),
        ([0.5, 0.5, 0.5], [10, None, 10], 1, False),
        ([0.9, 0.5, 0.6], [10, 10, 10], 5, True),
    ],
)
def test_a_search_stops_when_its_last_trials_cost_more_than_they_gained(
    scores: list[float], costs: list[int | None], price: int | None, *, stops: bool
) -> None:
    assert has_stopped_paying(scores, costs, price) is stops
