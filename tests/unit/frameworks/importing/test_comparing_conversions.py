from collections.abc import Mapping

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.comparison import check_faithful, compared
from lichen.frameworks.importing.conversion import Conversion, Trial
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core

ROWS = np.random.default_rng(0).normal(size=(130, 3)).astype(np.float32)
WEIGHTS = np.array([[1.0], [2.0], [-3.0]])


def conversion(expected: Array, tolerance: float = 1e-5) -> Conversion:
    predictor = OnnxPredictor(linear_core(WEIGHTS))
    (taken,), (given,) = predictor.signature.inputs, predictor.signature.outputs
    trial = Trial(inputs={taken.name: ROWS}, outputs={given.name: expected}, tolerance=tolerance)
    return Conversion(files={}, trial=trial, algorithm="linear", library="by hand 1")


def test_a_faithful_model_states_its_largest_difference() -> None:
    expected = (ROWS @ WEIGHTS).astype(np.float64)
    found = check_faithful(OnnxPredictor(linear_core(WEIGHTS)), conversion(expected))
    assert found.inputs == len(ROWS)
    assert 0 <= found.largest_difference < 1e-6


def test_an_unfaithful_one_is_refused_with_the_difference_and_the_input() -> None:
    expected = (ROWS @ WEIGHTS).astype(np.float64)
    expected[77] += 0.5
    with pytest.raises(InvalidInput, match=r"otherwise than by hand 1: .*input 77 \(") as refused:
        check_faithful(OnnxPredictor(linear_core(WEIGHTS)), conversion(expected))
    assert f"{ROWS[77, 0]:.6g}" in str(refused.value)


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), 0.0),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), np.inf),
        (np.array([1.0, np.inf]), np.array([1.0, np.inf]), 0.0),
        (np.array([100.0, 1.0]), np.array([100.0, 2.0]), 0.01),
        (np.array([0.1, 0.2]), np.array([0.1, 0.3]), 0.1),
        (np.array([1, 2]), np.array([1, 2], dtype=np.int32), 0.0),
        (np.array([1, 2]), np.array([1, 3]), np.inf),
        (np.array([1, 2]), np.array([1.0, 2.0]), np.inf),
        (np.array([[1.0], [2.0]]), np.array([1.0, 2.0]), np.inf),
        (np.array([b"a", b"b"], dtype=object), np.array([b"a", b"b"], dtype=object), 0.0),
        (np.array([b"a", b"b"], dtype=object), np.array([b"a", b"c"], dtype=object), np.inf),
        (np.array([True, False]), np.array([True, True]), np.inf),
    ],
)
def test_differences_count_by_the_largest_answer(
    expected: Array, found: Array, difference: float
) -> None:
    trial = Trial(inputs={"x": np.zeros((2, 1))}, outputs={"y": expected}, tolerance=0.0)
    assert compared(trial, Batch({"y": found})).largest_difference == pytest.approx(difference)


def test_an_output_that_is_missing_is_told() -> None:
    given: Mapping[str, Array] = {"y": np.zeros(2)}
    trial = Trial(inputs={"x": np.zeros((2, 1))}, outputs=given, tolerance=0.0)
    with pytest.raises(InvalidInput, match="answers no 'y'"):
        compared(trial, Batch({"z": np.zeros(2)}))
