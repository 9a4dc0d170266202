"""The door of networks of images, and how much work a network is."""

import numpy as np
import onnx
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.architecture import (
    Architecture,
    Convolutional,
    Dense,
    Residual,
    Transformer,
    laid_out,
)
from lichen.frameworks.networks.multiplications import multiplications
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.pictures import image_model
from lichen.frameworks.networks.weights import first_weights
from lichen.frameworks.onnx import OnnxPredictor

SHAPE = (3, 8, 12)
STRUCTURES: tuple[Architecture, ...] = (
    Dense(layers=(5,)),
    Convolutional(channels=(4, 6), depth=1, layers=()),
    Residual(channels=(4, 6)),
    Transformer(patch=4, width=8, heads=2, depth=1),
)


def _network(structure: Architecture) -> TrainedNetwork:
    layers = laid_out(structure, SHAPE, 4)
    weights = first_weights(layers, SHAPE, np.random.default_rng(0))
    return TrainedNetwork(layers=layers, weights=weights, shape=SHAPE)


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda one: type(one).__name__)
def test_pixels_as_bytes_channels_last_give_what_the_network_gives(
    structure: Architecture,
) -> None:
    pytest.importorskip("torch", reason="PyTorch comes with the extra `torch`")
    network = _network(structure)
    pixels = np.random.default_rng(1).integers(0, 256, (5, 8, 12, 3), dtype=np.uint8)
    predictor = OnnxPredictor(image_model(network))
    raw = predictor.predict(Batch({"image": pixels})).arrays["raw"]
    predictor.close()
    expected = network.raw(pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(raw, expected, rtol=1e-4, atol=1e-3)
    assert image_model(network) == image_model(_network(structure))


def test_rows_that_are_no_images_have_no_such_door() -> None:
    layers = laid_out(Dense(layers=()), (4,), 2)
    weights = first_weights(layers, (4,), np.random.default_rng(0))
    with pytest.raises(InvalidInput, match="are no images"):
        image_model(TrainedNetwork(layers=layers, weights=weights, shape=(4,)))


@pytest.mark.parametrize("structure", STRUCTURES[:3], ids=lambda one: type(one).__name__)
def test_multiplications_are_those_of_the_graph(structure: Architecture) -> None:
    network = _network(structure)
    graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(network.onnx())).graph
    sizes = {one.name: list(one.dims) for one in graph.initializer}
    shapes = {
        one.name: [side.dim_value for side in one.type.tensor_type.shape.dim]
        for one in (*graph.value_info, *graph.output)
    }
    counted = 0
    for node in graph.node:
        if node.op_type == "Gemm":
            counted += int(np.prod(sizes[node.input[1]]))
        elif node.op_type == "Conv":
            counted += int(np.prod(sizes[node.input[1]]) * np.prod(shapes[node.output[0]][2:]))
    assert multiplications(network.layers, SHAPE) == counted


def test_multiplications_of_attention_grow_with_the_square_of_the_tokens() -> None:
    layers = laid_out(Transformer(patch=4, width=8, heads=2, depth=1), SHAPE, 4)
    tokens, width = 6, 8
    block = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * 2 * width
    assert multiplications(layers, SHAPE) == tokens * 48 * width + block + width * 4
