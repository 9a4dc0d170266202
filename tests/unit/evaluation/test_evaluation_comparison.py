import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.comparison import compare


def losses(
    seed: int, mean: float, count: int = 300
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.default_rng(seed).normal(mean, 1.0, size=count)


def test_a_better_model_is_seen_to_be_better() -> None:
    said = compare(losses(0, 1.0), losses(1, 2.0))
    assert said.settled
    assert said.low < said.difference < said.high < 0
    assert said.p_value < 0.001


def test_equals_are_not_told_apart() -> None:
    said = compare(losses(0, 1.0), losses(1, 1.0))
    assert not said.settled
    assert said.p_value > 0.05


def test_the_very_same_losses_differ_by_nothing() -> None:
    said = compare(losses(0, 1.0), losses(0, 1.0), overlap=3)
    assert (said.difference, said.p_value) == (0.0, 1.0)


def test_a_constant_difference_is_certain() -> None:
    said = compare(losses(0, 1.0) * 0 + 1.0, losses(0, 1.0) * 0 + 2.0)
    assert said.p_value == 0.0
    assert said.settled


def test_a_false_alarm_is_as_rare_as_it_says() -> None:
    alarms = [
        compare(losses(2 * seed, 1.0, 100), losses(2 * seed + 1, 1.0, 100), draws=50).p_value < 0.1
        for seed in range(200)
    ]
    assert 0.04 < np.mean(alarms) < 0.17


def test_overlapping_forecasts_make_it_less_sure() -> None:
    shared = np.repeat(losses(0, -0.2, 60), 7) + losses(1, 0.0, 420) * 0.1
    zero = np.zeros(420)
    naive, honest = compare(shared, zero), compare(shared, zero, overlap=7)
    assert honest.p_value > naive.p_value
    assert honest.high - honest.low > naive.high - naive.low


def test_one_seed_one_answer() -> None:
    a, b = losses(0, 1.0), losses(1, 1.1)
    assert compare(a, b, seed=5) == compare(a, b, seed=5)


def test_what_does_not_pair_up_is_refused() -> None:
    with pytest.raises(InvalidInput, match="do not pair up"):
        compare(np.zeros(10), np.zeros(11))
    with pytest.raises(InvalidInput, match="too few"):
        compare(np.zeros(5), np.zeros(5))
