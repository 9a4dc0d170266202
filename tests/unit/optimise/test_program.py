"""Programs: what is found, what is said of what cannot be."""

import math

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.optimise.program import Effort, Limits, Program, Status, Terms


def test_the_cheapest_mix_is_found() -> None:
    program = Program()
    amounts = program.variables([3.0, 2.0], upper=[10.0, 4.0])
    program.require("demand", amounts, Limits(at_least=6))
    found = program.solve()
    assert found.status is Status.OPTIMAL
    assert found.values == pytest.approx([2, 4])
    assert found.price == pytest.approx(14)
    assert found.bound == pytest.approx(14)
    assert found.marginal == pytest.approx([3])


def test_whole_numbers_are_kept_whole() -> None:
    program = Program()
    boxes = program.variables([5.0, 3.0], upper=10, whole=True)
    terms = Terms(np.zeros(2, np.int64), boxes, [4.0, 2.3])
    program.require_all(["weight"], terms, Limits(at_least=9))
    found = program.solve(Effort(relative_gap=0))
    assert found.values == pytest.approx([1, 3]) or found.price == pytest.approx(12)
    assert found.price == pytest.approx(12)
    assert found.bound == pytest.approx(12)


def test_a_requirement_with_a_price_is_given_up_where_that_is_cheaper() -> None:
    program = Program()
    amount = program.variables([1.0], upper=4)
    program.require("wish", amount, Limits(at_least=10, slack_price=5.0))
    program.require("ceiling", amount, Limits(at_most=3, slack_price=2.0))
    found = program.solve()
    assert found.values is not None
    assert found.values[:1] == pytest.approx([4])
    assert found.missed == pytest.approx([6, 1])


def test_an_equality_can_be_missed_on_either_side() -> None:
    for low, missed in ((5.0, 2.0), (-1.0, 4.0)):
        program = Program()
        amount = program.variables([0.0], lower=3, upper=3)
        program.require("exactly", amount, Limits(low, low, slack_price=1.0))
        assert program.solve().missed == pytest.approx([missed])


def test_what_cannot_hold_together_is_named_and_nothing_else() -> None:
    program = Program()
    both = program.variables([1.0, 1.0], upper=4)
    program.require("at least five", both, Limits(at_least=5))
    program.require("at most three", both, Limits(at_most=3))
    program.require("harmless", both[:1], Limits(at_most=3))
    found = program.solve()
    assert found.status is Status.INFEASIBLE
    assert found.values is None
    assert found.price == math.inf
    assert set(found.conflicts) == {"at least five", "at most three"}


def test_a_program_that_pays_without_end_is_refused() -> None:
    program = Program()
    program.variables([-1.0])
    with pytest.raises(InvalidInput, match="bound every variable"):
        program.solve()


def test_the_clock_stops_it_without_a_word_of_optimality() -> None:
    program = Program()
    rng = np.random.default_rng(7)
    chosen = program.variables(-rng.integers(50, 100, 60).astype(float), upper=1, whole=True)
    weights = rng.integers(30, 90, (8, 60)).astype(float)
    terms = Terms(np.repeat(np.arange(8), 60), np.tile(chosen, 8), weights.ravel())
    names = [f"knapsack {number}" for number in range(8)]
    program.require_all(names, terms, Limits(at_most=weights.sum(axis=1) / 2))
    found = program.solve(Effort(limit_s=0.0))
    assert found.status is Status.TIME_LIMIT
    assert found.bound <= found.price


def test_nothing_to_decide_costs_nothing() -> None:
    assert Program().solve().price == 0.0


def test_terms_of_what_was_not_declared_are_refused() -> None:
    program = Program()
    program.variables([1.0])
    with pytest.raises(InvalidInput, match="a variable that there is not"):
        program.require("unknown", [1], Limits())
    with pytest.raises(InvalidInput, match="finite prices"):
        program.variables([math.nan])
