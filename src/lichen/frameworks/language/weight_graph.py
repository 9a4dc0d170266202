"""TF-IDF as one ONNX: a text in; the weight of every term, and its heaviest terms, out.

The schemes are those of the SMART system (Salton and Buckley, 1988) that gensim names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.language.drawing import Drawing, model_of
from lichen.frameworks.language.vector_graph import text_input, unknown_output
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, draw_front

TERMS, WEIGHTS, VECTOR = "terms", "weight", "vector"
MOST_TERMS = 20
MOST_WORDS = 1_000_000
LOCAL_SCHEMES = "bnaldL"
_LN2 = float(np.log(2.0))


@dataclass(frozen=True, slots=True)
class Weighting:
    """How the terms of a text are weighed.

    Attributes:
        terms: the vocabulary.
        idf: inverse document frequency of each.
        local: what a count counts as: `n` itself, `b` one, `l` 1 + log2, `d` twice so, `a` a half
            and half its share of the largest, `L` 1 + log2 as a share of that of the mean.
        is_normalised: whether a text's weights are of unit length together.
    """

    terms: Sequence[str]
    idf: NDArray[np.float64]
    local: str = "n"
    is_normalised: bool = True


def weight_graph(said: Weighting) -> bytes:
    """The model.

    Raises:
        InvalidInput: there is no term, one stands twice, or a weight is not finite.
    """
    from onnx import TensorProto, helper

    _check(said)
    drawing = Drawing()
    front = draw_front(drawing, said.terms)
    width = len(said.terms)
    rows = drawing.node("Shape", TEXT)
    beyond = drawing.node("Concat", rows, drawing.constant([width + 2]), axis=0)
    nothing = drawing.node("Expand", _number(drawing, [0.0]), beyond)
    ones = drawing.node("Expand", _number(drawing, [1.0]), drawing.node("Shape", front.places))
    wide = drawing.node("ScatterElements", nothing, front.places, ones, axis=1, reduction="add")
    begin, end, axis = (drawing.constant([one]) for one in (0, width, 1))
    counts = drawing.node("Slice", wide, begin, end, axis)
    local = _local(drawing, counts, said.local)
    weighed = drawing.node("Mul", local, _number(drawing, said.idf))
    if said.is_normalised:
        length = drawing.node("ReduceL2", weighed, axis, keepdims=1)
        weighed = drawing.node(
            "Div", weighed, drawing.node("Max", length, _number(drawing, 1e-300))
        )
    vector = drawing.node("Cast", weighed, to=TensorProto.FLOAT)
    drawing.name(vector, VECTOR)
    top = min(MOST_TERMS, width)
    _draw_heaviest(drawing, vector, said.terms, top)
    value = helper.make_tensor_value_info
    return model_of(
        drawing,
        [value(TEXT, TensorProto.STRING, ["rows"])],
        [
            value(TERMS, TensorProto.STRING, ["rows", top]),
            value(WEIGHTS, TensorProto.FLOAT, ["rows", top]),
            value(VECTOR, TensorProto.FLOAT, ["rows", width]),
            value(UNKNOWN, TensorProto.STRING, ["rows"]),
        ],
        "term_weights",
    )


def weight_signature(terms: Sequence[str]) -> Signature:
    """What it takes and gives, described."""
    width, top = len(terms), min(MOST_TERMS, len(terms))
    return Signature(
        (text_input(),),
        (
            TensorSpec(TERMS, Datatype.BYTES, (-1, top), description="the heaviest terms"),
            TensorSpec(WEIGHTS, Datatype.FP32, (-1, top), description="their TF-IDF"),
            TensorSpec(VECTOR, Datatype.FP32, (-1, width), columns=tuple(terms)),
            unknown_output(),
        ),
    )


def _check(said: Weighting) -> None:
    if len(said.terms) > MOST_WORDS:
        raise InvalidInput(
            f"{len(said.terms):,} terms are over {MOST_WORDS:,}, the most that are weighed at "
            "once: keep the most frequent ones (Dictionary.filter_extremes)"
        )
    if len(said.idf) != len(said.terms) or not np.isfinite(said.idf).all():
        raise InvalidInput("the terms have not one finite weight each: fit the model anew")
    if said.local not in LOCAL_SCHEMES:
        raise InvalidInput(f"the scheme {said.local!r} of counts is none of {LOCAL_SCHEMES}")


def _number(drawing: Drawing, value: object) -> str:
    return drawing.constant(value, np.float64)


def _local(drawing: Drawing, counts: str, scheme: str) -> str:
    """What each count counts as; nothing where there is none."""
    if scheme == "n":
        return counts
    one, axis = _number(drawing, 1.0), drawing.constant([1])
    is_there = drawing.node("Greater", counts, _number(drawing, 0.0))
    if scheme == "b":
        made = drawing.node("Mul", counts, _number(drawing, 0.0))
        made = drawing.node("Add", made, one)
    elif scheme == "a":
        most = drawing.node("Max", drawing.node("ReduceMax", counts, axis, keepdims=1), one)
        half = _number(drawing, 0.5)
        share = drawing.node("Mul", half, drawing.node("Div", counts, most))
        made = drawing.node("Add", half, share)
    else:
        made = _logarithm(drawing, drawing.node("Max", counts, one))
        if scheme == "d":
            made = _logarithm(drawing, made)
        if scheme == "L":
            flags = drawing.node("Cast", is_there, to=11)
            terms = drawing.node("Max", drawing.node("ReduceSum", flags, axis, keepdims=1), one)
            total = drawing.node("ReduceSum", counts, axis, keepdims=1)
            mean = drawing.node("Max", drawing.node("Div", total, terms), one)
            made = drawing.node("Div", made, _logarithm(drawing, mean))
    return drawing.node("Where", is_there, made, _number(drawing, 0.0))


def _logarithm(drawing: Drawing, values: str) -> str:
    """`1 + log2(values)`."""
    found = drawing.node("Div", drawing.node("Log", values), _number(drawing, _LN2))
    return drawing.node("Add", found, _number(drawing, 1.0))


def _draw_heaviest(drawing: Drawing, vector: str, terms: Sequence[str], top: int) -> None:
    zero = drawing.constant(0.0, np.float32)
    best, at = drawing.nodes_of("TopK", [vector, drawing.constant([top])], 2, axis=1)
    is_there = drawing.node("Greater", best, zero)
    place = drawing.node("Where", is_there, at, drawing.constant(len(terms)))
    drawing.node_as("Gather", TERMS, drawing.texts([*terms, ""]), place, axis=0)
    drawing.node_as("Where", WEIGHTS, is_there, best, zero)
