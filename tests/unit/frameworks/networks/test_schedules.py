"""The shapes of learning rates over a training."""

import numpy as np
import pytest

from lichen.frameworks.networks.schedules import rate_at

STEPS = 300


def course(schedule: str) -> list[float]:
    return [rate_at(schedule, 0.1, step, STEPS) for step in range(STEPS)]


def test_constant_stays_as_it_is() -> None:
    assert course("constant") == [0.1] * STEPS


def test_step_is_a_tenth_after_each_third() -> None:
    assert course("step") == pytest.approx([0.1] * 100 + [0.01] * 100 + [0.001] * 100)


def test_cosine_falls_all_the_way_and_half_of_it_in_the_middle() -> None:
    rates = course("cosine")
    assert rates[0] == pytest.approx(0.1)
    assert rates[STEPS // 2] == pytest.approx(0.05)
    assert rates[-1] < 1e-5
    assert (np.diff(rates) < 0).all()


def test_one_cycle_rises_from_a_twenty_fifth_and_falls_to_all_but_nothing() -> None:
    rates = course("one-cycle")
    highest = int(np.argmax(rates))
    assert rates[0] == pytest.approx(0.1 / 25)
    assert highest == round(0.3 * STEPS)
    assert rates[highest] == pytest.approx(0.1)
    assert (np.diff(rates[: highest + 1]) > 0).all()
    assert (np.diff(rates[highest:]) <= 0).all()
    assert 0 < rates[-1] < 1e-4
