"""Networks written by hand here, against NumPy; LiteRT itself answers in tests/frameworks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.litert.convert import check_operators, written
from lichen.frameworks.importing.litert.network import Network, Operator, Steps, Tensor
from lichen.frameworks.onnx import OnnxPredictor

RANDOM = np.random.default_rng(7)


def real(*shape: int, values: Array | None = None, name: str = "t") -> Tensor:
    return Tensor(name, shape, shape, np.dtype("f4"), values)


def constant(values: object, dtype: str = "f4") -> Tensor:
    array = np.asarray(values, dtype=dtype)
    return Tensor("c", array.shape, array.shape, array.dtype, array)


def network(tensors: Sequence[Tensor], *operators: Operator) -> Network:
    """From tensor 0 to the last one."""
    return Network(tuple(tensors), operators, {"x": 0}, {"y": len(tensors) - 1})


def answered(made: Network, given: Array, *, is_open: bool = False) -> Array:
    predictor = OnnxPredictor(written(made, "made.tflite", is_open=is_open))
    found = predictor.predict(Batch({"x": given}))["y"]
    predictor.close()
    return found


def one(
    kind: str, shape: tuple[int, ...], answer: tuple[int, ...], *more: Tensor, **options: object
) -> Network:
    tensors = [real(*shape), *more, real(*answer)]
    numbers = tuple(range(len(more) + 1))
    return network(tensors, Operator(kind, numbers, (len(more) + 1,), options))


X = RANDOM.standard_normal((2, 3, 4)).astype(np.float32)
PICTURE = RANDOM.standard_normal((1, 6, 6, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("RELU", np.maximum(X, 0)),
        ("RELU6", np.clip(X, 0, 6)),
        ("RELU_N1_TO_1", np.clip(X, -1, 1)),
        ("SQUARE", X * X),
        ("LOGISTIC", 1 / (1 + np.exp(-X))),
        ("LOG_SOFTMAX", X - np.log(np.exp(X).sum(-1, keepdims=True))),
        ("SOFTMAX", np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
    ],
)
def test_values_alone(kind: str, expected: Array) -> None:
    found = answered(one(kind, X.shape, X.shape), X)
    np.testing.assert_allclose(found, expected, atol=1e-6)


SIDE = RANDOM.standard_normal((3, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("ADD", {}, X + SIDE),
        ("SUB", {"fusedActivationFunction": 1}, np.maximum(X - SIDE, 0)),
        ("MUL", {"fusedActivationFunction": 3}, np.clip(X * SIDE, 0, 6)),
        ("DIV", {"fusedActivationFunction": 4}, np.tanh(X / SIDE)),
        ("MAXIMUM", {}, np.maximum(X, SIDE)),
        ("SQUARED_DIFFERENCE", {}, (X - SIDE) ** 2),
        ("FLOOR_DIV", {}, np.floor(X / SIDE)),
    ],
)
def test_values_in_pairs(kind: str, options: Mapping[str, Any], expected: Array) -> None:
    made = one(kind, X.shape, X.shape, constant(SIDE), **options)
    np.testing.assert_allclose(answered(made, X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "more", "options", "expected"),
    [
        ("RESHAPE", [constant([2, 12], "i4")], {}, X.reshape(2, 12)),
        ("TRANSPOSE", [constant([2, 0, 1], "i4")], {}, X.transpose(2, 0, 1)),
        ("EXPAND_DIMS", [constant(1, "i4")], {}, X[:, None]),
        ("MEAN", [constant([1], "i4")], {"keepDims": True}, X.mean(1, keepdims=True)),
        ("REDUCE_MAX", [constant([1, 2], "i4")], {}, X.max((1, 2))),
        ("SLICE", [constant([0, 1, 0], "i4"), constant([2, 2, -1], "i4")], {}, X[:, 1:]),
        ("TILE", [constant([1, 2, 1], "i4")], {}, np.tile(X, (1, 2, 1))),
        ("GATHER", [constant([2, 0], "i4")], {"axis": 1}, X[:, [2, 0]]),
        (
            "PAD",
            [constant([[0, 0], [1, 2], [0, 1]], "i4")],
            {},
            np.pad(X, ((0, 0), (1, 2), (0, 1))),
        ),
    ],
)
def test_values_moved(
    kind: str, more: list[Tensor], options: Mapping[str, Any], expected: Array
) -> None:
    made = one(kind, X.shape, expected.shape, *more, **options)
    np.testing.assert_allclose(answered(made, X), expected, atol=1e-6)


def test_a_strided_slice_drops_axes_and_masks_borders() -> None:
    borders = [constant(one_, "i4") for one_ in ([0, 1, 0], [0, 2, 3], [1, 1, 2])]
    masks = {"beginMask": 1, "endMask": 1, "shrinkAxisMask": 2, "ellipsisMask": 0, "newAxisMask": 0}
    made = one("STRIDED_SLICE", X.shape, (2, 2), *borders, **masks)
    np.testing.assert_allclose(answered(made, X), X[:, 1, 0:3:2])
    with pytest.raises(InvalidInput, match="an ellipsis or a new axis"):
        answered(one("STRIDED_SLICE", X.shape, (2, 2), *borders, **{**masks, "newAxisMask": 1}), X)


def convolved(picture: Array, kernel: Array, step: int) -> Array:
    """Straightforward, unpadded: kernel `(outputs, height, width, inputs)`."""
    _, height, width, _ = kernel.shape
    rows = range(0, picture.shape[1] - height + 1, step)
    columns = range(0, picture.shape[2] - width + 1, step)
    cells = [
        [
            np.einsum("hwi,ohwi->o", picture[0, r : r + height, c : c + width], kernel)
            for c in columns
        ]
        for r in rows
    ]
    return np.array(cells)[None]


def test_convolutions_padding_and_pools_keep_channels_last() -> None:
    kernel = RANDOM.standard_normal((3, 3, 3, 2)).astype(np.float32)
    bias = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    options = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    pool = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    made = network(
        [real(1, 6, 6, 2), constant(kernel), constant(bias), real(1, 4, 4, 3), real(1, 2, 2, 3)],
        Operator("CONV_2D", (0, 1, 2), (3,), options),
        Operator("MAX_POOL_2D", (3,), (4,), pool),
    )
    inner = convolved(PICTURE, kernel, 1) + bias
    expected = inner.reshape(1, 2, 2, 2, 2, 3).max((2, 4))
    np.testing.assert_allclose(answered(made, PICTURE), expected, atol=1e-5)


def test_a_dilated_convolution_may_come_as_blocks_that_become_rows() -> None:
    """TFLite's own way: to rows, a convolution, and back."""
    block, none = constant([2, 2], "i4"), constant([[0, 0], [0, 0]], "i4")
    made = network(
        [real(1, 6, 6, 2), block, none, real(4, 3, 3, 2), real(1, 6, 6, 2)],
        Operator("SPACE_TO_BATCH_ND", (0, 1, 2), (3,)),
        Operator("BATCH_TO_SPACE_ND", (3, 1, 2), (4,)),
    )
    np.testing.assert_array_equal(answered(made, PICTURE), PICTURE)
    apart = network(made.tensors[:4], made.operators[0])
    np.testing.assert_array_equal(answered(apart, PICTURE)[1], PICTURE[0, ::2, 1::2])


