"""Layers of plain numbers as ONNX."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.dense_writer import ACTIVATIONS, dense_layer, dense_model
from lichen.frameworks.onnx import OnnxPredictor, check_model

Floats = NDArray[np.float64]
EXPECTED: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky-relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
    "exp": np.exp,
}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_network_computes_what_its_layers_say(activation: str) -> None:
    random = np.random.default_rng(3)
    first, second = random.standard_normal((4, 6)), random.standard_normal((6, 2))
    rows = random.standard_normal((9, 4)).astype(np.float32)
    content = dense_model(
        [dense_layer(first, 0.0, "relu"), dense_layer(second, 0.5, activation)],
        centre=[1, 2, 3, 4],
        scale=[2, 2, 2, 2],
    )
    hidden = np.maximum((rows - [1, 2, 3, 4]) / 2 @ first, 0)
    found = OnnxPredictor(content).predict(Batch({"x": rows}))["prediction"]
    assert found == pytest.approx(EXPECTED[activation](hidden @ second + 0.5), rel=1e-4, abs=1e-5)
    assert check_model(content).inputs[0].shape == (-1, 4)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: dense_model([]), "a network without layers answers nothing"),
        (lambda: dense_layer(3.0, 1.0), "weights of shape () are no layer"),
        (lambda: dense_layer([[np.nan]], 0.0), "a weight is NaN or infinite"),
        (lambda: dense_layer([[1.0]], np.inf), "a weight is NaN or infinite"),
        (lambda: dense_layer([[1.0]], 0.0, "swish"), "there is no activation 'swish' here"),
        (
            lambda: dense_model([dense_layer(np.ones((2, 3)), 0), dense_layer(np.ones((2, 1)), 0)]),
            "layer 2 takes 2 values and the one before gives 3",
        ),
    ],
)
def test_layers_that_cannot_be_are_refused(make, sentence: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(InvalidInput) as refused:
        make()
    assert sentence in str(refused.value)
