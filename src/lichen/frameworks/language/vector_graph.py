"""Word vectors as one ONNX: a word or a text in; its vector, and the words most like it, out.

Likeness is the cosine (Mikolov et al., 2013); a text stands for the mean of its words' vectors,
each of unit length, and its own words are left out of the answer, as gensim does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.language.drawing import Drawing, model_of
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, Front, draw_front

VECTOR, SIMILAR, SIMILARITY = "vector", "similar", "similarity"
MOST_SIMILAR = 10
LARGEST_BYTES = 1536 * 2**20
"""Of the vectors: ONNX keeps a whole model below 2 GB."""
_NOWHERE, _LEFT_OUT, _LEAST = -3.0, -2.0, -1.5


def vector_graph(words: Sequence[str], vectors: NDArray[np.float32]) -> bytes:
    """The model of a vocabulary and its vectors `(words, width)`.

    Raises:
        InvalidInput: there is no word, one stands twice, or a number is not finite.
        TooLarge: they are larger than a model may be.
    """
    from onnx import TensorProto, helper

    check_vectors(words, vectors)
    drawing = Drawing()
    front = draw_front(drawing, words)
    table = drawing.constant(vectors, np.float32)
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1).astype(np.float32)
    norms[norms == 0] = 1.0
    lengths = drawing.constant(norms, np.float32)
    count = drawing.node("ReduceSum", front.is_known, drawing.constant([1]), keepdims=1)
    vector, direction = _means(drawing, front, table, lengths, count)
    drawing.name(vector, VECTOR)
    cosines = drawing.node("Div", drawing.node("Gemm", direction, table, transB=1), lengths)
    top = min(MOST_SIMILAR, len(words))
    _draw_nearest(drawing, front, (cosines, count), words, top)
    value = helper.make_tensor_value_info
    return model_of(
        drawing,
        [value(TEXT, TensorProto.STRING, ["rows"])],
        [
            value(VECTOR, TensorProto.FLOAT, ["rows", vectors.shape[1]]),
            value(SIMILAR, TensorProto.STRING, ["rows", top]),
            value(SIMILARITY, TensorProto.FLOAT, ["rows", top]),
            value(UNKNOWN, TensorProto.STRING, ["rows"]),
        ],
        "word_vectors",
    )


def check_vectors(words: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Can these be served?

    Raises:
        InvalidInput: there are none, or a number is not finite.
        TooLarge: they are larger than a model may be.
    """
    if not len(vectors) or vectors.ndim != 2 or not vectors.shape[1]:
        raise InvalidInput("there are no word vectors in it: the vocabulary is empty")
    if vectors.nbytes > LARGEST_BYTES:
        keep = LARGEST_BYTES // (4 * vectors.shape[1])
        raise TooLarge(
            f"{len(vectors):,} words of {vectors.shape[1]} numbers are over {LARGEST_BYTES:,} "
            "bytes, the most that one model holds: keep the most frequent ones "
            f"(KeyedVectors.load_word2vec_format(path, limit={keep}))"
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        wrong = words[int(np.argmin(finite))]
        raise InvalidInput(f"the vector of {wrong!r} holds a number that is not finite")


def vector_signature(width: int, words: int) -> Signature:
    """What it takes and gives, described."""
    top = min(MOST_SIMILAR, words)
    return Signature(
        (text_input(),),
        (
            TensorSpec(
                VECTOR,
                Datatype.FP32,
                (-1, width),
                description="of a word; of several the mean of those that are known",
            ),
            TensorSpec(SIMILAR, Datatype.BYTES, (-1, top), description="the most similar words"),
            TensorSpec(SIMILARITY, Datatype.FP32, (-1, top), description="their cosines"),
            unknown_output(),
        ),
    )


def text_input() -> TensorSpec:
    """The input of every graph of words."""
    said = "words as the vocabulary has them, a space between"
    return TensorSpec(TEXT, Datatype.BYTES, (-1,), description=said)


def unknown_output() -> TensorSpec:
    """The output that names what the vocabulary lacks."""
    said = "the words of the text that the vocabulary lacks, a space between"
    return TensorSpec(UNKNOWN, Datatype.BYTES, (-1,), description=said)


def _means(drawing: Drawing, front: Front, table: str, lengths: str, count: str) -> tuple[str, str]:
    """The mean of the known words' vectors, and the unit vector of the mean of their directions."""
    within = drawing.node("Min", front.places, drawing.constant(front.size - 1))
    mask = drawing.node("Unsqueeze", front.is_known, drawing.constant([2]))
    found = drawing.node("Mul", drawing.node("Gather", table, within, axis=0), mask)
    least = drawing.node("Max", count, drawing.constant(1.0, np.float32))
    total = drawing.node("ReduceSum", found, drawing.constant([1]), keepdims=0)
    of_each = drawing.node("Gather", lengths, within, axis=0)
    units = drawing.node("Div", found, drawing.node("Unsqueeze", of_each, drawing.constant([2])))
    direction = drawing.node("ReduceSum", units, drawing.constant([1]), keepdims=0)
    length = drawing.node("ReduceL2", direction, drawing.constant([1]), keepdims=1)
    positive = drawing.node("Max", length, drawing.constant(1e-30, np.float32))
    return drawing.node("Div", total, least), drawing.node("Div", direction, positive)


def _draw_nearest(
    drawing: Drawing, front: Front, scored: tuple[str, str], words: Sequence[str], top: int
) -> None:
    """The words of the largest cosines; those of the text itself do not count."""
    cosines, count = scored
    rows = drawing.node("Shape", TEXT)
    beyond = drawing.node("Concat", rows, drawing.constant([2]), axis=0)
    nowhere = drawing.node("Expand", drawing.constant([_NOWHERE], np.float32), beyond)
    wide = drawing.node("Concat", cosines, nowhere, axis=1)
    own = drawing.node(
        "Expand", drawing.constant([_LEFT_OUT], np.float32), drawing.node("Shape", front.places)
    )
    scores = drawing.node("ScatterElements", wide, front.places, own, axis=1)
    best, at = drawing.nodes_of("TopK", [scores, drawing.constant([top])], 2, axis=1)
    is_there = drawing.node("Greater", best, drawing.constant(_LEAST, np.float32))
    is_asked = drawing.node("Greater", count, drawing.constant(0.0, np.float32))
    is_told = drawing.node("And", is_there, is_asked)
    place = drawing.node("Where", is_told, at, drawing.constant(front.size))
    labels = drawing.texts([*words, "", ""])
    drawing.node_as("Gather", SIMILAR, labels, place, axis=0)
    drawing.node_as("Where", SIMILARITY, is_told, best, drawing.constant(0.0, np.float32))