def test_rows_are_opened_where_the_file_has_one() -> None:
    weights = RANDOM.standard_normal((5, 12)).astype(np.float32)
    made = network(
        [real(1, 3, 4), constant([1, 12], "i4"), real(1, 12), constant(weights), real(1, 5)],
        Operator("RESHAPE", (0, 1), (2,)),
        Operator("FULLY_CONNECTED", (2, 3), (4,), {"fusedActivationFunction": 0}),
    )
    found = answered(made, X, is_open=True)
    np.testing.assert_allclose(found, X.reshape(2, 12) @ weights.T, rtol=1e-5, atol=1e-5)


def test_quantised_answers_are_the_real_numbers_that_steps_stand_for() -> None:
    def steps(scale: float, zero: int) -> Steps:
        return Steps(np.array([scale], dtype=np.float32), np.array([zero]), 0)

    given = Tensor("x", (2, 3), (-1, 3), np.dtype("i1"), None, steps(0.1, 3))
    answer = Tensor("y", (2, 3), (-1, 3), np.dtype("i1"), None, steps(0.25, -10))
    made = network([given, answer], Operator("RELU", (0,), (1,)))
    whole = np.array([[-128, 0, 13], [3, 4, 127]], dtype=np.int8)
    found = answered(made, whole)
    expected = np.round(np.maximum((whole.astype(np.float32) - 3) * 0.1, 0) / 0.25) * 0.25
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_weights_with_steps_of_their_own_for_each_channel() -> None:
    whole = RANDOM.integers(-127, 128, (4, 3)).astype(np.int8)
    scale = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
    weights = Tensor(
        "w", (4, 3), (4, 3), np.dtype("i1"), whole, Steps(scale, np.zeros(4, dtype=np.int64), 0)
    )
    made = network([real(2, 3), weights, real(2, 4)], Operator("FULLY_CONNECTED", (0, 1), (2,)))
    given = X[:, 0, :3]
    expected = given @ (whole * scale[:, None]).T
    np.testing.assert_allclose(answered(made, given), expected, rtol=1e-5, atol=1e-5)


def test_equal_networks_give_equal_bytes() -> None:
    made = one("ADD", X.shape, X.shape, constant(SIDE))
    assert written(made, "a", is_open=True) == written(made, "a", is_open=True)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("CUSTOM FlexErf", r"of TensorFlow beside TFLite \(FlexErf\)"),
        ("WHILE", "uses WHILE, which is not taken from TFLite"),
    ],
)
def test_operators_that_are_not_taken_are_named(kind: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_operators(one(kind, X.shape, X.shape), "made.tflite")


def test_shapes_that_are_computed_and_odd_forms_are_refused_by_a_sentence() -> None:
    made = one("TRANSPOSE", X.shape, X.shape, real(3))
    with pytest.raises(InvalidInput, match="an order is computed as the model runs"):
        written(made, "made.tflite", is_open=False)
    with pytest.raises(InvalidInput, match="CONV_2D in made has a form"):
        written(one("CONV_2D", X.shape, X.shape), "made", is_open=False)
    ending = one("ADD", X.shape, X.shape, constant(SIDE), fusedActivationFunction=5)
    with pytest.raises(InvalidInput, match="activation number 5"):
        written(ending, "made", is_open=False)
