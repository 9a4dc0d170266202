"""How many rows a batch should have, from what batches of each size take."""

import pytest

from lichen.serving.sizing import best_rows, is_worth_another, trial_sizes

US = 1000


@pytest.mark.parametrize(
    ("took_us", "expected"),
    [
        ({1: 16, 4: 18, 16: 20, 64: 60, 256: 170}, 256),  # a dense network gains to the end
        ({1: 8, 4: 18, 16: 61, 64: 240, 256: 960}, 256),  # trees: no dearer, and still short
        ({1: 8, 4: 18, 16: 61, 64: 240, 256: 1100}, 64),  # the same, where 256 would take a hop
        ({1: 720, 4: 3000, 16: 13_000}, 1),  # a transformer whose rows grow dearer
        ({1: 2900, 4: 11_000, 16: 44_000}, 4),  # nothing is short: the smallest that is cheap
        ({1: 60_000}, 1),  # too long for another trial
    ],
)
def test_the_best_size_is_cheap_and_if_possible_short(
    took_us: dict[int, int], expected: int
) -> None:
    assert best_rows({rows: us * US for rows, us in took_us.items()}, 256) == expected


def test_where_the_largest_is_best_the_limit_is_used() -> None:
    assert best_rows({1: 10, 4: 12, 16: 14, 64: 20}, 100) == 100
    assert best_rows({}, 100) == 100


def test_sizes_grow_up_to_the_limit_and_stop_where_a_trial_grows_long() -> None:
    assert list(trial_sizes(256)) == [1, 4, 16, 64, 256]
    assert list(trial_sizes(1)) == [1]
    assert is_worth_another(10_000_000)
    assert not is_worth_another(20_000_000)
