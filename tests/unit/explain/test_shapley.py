"""Shapley values by sampling: against the sum over all orders, and the laws that they must keep."""

from collections.abc import Callable, Mapping
from itertools import permutations

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.shapley import ShapleyExplainer, exact_shapley, sampled_explainer
from lichen.frameworks.function import FunctionPredictor


def by_orders(worth: Array, count: int) -> Array:
    """The mean of what each column adds, over all orders of joining (Shapley, 1953)."""
    orders = list(permutations(range(count)))
    values = np.zeros(count)
    for order in orders:
        members = 0
        for one in order:
            values[one] += worth[members | 1 << one] - worth[members]
            members |= 1 << one
    return values / len(orders)


def explainer(compute: Callable[[Array], Array], columns: int) -> ShapleyExplainer:
    signature = Signature(
        (TensorSpec("x", Datatype.FP64, (-1, columns)),),
        (TensorSpec("y", Datatype.FP64, (-1,), unit="MW"),),
    )

    def answer(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return {"y": compute(inputs["x"])}

    made = sampled_explainer(LoadedVersion(FunctionPredictor(signature, answer), {}))
    assert made is not None
    return made


def test_exact_values_are_the_mean_over_all_orders() -> None:
    worth = np.random.default_rng(1).normal(size=(16, 2))
    found = exact_shapley(worth)
    for output in range(2):
        assert found[output] == pytest.approx(by_orders(worth[:, output], 4))


def test_sampled_values_of_pairs_are_exact_and_sum_to_the_prediction() -> None:
    random = np.random.default_rng(2)
    columns = 14
    pairs = random.normal(size=(columns, columns))

    def compute(x: Array) -> Array:
        return np.asarray(np.einsum("ij,jk,ik->i", x, pairs, x))

    background = random.normal(size=(3, columns))
    row = random.normal(size=(1, columns))
    wishes = Wishes(background=Batch({"x": background}), samples=30_000)
    found = explainer(compute, columns).explain(Batch({"x": row}), wishes)
    assert found.method == "kernel-shap"
    assert found.unit == "MW"
    assert found.largest_error < 1e-6
    shares = np.array(found.rows[0].attributions[0].contributions)
    meant = np.mean([_of_pairs(row[0], usual, pairs) for usual in background], axis=0)
    assert shares == pytest.approx(meant, abs=0.05 * np.abs(meant).max())


def _of_pairs(row: Array, usual: Array, pairs: Array) -> Array:
    """In closed form: each column's own term, and half of each pair's difference of differences."""
    step = row - usual
    linear = step * ((pairs + pairs.T) @ usual)
    return np.asarray(linear + step * (((pairs + pairs.T) / 2) @ step))


def test_the_same_seed_gives_the_same_values() -> None:
    def compute(x: Array) -> Array:
        return np.asarray(np.sin(x).prod(axis=1))

    rows = Batch({"x": np.linspace(0.1, 1.2, 12)[None]})
    background = Batch({"x": np.zeros((2, 12)) + 0.5})
    made = explainer(compute, 12)
    wishes = Wishes(background=background, samples=2000, seed=7)
    assert made.explain(rows, wishes) == made.explain(rows, wishes)


def test_a_column_that_is_as_usual_contributes_nothing() -> None:
    made = explainer(lambda x: x.sum(axis=1) ** 2, 3)
    rows, usual = Batch({"x": np.array([[1.0, 5, 2]])}), Batch({"x": np.array([[0.0, 5, 0]])})
    shares = made.explain(rows, Wishes(background=usual)).rows[0].attributions[0].contributions
    assert shares[1] == 0.0


def test_without_a_background_it_is_asked_for() -> None:
    with pytest.raises(InvalidInput, match="give some as `background`"):
        explainer(lambda x: x.sum(axis=1), 2).explain(Batch({"x": np.zeros((1, 2))}), Wishes())
