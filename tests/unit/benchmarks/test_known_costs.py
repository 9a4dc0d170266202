"""The judge of L2: it forgives a machine its moods, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from known.judging import (
    SPELL_NS,
    Charged,
    by_wall_overlap,
    errors,
    errors_one_by_one,
    over_count,
)

COUNT, IN_FLIGHT = 30_000, 100


def run(seed: int = 1) -> Charged:
    """Requests of three models and three sizes in two minutes, charged exactly what they cost."""
    chance = np.random.default_rng(seed)
    model, size = chance.integers(0, 3, COUNT), chance.integers(1, 4, COUNT)
    known = np.asarray(np.array([15.0, 55.0, 220.0])[model] * size, dtype=np.float64)
    ended = np.sort(chance.integers(0, 120 * 10**9, COUNT))
    began = ended - IN_FLIGHT * 120 * 10**9 // COUNT
    charged = np.asarray(3.7 * known, dtype=np.float64)
    return Charged(model, model * 4 + size, known, charged, began, ended)


def test_charges_in_proportion_have_no_error() -> None:
    found = errors(run())
    assert found.median == pytest.approx(0)
    assert found.p95 == pytest.approx(0)
    assert found.judged == 24 * 9
    assert found.passes
    assert errors_one_by_one(run()).passes


def test_a_machine_that_works_at_another_speed_each_spell_is_no_error() -> None:
    exact = run()
    speed = np.random.default_rng(2).uniform(1, 2, 25)[exact.ended_ns // SPELL_NS]
    assert errors(replace(exact, charged=exact.charged * speed)).passes


def test_noise_that_only_adds_to_single_requests_is_judged_by_its_median() -> None:
    exact, chance = run(), np.random.default_rng(3)
    noisy = exact.charged * (1 + chance.exponential(0.1, COUNT))
    assert errors(replace(exact, charged=noisy)).passes
    assert not errors_one_by_one(replace(exact, charged=noisy)).passes


def test_energy_given_to_another_model_is_an_error() -> None:
    exact = run()
    dearer = np.where(exact.model == 0, 1.1, 1.0)
    assert not errors(replace(exact, charged=exact.charged * dearer)).passes


def test_shares_that_ignore_the_size_are_an_error() -> None:
    exact = run()
    sizes = exact.kind % 4
    assert not errors(replace(exact, charged=exact.charged / sizes)).passes


def test_who_was_in_flight_says_nothing_of_what_he_cost() -> None:
    exact = run()
    shared = by_wall_overlap(exact)
    assert shared.charged.sum() == pytest.approx(exact.charged.sum())
    assert not errors(shared).passes
    assert over_count(exact) == pytest.approx(IN_FLIGHT, rel=0.02)


def test_a_run_with_hardly_anything_beside_is_not_judged() -> None:
    few = run()
    lonely = Charged(
        few.model[:200],
        few.kind[:200],
        few.known[:200],
        few.charged[:200],
        few.began_ns[:200],
        few.ended_ns[:200] * 600,
    )
    with pytest.raises(ValueError, match="can be judged"):
        errors(lonely)
