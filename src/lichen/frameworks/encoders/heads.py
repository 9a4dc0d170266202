"""What becomes of the last layer: a vector of the text (Reimers and Gurevych, 2019), or classes."""

from typing import Literal

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.encoders.graph import MASK, EncoderGraph

Pooling = Literal["mean", "cls", "max", "mean_sqrt_len_tokens"]
POOLINGS: tuple[Pooling, ...] = ("mean", "cls", "max", "mean_sqrt_len_tokens")
_LEAST, _LEAST_TOKENS, _LOWEST = 1e-12, 1e-9, -1e9


def pooled(graph: EncoderGraph, x: str, pooling: Pooling) -> str:
    """One vector a row `(rows, width)` of the tokens that are there."""
    if pooling == "cls":
        return first_token(graph, x)
    told = graph.add("Unsqueeze", graph.add("Cast", MASK, to=1), graph.numbers(-1))
    if pooling == "max":
        absent = graph.add("Sub", graph.real("one", 1.0), told)
        lowered = graph.add("Add", x, graph.add("Mul", absent, graph.real("lowest", _LOWEST)))
        return graph.add("ReduceMax", lowered, graph.numbers(1), keepdims=0)
    summed = graph.add("ReduceSum", graph.add("Mul", x, told), graph.numbers(1), keepdims=0)
    count = graph.add("ReduceSum", told, graph.numbers(1), keepdims=0)
    count = graph.add("Max", count, graph.real("least_tokens", _LEAST_TOKENS))
    if pooling == "mean_sqrt_len_tokens":
        count = graph.add("Sqrt", count)
    return graph.add("Div", summed, count)


def first_token(graph: EncoderGraph, x: str) -> str:
    """What is said of the first token, `(rows, width)`."""
    first = graph.constant("first", np.array(0, dtype=np.int64))
    return graph.add("Gather", x, first, axis=1)


def of_unit_length(graph: EncoderGraph, x: str) -> str:
    """Vectors `(rows, width)` divided by their length."""
    length = graph.add("ReduceL2", x, graph.numbers(1), keepdims=1)
    return graph.add("Div", x, graph.add("Max", length, graph.real("least", _LEAST)))


def classified(graph: EncoderGraph, x: str, kind: str) -> str:
    """Scores `(rows, classes)` of texts, as the family of a model makes them.

    Raises:
        InvalidInput: a weight of the head is missing.
    """
    first = first_token(graph, x)
    if graph.has("pre_classifier.weight"):  # DistilBERT
        bent = graph.add("Relu", graph.dense(first, "pre_classifier"))
        return graph.dense(bent, "classifier")
    if graph.has("classifier.out_proj.weight"):  # RoBERTa, MPNet
        bent = graph.add("Tanh", graph.dense(first, "classifier.dense"))
        return graph.dense(bent, "classifier.out_proj")
    if not graph.has("pooler.dense.weight"):
        raise InvalidInput(
            f"the classifier of a {kind!r} is of no form that is known here: its weights lack "
            "pooler.dense.weight"
        )
    bent = graph.add("Tanh", graph.dense(first, "pooler.dense"))
    return graph.dense(bent, "classifier")
