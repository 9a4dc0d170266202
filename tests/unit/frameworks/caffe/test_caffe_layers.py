"""Every layer that is written as ONNX, against what Caffe itself answered (tests/golden/caffe)."""

from pathlib import Path

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.network import Network, read_network
from lichen.frameworks.caffe.text import read_text
from lichen.frameworks.caffe.wire import read_weights
from lichen.frameworks.caffe.writer import WRITERS, write_onnx
from lichen.frameworks.onnx import OnnxPredictor

GOLDEN = Path(__file__).parents[3] / "golden" / "caffe"
NETWORKS = sorted(path.stem for path in GOLDEN.glob("*.prototxt"))
NOT_OF_CAFFE_ITSELF = {"Clip", "DepthwiseConvolution", "Interp", "ShuffleChannel", "Swish"}
"""Kinds of forks that the Caffe which answered does not know: compared with OpenCV alone."""


def network(name: str) -> Network:
    described = read_text((GOLDEN / f"{name}.prototxt").read_bytes())
    weights = read_weights((GOLDEN / f"{name}.caffemodel").read_bytes())
    return read_network(described, weights, {})


def asked(content: bytes, inputs: dict[str, Array]) -> dict[str, Array]:
    return dict(OnnxPredictor(content).predict(Batch(inputs)).arrays)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_answer_as_caffe_did(name: str) -> None:
    with np.load(GOLDEN / f"{name}.npz") as stored:
        inputs = {key[3:]: stored[key] for key in stored.files if key.startswith("in_")}
        expected = {key[4:]: stored[key] for key in stored.files if key.startswith("out_")}
    found = asked(write_onnx(network(name), {}).content, inputs)
    assert found.keys() == expected.keys()
    for blob, values in expected.items():
        np.testing.assert_allclose(found[blob], values, rtol=1e-5, atol=5e-6, err_msg=blob)


def test_all_layers_that_are_written_were_held_against_caffe() -> None:
    held = {layer.kind for name in NETWORKS for layer in network(name).layers}
    assert held == WRITERS.keys() - NOT_OF_CAFFE_ITSELF


def test_rows_are_open_unless_a_layer_looks_across_them() -> None:
    assert write_onnx(network("pooling"), {}).inputs == {"data": (-1, 3, 10, 7)}
    assert write_onnx(network("fixed_rows"), {}).inputs == {"data": (3, 4)}


@pytest.mark.parametrize("name", ["version1", "norms"])
def test_a_network_gives_the_same_bytes_each_time(name: str) -> None:
    first = write_onnx(network(name), {}).content
    assert write_onnx(network(name), {}).content == first


def test_a_mean_image_is_taken_off_its_middle_where_it_is_larger() -> None:
    read = network("pooling")
    mean = np.random.default_rng(3).normal(size=(3, 12, 9)).astype(np.float32)
    values = np.random.default_rng(4).normal(size=(2, 3, 10, 7)).astype(np.float32)
    with_mean = asked(write_onnx(read, {"data": mean}).content, {"data": values})
    by_hand = asked(write_onnx(read, {}).content, {"data": values - mean[:, 1:11, 1:8]})
    np.testing.assert_allclose(with_mean["p4"], by_hand["p4"], atol=1e-6)


DATA = 'input: "d" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }'


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ('type: "Python" python_param { module: "evil" }', "code of its own.*evil.*never run"),
        ('type: "DetectionOutput"', "type 'DetectionOutput'.*cannot be written"),
        ('type: "Pooling" pooling_param { kernel_size: 9 }', "window of 9.*does not fit 4"),
        ('type: "Pooling" pooling_param { kernel_size: 2 wobble: 1 }', "'wobble'.*not known"),
        ('type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 }', "STOCHASTIC"),
        ('type: "Convolution" convolution_param { num_output: 2 kernel_size: 1 }', "0 blobs"),
        ('type: "Softmax" softmax_param { axis: 7 }', "axis 7"),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: 5 } }', "cannot become"),
        ('type: "Slice" slice_param { slice_point: 9 }', "parts 3 at"),
        ('type: "BatchNorm" batch_norm_param { use_global_stats: false }', "batch at hand"),
        ('type: "Permute" permute_param { order: 9 }', "orders the axes"),
        ('type: "Tile" tile_param { tiles: 2000000000 }', "blob of shape"),
        ('type: "Concat" bottom: "ghost"', "'ghost', which no layer"),
    ],
)
def test_a_layer_that_cannot_be_written_is_named_with_the_reason(layer: str, said: str) -> None:
    text = f'{DATA} layer {{ name: "one" {layer} bottom: "d" top: "o" }}'
    with pytest.raises(InvalidInput, match=f"(?s)layer 'one'.*{said}"):
        write_onnx(read_network(read_text(text.encode()), {}, {}), {})


def test_weights_of_another_network_are_told_by_their_shape() -> None:
    product = "inner_product_param { num_output: 2 }"
    text = f'{DATA} layer {{ name: "one" type: "InnerProduct" bottom: "d" top: "o" {product} }}'
    weights = {"one": (np.zeros((2, 5), np.float32), np.zeros(2, np.float32))}
    with pytest.raises(InvalidInput, match=r"shape \[2, 5\], and by the prototxt \[2, 48\]"):
        write_onnx(read_network(read_text(text.encode()), weights, {}), {})
