"""The encoder written by hand computes what the same weights compute in PyTorch."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, NotFound
from lichen.frameworks.bert_writer import bert_encoder, read_safetensors
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.sentence_encoder import packaged_encoder

WIDTH, HEADS, INNER, WORDS, PLACES = 8, 2, 16, 20, 12
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": 2,
    "layer_norm_eps": 1e-12,
}
Weights = dict[str, NDArray[np.float32]]


def made_up() -> Weights:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(2):
        at = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= {f"{at}.attention.{part}.weight": (WIDTH, WIDTH)}
            shapes |= {f"{at}.attention.{part}.bias": (WIDTH,)}
        shapes |= {f"{at}.intermediate.dense.weight": (INNER, WIDTH)}
        shapes |= {f"{at}.intermediate.dense.bias": (INNER,)}
        shapes |= {f"{at}.output.dense.weight": (WIDTH, INNER), f"{at}.output.dense.bias": (WIDTH,)}
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}.{norm}.weight": (WIDTH,), f"{at}.{norm}.bias": (WIDTH,)}
    return {name: random.normal(size=each).astype(np.float32) for name, each in shapes.items()}


def packed(weights: Weights) -> bytes:
    header: dict[str, Any] = {}
    body = b""
    for name, value in weights.items():
        start = len(body)
        body += value.tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": value.shape,
            "data_offsets": [start, len(body)],
        }
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + body


def by_hand(weights: Weights, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """One text, in plain NumPy, without padding."""

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        middle = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(middle).mean(axis=-1, keepdims=True) + 1e-12)
        return np.asarray(middle / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    def dense(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
        from math import erf, sqrt  # noqa: PLC0415 - of this formula alone

        return np.asarray(x * (1 + np.vectorize(erf)(x / sqrt(2))) / 2)

    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    each = WIDTH // HEADS
    for layer in range(2):
        at = f"encoder.layer.{layer}"
        parts = [dense(x, f"{at}.attention.self.{one}") for one in ("query", "key", "value")]
        heads = []
        for head in range(HEADS):
            query, key, value = (one[:, head * each : (head + 1) * each] for one in parts)
            score = np.exp(query @ key.T / np.sqrt(each))
            heads.append(score / score.sum(axis=1, keepdims=True) @ value)
        mixed = dense(np.concatenate(heads, axis=1), f"{at}.attention.output.dense")
        x = norm(mixed + x, f"{at}.attention.output.LayerNorm")
        inner = gelu(dense(x, f"{at}.intermediate.dense"))
        x = norm(dense(inner, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    mean = x.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_the_network_is_the_one_of_its_weights_whatever_is_padded(prefix: str) -> None:
    weights = made_up()
    named = {prefix + name: value for name, value in weights.items()}
    network = OnnxPredictor(bert_encoder(CONFIG, read_safetensors(packed(named))))
    ids = np.array([[3, 7, 1, 9, 2], [4, 2, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    said = network.predict(Batch({"ids": ids, "mask": mask}))["embedding"]
    np.testing.assert_allclose(said[0], by_hand(weights, ids[0]), atol=1e-5)
    np.testing.assert_allclose(said[1], by_hand(weights, ids[1, :2]), atol=1e-5)


def test_equal_weights_give_equal_bytes() -> None:
    assert bert_encoder(CONFIG, made_up()) == bert_encoder(CONFIG, made_up())


@pytest.mark.parametrize(
    "content", [b"", b"\x08" + b"\0" * 7 + b"not json", b"\x02" + b"\0" * 7 + b"[]"]
)
def test_what_is_no_safetensors_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no safetensors file"):
        read_safetensors(content)


def test_an_encoder_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'t5' is not read from its weights"):
        bert_encoder({**CONFIG, "model_type": "t5"}, made_up())
    with pytest.raises(InvalidInput, match="lack 'embeddings"):
        bert_encoder(CONFIG, {})


@pytest.mark.parametrize("package", ["no-such-package-at-all", "../etc", "json"])
def test_a_package_without_an_encoder_is_not_found_and_never_imported(package: str) -> None:
    with pytest.raises(NotFound, match="package"):
        packaged_encoder(package)
