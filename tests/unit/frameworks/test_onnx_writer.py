"""The written graphs compute what they say."""

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import (
    Ensemble,
    StepRows,
    Tree,
    float32_below,
    linear_core,
    tree_core,
)

STUMP = Tree(
    feature=(1, -1, -1), threshold=(0.5, 0, 0), left=(1, -1, -1), right=(2, -1, -1),
    value=(0, -1.0, 3.0),
)  # fmt: skip


def run(model: bytes, features: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answer = session.run(["raw"], {"features": features})[0]
    assert isinstance(answer, np.ndarray)
    return answer


def test_the_linear_core_is_the_product_of_features_and_weights() -> None:
    weights = np.arange(12, dtype=np.float64).reshape(4, 3)
    features = np.eye(4, dtype=np.float32)[[2, 0]]
    assert run(linear_core(weights), features).tolist() == [[6, 7, 8], [0, 1, 2]]


def test_equal_weights_give_equal_bytes() -> None:
    weights = np.linspace(0, 1, 12).reshape(4, 3)
    assert linear_core(weights) == linear_core(weights.copy())


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        linear_core(np.array([[np.nan]]))


def no_mixture(features: int, horizon: int) -> NDArray[np.float32]:
    return np.zeros((features, horizon, 1), dtype=np.float32)


def test_steps_are_expanded_row_by_row_then_step_by_step() -> None:
    mixed = no_mixture(3, 2)
    mixed[0, :, 0] = [10, 20]
    steps = StepRows(columns=np.array([[0, 1], [2, 1]]), mixed=mixed)
    features = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    assert steps.expand(features).tolist() == [[1, 2, 10], [3, 2, 20], [4, 5, 40], [6, 5, 80]]


def ensemble(steps: StepRows, *trees: Tree, gate: int) -> Ensemble:
    return Ensemble(trees, steps, gate)


def test_a_tree_is_asked_once_for_each_step() -> None:
    steps = StepRows(columns=np.array([[0, 1], [1, 2]]), mixed=no_mixture(4, 2))
    features = np.array([[9, 0.5, 0.6, 1], [9, 0.7, 0.1, 1]], dtype=np.float32)
    model = tree_core([ensemble(steps, STUMP, STUMP, gate=3)], np.zeros((4, 2)))
    assert run(model, features).tolist() == [[-2, 6], [6, -2]]


def test_a_tree_sees_the_mixed_columns_too() -> None:
    mixed = no_mixture(2, 3)
    mixed[1, :, 0] = [-1, 0, 1]
    steps = StepRows(columns=np.zeros((3, 1), dtype=np.int64), mixed=mixed)
    features = np.array([[1, 1], [1, -1]], dtype=np.float32)
    model = tree_core([ensemble(steps, STUMP, gate=0)], np.zeros((2, 3)))
    assert run(model, features).tolist() == [[-1, -1, 3], [3, -1, -1]]


def test_the_trees_add_to_the_base_where_their_gate_is_open() -> None:
    steps = StepRows(columns=np.array([[0, 0]]), mixed=no_mixture(3, 1))
    features = np.array([[7, 1, 0], [7, 0, 1], [7, 1, 1]], dtype=np.float32)
    gated = [ensemble(steps, STUMP, gate=1), ensemble(steps, STUMP, STUMP, gate=2)]
    model = tree_core(gated, np.array([[10.0], [0.0], [0.0]]))
    assert run(model, features).tolist() == [[73], [76], [79]]


def test_a_threshold_between_two_float32_is_rounded_down() -> None:
    exact = np.array([0.1, 0.5, -0.1, 1e-3])
    below = float32_below(exact)
    assert (below.astype(np.float64) <= exact).all()
    assert (np.nextafter(below, np.float32(np.inf)).astype(np.float64) > exact).all()
