"""Families of encoders compute alike where their weights are the same under other names."""

from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.bert_writer import bert_encoder
from lichen.frameworks.encoders.families import family_of, sizes_of
from lichen.frameworks.encoders.graph import EncoderGraph
from lichen.frameworks.encoders.heads import POOLINGS, classified, pooled
from lichen.frameworks.encoders.layers import _buckets, hidden_states
from lichen.frameworks.onnx import OnnxPredictor

WIDTH, HEADS, INNER, WORDS, PLACES = 8, 2, 12, 20, 14
BERT = {
    "model_type": "bert",
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": 1,
}
DISTILBERT = {"model_type": "distilbert", "dim": WIDTH, "n_heads": HEADS, "n_layers": 1}
Weights = dict[str, NDArray[np.float32]]
RENAMED = {
    "distilbert": {
        "encoder.layer.0.attention.self.query": "transformer.layer.0.attention.q_lin",
        "encoder.layer.0.attention.self.key": "transformer.layer.0.attention.k_lin",
        "encoder.layer.0.attention.self.value": "transformer.layer.0.attention.v_lin",
        "encoder.layer.0.attention.output.dense": "transformer.layer.0.attention.out_lin",
        "encoder.layer.0.attention.output.LayerNorm": "transformer.layer.0.sa_layer_norm",
        "encoder.layer.0.intermediate.dense": "transformer.layer.0.ffn.lin1",
        "encoder.layer.0.output.dense": "transformer.layer.0.ffn.lin2",
        "encoder.layer.0.output.LayerNorm": "transformer.layer.0.output_layer_norm",
    },
    "mpnet": {
        "encoder.layer.0.attention.self.query": "encoder.layer.0.attention.attn.q",
        "encoder.layer.0.attention.self.key": "encoder.layer.0.attention.attn.k",
        "encoder.layer.0.attention.self.value": "encoder.layer.0.attention.attn.v",
        "encoder.layer.0.attention.output.dense": "encoder.layer.0.attention.attn.o",
        "encoder.layer.0.attention.output.LayerNorm": "encoder.layer.0.attention.LayerNorm",
    },
}


def made_up() -> Weights:
    random = np.random.default_rng(1)
    at = "encoder.layer.0"
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        shapes |= {f"{at}.attention.{part}.weight": (WIDTH, WIDTH)}
        shapes |= {f"{at}.attention.{part}.bias": (WIDTH,)}
    shapes |= {f"{at}.intermediate.dense.weight": (INNER, WIDTH)}
    shapes |= {f"{at}.intermediate.dense.bias": (INNER,)}
    shapes |= {f"{at}.output.dense.weight": (WIDTH, INNER), f"{at}.output.dense.bias": (WIDTH,)}
    for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes |= {f"{at}.{norm}.weight": (WIDTH,), f"{at}.{norm}.bias": (WIDTH,)}
    return {name: random.normal(size=each).astype(np.float32) for name, each in shapes.items()}


def renamed(weights: Weights, family: str) -> Weights:
    said = RENAMED[family]
    made = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        made[f"{said.get(layer, layer)}.{kind}"] = value
    return made


def vectors(content: bytes, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    network = OnnxPredictor(content)
    found = next(iter(network.predict(Batch({"ids": ids, "mask": mask})).values()))
    network.close()
    return np.asarray(found)


IDS = np.array([[3, 7, 1, 9, 2]])
MASK = np.ones_like(IDS)


def test_distilbert_is_bert_by_other_names() -> None:
    weights = made_up()
    expected = vectors(bert_encoder(BERT, weights), IDS, MASK)
    found = vectors(bert_encoder(DISTILBERT, renamed(weights, "distilbert")), IDS, MASK)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_roberta_is_bert_whose_first_token_stands_at_place_two() -> None:
    weights = made_up()
    places = "embeddings.position_embeddings.weight"
    moved = {**weights, places: np.roll(weights[places], 2, axis=0)}
    expected = vectors(bert_encoder(BERT, weights), IDS, MASK)
    for kind in ("roberta", "xlm-roberta", "camembert"):
        prefixed = {f"roberta.{name}": value for name, value in moved.items()}
        found = vectors(bert_encoder({**BERT, "model_type": kind}, prefixed), IDS, MASK)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_mpnet_is_roberta_where_distances_say_nothing_and_another_where_they_do() -> None:
    weights = made_up()
    expected = vectors(bert_encoder({**BERT, "model_type": "roberta"}, weights), IDS, MASK)
    table = "encoder.relative_attention_bias.weight"
    own = renamed(weights, "mpnet")
    silent = {**own, table: np.zeros((32, HEADS), dtype=np.float32)}
    config = {**BERT, "model_type": "mpnet"}
    np.testing.assert_allclose(
        vectors(bert_encoder(config, silent), IDS, MASK), expected, atol=1e-6
    )
    drawn = np.random.default_rng(2).normal(0.0, 20.0, size=(32, HEADS))
    loud = {**own, table: drawn.astype(np.float32)}
    assert np.abs(vectors(bert_encoder(config, loud), IDS, MASK) - expected).max() > 1e-4


def test_buckets_of_distances_are_those_of_the_paper() -> None:
    def one(apart: int) -> int:
        far, later = abs(apart), 16 if apart > 0 else 0
        if far < 8:
            return later + far
        return later + min(15, 8 + int(log(far / 8) / log(128 / 8) * 8))

    distances = np.arange(-300, 301)
    np.testing.assert_array_equal(
        _buckets(distances, 32), [one(each) for each in distances.tolist()]
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_poolings_pass_over_what_is_padded(pooling: str) -> None:
    weights = made_up()
    family = family_of(BERT)
    graph = EncoderGraph(weights)
    x = hidden_states(graph, family, sizes_of(BERT, family))
    content = graph.model(pooled(graph, x, pooling), "raw", ["rows", WIDTH])  # type: ignore[arg-type]
    padded = vectors(content, np.array([[3, 7, 1, 0, 0]]), np.array([[1, 1, 1, 0, 0]]))
    alone = vectors(content, np.array([[3, 7, 1]]), np.array([[1, 1, 1]]))
    np.testing.assert_allclose(padded, alone, atol=1e-5)


def test_a_classifier_without_a_known_form_is_refused() -> None:
    with pytest.raises(InvalidInput, match="of no form that is known here"):
        classified(EncoderGraph({}), "x", "bert")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"model_type": "t5"}, "is not read from its weights"),
        ({"position_embedding_type": "relative_key"}, "is not read from its weights"),
        ({"is_decoder": True}, "is not read from its weights"),
        ({"num_attention_heads": 3}, "which no encoder has"),
        ({"hidden_size": None}, "no usable size"),
        ({"hidden_act": "mish"}, "activation 'mish' is not written"),
    ],
)
def test_what_is_not_written_is_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        bert_encoder({**BERT, **changed}, made_up())
