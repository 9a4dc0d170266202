"""Gradients of ONNX graphs: what they say is what ONNX Runtime says, and its slope."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.frameworks.gradients.differentiable import Differentiable, NoGradient, differentiable
from lichen.frameworks.onnx import OnnxPredictor

RANDOM = np.random.default_rng(7)
OPSET = 18


def weights(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def model(
    nodes: list[Any], kept: dict[str, np.ndarray], taken: list[Any], opset: int = OPSET
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tried",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", *taken])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(value, name) for name, value in kept.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(made.SerializeToString())


def node(kind: str, *inputs: str, to: str = "y", **attributes: Any) -> Any:  # noqa: ANN401 - ONNX's
    return helper.make_node(kind, list(inputs), [to], **attributes)


def whole(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


ALONE = ("Relu", "LeakyRelu", "Elu", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish", "Erf")
MORE = ("Softplus", "Exp", "Neg", "Abs", "Identity", "Softmax", "LogSoftmax")

FLAT: dict[str, tuple[list[Any], dict[str, np.ndarray]]] = {
    **{kind: ([node(kind, "x")], {}) for kind in (*ALONE, *MORE)},
    "gemm": (
        [node("Gemm", "x", "w", "b", transB=1, alpha=0.5, beta=2.0)],
        {"w": weights(3, 6), "b": weights(3)},
    ),
    "matmul": ([node("MatMul", "x", "w")], {"w": weights(6, 4)}),
    "sub and div": (
        [node("Sub", "x", "a", to="t"), node("Div", "t", "b")],
        {"a": weights(6), "b": np.abs(weights(6)) + 1},
    ),
    "itself times itself": ([node("Mul", "x", "x")], {}),
    "sum": ([node("Sum", "x", "x", "a")], {"a": weights(6)}),
    "clip": (
        [node("Clip", "x", "low", "high")],
        {"low": np.array(-0.5, np.float32), "high": np.array(0.5, np.float32)},
    ),
    "max": ([node("Max", "x", "a")], {"a": weights(6)}),
    "min": ([node("Min", "a", "x")], {"a": weights(6)}),
    "power": (
        [node("Mul", "x", "x", to="s"), node("Pow", "s", "p")],
        {"p": np.array(1.5, dtype=np.float32)},
    ),
    "root of a sum of squares": (
        [node("ReduceSumSquare", "x", "axes", to="s"), node("Sqrt", "s")],
        {"axes": whole(1)},
    ),
    "length": ([node("ReduceL2", "x", "axes", keepdims=0)], {"axes": whole(1)}),
    "largest of a row": ([node("ReduceMax", "x", "axes", keepdims=0)], {"axes": whole(1)}),
    "smallest of a row": ([node("ReduceMin", "x", "axes")], {"axes": whole(1)}),
    "mean": ([node("ReduceMean", "x", "axes", keepdims=0)], {"axes": whole(1)}),
    "slices beside each other": (
        [
            node("Slice", "x", "one", "three", "one", to="a"),
            node("Slice", "x", "zero", "six", "one", "two", to="b"),
            node("Concat", "a", "b", axis=1),
        ],
        {name: whole(value) for name, value in zip(("zero", "one", "two", "three", "six"),
                                                   (0, 1, 2, 3, 6), strict=True)},
    ),
    "gathered twice": ([node("Gather", "x", "at", axis=1)], {"at": whole(0, 0, 5)}),
    "normalised": (
        [node("LayerNormalization", "x", "scale", "shift", axis=-1)],
        {"scale": weights(6), "shift": weights(6)},
    ),
    "tokens": (
        [
            node("Reshape", "x", "form", to="t"),
            node("Transpose", "t", to="u", perm=[0, 2, 1]),
            node("MatMul", "t", "u", to="l"),
            node("Softmax", "l", to="s", axis=-1),
            node("MatMul", "s", "t", to="m"),
            node("Flatten", "m"),
        ],
        {"form": whole(0, 3, 2)},
    ),
}  # fmt: skip

PICTURES: dict[str, tuple[list[Any], dict[str, np.ndarray]]] = {
    "convolution": (
        [node("Conv", "x", "w", "b", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])],
        {"w": weights(4, 2, 3, 3), "b": weights(4)},
    ),
    "by groups, far apart": (
        [node("Conv", "x", "w", kernel_shape=[2, 2], group=2, dilations=[2, 2])],
        {"w": weights(4, 1, 2, 2)},
    ),
    "padded by itself": (
        [node("Conv", "x", "w", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")],
        {"w": weights(3, 2, 3, 3)},
    ),
    "largest": ([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])], {}),
    "largest, padded": (
        [node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
    ),
    "means": (
        [node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
    ),
    "mean of all": ([node("GlobalAveragePool", "x", to="m"), node("Flatten", "m")], {}),
    "largest of all": ([node("GlobalMaxPool", "x")], {}),
    "batch normalisation": (
        [node("BatchNormalization", "x", "s", "b", "m", "v")],
        {"s": weights(2), "b": weights(2), "m": weights(2), "v": np.abs(weights(2))},
    ),
    "pad": ([node("Pad", "x", "pads", to="p"), node("Mul", "p", "p")],
            {"pads": whole(0, 0, 1, 1, 0, 0, 1, 0)}),
    "turned": ([node("Transpose", "x", perm=[0, 2, 3, 1])], {}),
}  # fmt: skip


def made(content: bytes, rows: np.ndarray) -> Differentiable:
    found = differentiable(content, rows)
    assert isinstance(found, Differentiable), found
    return found


@pytest.mark.parametrize(("name", "shape"), [
    *((name, (6,)) for name in FLAT), *((name, (2, 6, 7)) for name in PICTURES),
])  # fmt: skip
def test_values_are_onnx_runtimes_and_gradients_are_slopes(
    name: str, shape: tuple[int, ...]
) -> None:
    nodes, kept = (FLAT | PICTURES)[name]
    content = model(nodes, kept, list(shape))
    rows = RANDOM.standard_normal((3, *shape)).astype(np.float32)
    said = OnnxPredictor(content).predict(Batch({"x": rows}))["y"]
    own = made(content, rows)
    exact = rows.astype(np.float64)
    found = own.value(exact)
    assert np.allclose(found, said, rtol=1e-4, atol=1e-5)
    towards = RANDOM.standard_normal(found.shape)
    _, gradients = own.gradients(exact, lambda _: towards)
    step = 1e-6
    for place in RANDOM.integers(0, [3, *shape], (12, 1 + len(shape))):
        at = tuple(place.tolist())
        moved = exact.copy()
        moved[at] += step
        slope = float(((own.value(moved) - found) * towards).sum()) / step
        assert gradients[at] == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_pictures_that_come_as_bytes_are_differentiated_as_numbers() -> None:
    cast = helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)
    content = model([cast, node("Mul", "f", "w")], {"w": weights(4)}, [4])
    own = made(content, np.ones((1, 4), dtype=np.uint8))
    _, gradients = own.gradients(np.full((1, 4), 0.5), np.ones_like)
    assert np.isfinite(gradients).all()
    assert np.abs(gradients).min() > 0


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node("Round", "x")], "Round"),
        ([node("MaxPool", "x", kernel_shape=[2, 2], ceil_mode=1)], "rounds up"),
        ([node("Gelu", "x", approximate="tanh")], "approximation"),
    ],
)
def test_what_has_no_gradient_says_so(nodes: list[Any], says: str) -> None:
    found = differentiable(model(nodes, {}, [2, 6, 6], 20), np.ones((1, 2, 6, 6)))
    assert isinstance(found, NoGradient)
    assert says in found.reason


def test_bytes_that_are_no_model_say_so() -> None:
    assert isinstance(differentiable(b"\x00\xff nothing", np.ones((1, 2))), NoGradient)
    assert isinstance(differentiable(b"", np.ones((1, 2))), NoGradient)


def test_a_network_that_takes_too_long_in_numpy_says_so() -> None:
    content = model(
        [node("Conv", "x", "w", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
        {"w": weights(64, 64, 3, 3)},
        [64, 60, 60],
    )
    found = differentiable(content, np.ones((1, 64, 60, 60), np.float32))
    assert isinstance(found, NoGradient)
    assert found.reason.startswith("it takes 133 million multiplications, and up to 100")
