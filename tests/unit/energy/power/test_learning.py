"""Learning a rate: it converges under load, and a quiet night does not spoil it."""

import pytest

from lichen.core.figures import Method
from lichen.energy.meter import Reading
from lichen.energy.power.learning import LearnedRate


def load(learned: LearnedRate, seconds: int, busy_ns: int, nj_per_ns: float) -> None:
    for _ in range(seconds):
        dynamic_nj = int(busy_ns * nj_per_ns)
        learned.learn(Reading(0, 0, 0, 0), Reading(dynamic_nj + 9, 9, busy_ns, 1_000_000_000))


def test_it_starts_at_the_published_prior() -> None:
    assert LearnedRate().nj_per_cpu_ns == pytest.approx(3.258)


def test_it_converges_under_load() -> None:
    learned = LearnedRate()
    load(learned, 10, 1_000_000_000, 6.0)
    assert learned.nj_per_cpu_ns == pytest.approx(6.0, rel=0.005)


def test_an_idle_night_teaches_nothing() -> None:
    learned = LearnedRate()
    load(learned, 10, 1_000_000_000, 6.0)
    load(learned, 500, 1_000_000, 900.0)
    assert learned.nj_per_cpu_ns == pytest.approx(6.0, rel=0.005)


def test_nonsense_is_kept_within_bounds() -> None:
    learned = LearnedRate()
    load(learned, 30, 1_000_000_000, 1e6)
    assert learned.nj_per_cpu_ns == pytest.approx(4 * 4.1)


def test_the_interval_grows_with_what_is_unknown_of_idle() -> None:
    rate = LearnedRate().rate(Method.MIXED, "s", 1, idle_spread=0.5)
    sure = LearnedRate().rate(Method.MEASURED, "s", 1)
    assert rate.low < sure.low < sure.nj_per_cpu_ns < sure.high < rate.high
