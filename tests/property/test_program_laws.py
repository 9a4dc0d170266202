"""Laws of the solver's door: what it finds is the best of all there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.optimise.program import Effort, Limits, Program, Status, Terms

SIZE = 4
numbers = st.integers(-6, 9).map(float)
rows = st.lists(st.lists(numbers, min_size=SIZE, max_size=SIZE), min_size=1, max_size=3)


@settings(max_examples=80, deadline=None)
@given(st.lists(numbers, min_size=SIZE, max_size=SIZE), rows, st.lists(numbers, min_size=3))
def test_a_small_program_in_whole_numbers_equals_the_best_of_all_choices(
    prices: list[float], coefficients: list[list[float]], most: list[float]
) -> None:
    matrix, limit = np.array(coefficients), np.array(most[: len(coefficients)])
    choices = [np.array(one, float) for one in product((0, 1, 2), repeat=SIZE)]
    allowed = [one for one in choices if (matrix @ one <= limit).all()]
    program = Program()
    variables = program.variables(prices, upper=2, whole=True)
    of = np.repeat(np.arange(len(matrix)), SIZE)
    terms = Terms(of, np.tile(variables, len(matrix)), matrix.ravel())
    names = [f"row {row}" for row in range(len(matrix))]
    program.require_all(names, terms, Limits(at_most=limit))
    found = program.solve(Effort(relative_gap=0))
    if not allowed:
        assert found.status is Status.INFEASIBLE
        assert set(found.conflicts) <= set(names)
        return
    assert found.status is Status.OPTIMAL
    assert found.price == pytest.approx(min(float(one @ prices) for one in allowed), abs=1e-6)
    assert found.values is not None
    assert (matrix @ found.values <= limit + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(numbers, min_size=SIZE, max_size=SIZE), numbers, st.floats(0.5, 20))
def test_what_is_missed_is_what_the_values_miss(
    prices: list[float], least: float, slack_price: float
) -> None:
    program = Program()
    variables = program.variables(prices, upper=2)
    program.require("sum", variables, Limits(at_least=least, slack_price=slack_price))
    found = program.solve()
    assert found.values is not None
    missing = max(0.0, least - float(found.values[:SIZE].sum()))
    assert found.missed == pytest.approx([missing], abs=1e-6)
    paid = float(found.values[:SIZE] @ prices) + slack_price * missing
    assert found.price == pytest.approx(paid, abs=1e-6)
