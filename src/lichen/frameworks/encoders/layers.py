"""Layers of an encoder (Vaswani et al., 2017), normalised after each block, as nodes of ONNX."""

from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.encoders.families import Family, Sizes
from lichen.frameworks.encoders.graph import IDS, MASK, EncoderGraph

_NEVER = -1e9
_BUCKETS_EXACT = 2
_FARTHEST = 128


def hidden_states(graph: EncoderGraph, family: Family, sizes: Sizes) -> str:
    """What the last layer says of each token, `(rows, tokens, width)`.

    Raises:
        InvalidInput: a weight is missing.
    """
    x = _embedded(graph, family, sizes)
    barred = _barred(graph)
    if family.distances:
        barred = graph.add("Add", barred, _distances(graph, family))
    for number in range(sizes.layers):
        x = _layer(graph, x, barred, (family, sizes, family.layer.format(number)))
    return x


def _embedded(graph: EncoderGraph, family: Family, sizes: Sizes) -> str:
    """Tokens, their places, and the one kind of segment."""
    tokens = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), IDS)
    length = graph.add("Shape", IDS, start=1, end=2)
    places = graph.weight("embeddings.position_embeddings.weight")
    first = graph.numbers(family.first_place)
    end = graph.add("Add", length, first) if family.first_place else length
    together = graph.add("Add", tokens, graph.add("Slice", places, first, end))
    kinds = graph.weights.get("embeddings.token_type_embeddings.weight")
    if kinds is not None:
        together = graph.add("Add", together, graph.constant("segment", kinds[0]))
    return graph.normalised(together, "embeddings.LayerNorm", sizes.epsilon)


def _barred(graph: EncoderGraph) -> str:
    """What is added to attention: nothing where there is a token, else so much that it is none."""
    absent = graph.add("Sub", graph.real("one", 1.0), graph.add("Cast", MASK, to=1))
    scaled = graph.add("Mul", absent, graph.real("never", _NEVER))
    return graph.add("Unsqueeze", scaled, graph.numbers(1, 2))


def _distances(graph: EncoderGraph, family: Family) -> str:
    """What each head adds for tokens so far apart, `(1, heads, tokens, tokens)`."""
    table = graph.weights[family.distances]
    longest = len(graph.weights["embeddings.position_embeddings.weight"])
    apart = np.arange(-longest, longest + 1)
    by_distance = graph.constant("by_distance", table[_buckets(apart, len(table))])
    length = graph.add("Squeeze", graph.add("Shape", IDS, start=1, end=2), graph.numbers(0))
    zero, one = (graph.constant(f"scalar_{n}", np.array(n, dtype=np.int64)) for n in (0, 1))
    places = graph.add("Range", zero, length, one)
    later = graph.add("Unsqueeze", places, graph.numbers(0))
    earlier = graph.add("Unsqueeze", places, graph.numbers(1))
    shifted = graph.add("Add", graph.add("Sub", later, earlier), graph.numbers(longest))
    found = graph.add("Gather", by_distance, shifted)
    turned = graph.add("Transpose", found, perm=[2, 0, 1])
    return graph.add("Unsqueeze", turned, graph.numbers(0))


def _buckets(apart: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Which row of the table a distance has: near ones each their own (Raffel et al., 2020)."""
    half = count // 2
    exact = half // _BUCKETS_EXACT
    far = np.abs(apart)
    grown = np.log(np.maximum(far, 1).astype(np.float32) / exact) / log(_FARTHEST / exact)
    large = np.minimum(exact + (grown * (half - exact)).astype(np.int64), half - 1)
    return np.where(apart > 0, half, 0) + np.where(far < exact, far, large)


def _layer(graph: EncoderGraph, x: str, barred: str, said: tuple[Family, Sizes, str]) -> str:
    family, sizes, name = said
    each = sizes.width // sizes.heads
    apart, joined = graph.numbers(0, 0, sizes.heads, each), graph.numbers(0, 0, sizes.width)

    def split(part: str, order: list[int]) -> str:
        found = graph.add("Reshape", graph.dense(x, f"{name}.{part}"), apart)
        return graph.add("Transpose", found, perm=order)

    query, key = split(family.query, [0, 2, 1, 3]), split(family.key, [0, 2, 3, 1])
    likeness = graph.add(
        "Mul", graph.add("MatMul", query, key), graph.real("scale", 1 / sqrt(each))
    )
    attention = graph.add("Softmax", graph.add("Add", likeness, barred), axis=-1)
    mixed = graph.add("MatMul", attention, split(family.value, [0, 2, 1, 3]))
    flat = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    said_so = graph.add("Add", graph.dense(flat, f"{name}.{family.mixed}"), x)
    x = graph.normalised(said_so, f"{name}.{family.mixed_norm}", sizes.epsilon)
    inner = graph.activated(graph.dense(x, f"{name}.{family.inner}"), sizes.activation)
    outer = graph.add("Add", graph.dense(inner, f"{name}.{family.outer}"), x)
    return graph.normalised(outer, f"{name}.{family.outer_norm}", sizes.epsilon)
