"""Inputs against a signature: what fits passes, what does not is named."""

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.serving.admission import Admission

SIGNATURE = Signature(
    (
        TensorSpec("x", Datatype.FP32, (-1, 3)),
        TensorSpec("when", Datatype.BYTES, (-1,)),
        TensorSpec("extra", Datatype.INT64, (-1, -1), optional=True),
    ),
    (TensorSpec("y", Datatype.FP32, (-1, 1)),),
)
X = np.ones((2, 3), dtype=np.float32)
WHEN = np.array([b"a", b"b"], dtype=np.object_)


def test_what_fits_says_its_rows() -> None:
    admission = Admission(SIGNATURE)
    assert admission.check({"x": X, "when": WHEN}) == 2
    extra = np.zeros((2, 7), dtype=np.int64)
    assert admission.check({"extra": extra, "when": WHEN, "x": X}) == 2


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": X}, "input 'when' is missing: the model takes x FP32"),
        ({"x": X, "when": WHEN, "z": X}, "no input 'z'"),
        ({}, "is missing"),
        ({"x": X.astype(np.float64), "when": WHEN}, "datatype FP64, and the model takes FP32"),
        ({"x": X[:, :2], "when": WHEN}, r"shape \[2, 2\], and the model takes \[-1, 3\]"),
        ({"x": X.ravel(), "when": WHEN}, r"shape \[6\]"),
        ({"x": X[:1], "when": WHEN}, "rows"),
        ({"x": X[:0], "when": WHEN[:0]}, "no rows"),
    ],
)
def test_what_does_not_fit_is_named(inputs: dict[str, Array], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Admission(SIGNATURE).check(inputs)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_with_their_position(value: float) -> None:
    wrong = X.copy()
    wrong[1, 2] = value
    with pytest.raises(InvalidInput, match=r"input 'x' holds (NaN|infinity) at position \[1, 2\]"):
        Admission(SIGNATURE).check({"x": wrong, "when": WHEN})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_halves_are_looked_at_as_well(value: float) -> None:
    admission = Admission(Signature((TensorSpec("x", Datatype.FP16, (-1, 2)),), ()))
    halves = np.full((200_000, 2), np.finfo(np.float16).max, dtype=np.float16)
    assert admission.check({"x": halves}) == 200_000
    halves[150_000, 1] = value
    with pytest.raises(InvalidInput, match=r"at position \[150000, 1\]"):
        admission.check({"x": halves})


def test_large_finite_numbers_pass() -> None:
    large = np.full((2, 3), np.finfo(np.float32).max, dtype=np.float32)
    assert Admission(SIGNATURE).check({"x": large, "when": WHEN}) == 2


def test_a_model_without_rows_takes_its_fixed_shape() -> None:
    fixed = Signature(
        (TensorSpec("x", Datatype.FP32, (3,)), TensorSpec("s", Datatype.FP32, ())), ()
    )
    scalar = np.array(1.0, dtype=np.float32)
    assert Admission(fixed).check({"x": X[0], "s": scalar}) == 1


def test_a_model_that_takes_missing_values_is_given_nan() -> None:
    gappy = Signature((TensorSpec("x", Datatype.FP32, (-1, 2), missing=True),), ())
    assert Admission(gappy).check({"x": np.array([[np.nan, 1]], dtype=np.float32)}) == 1


def test_outputs_that_do_not_exist_are_refused() -> None:
    Admission(SIGNATURE).check_outputs(["y"])
    with pytest.raises(InvalidInput, match="no output 'z': the model gives y"):
        Admission(SIGNATURE).check_outputs(["y", "z"])
