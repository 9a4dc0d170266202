"""Latent Dirichlet allocation as one ONNX: a text in, the share of each topic out.

The variational inference of Hoffman, Blei and Bach (2010), each text until its own parameters
change no more, as gensim does it; only that it starts from the mean of gensim's random start, so
that a text always gets the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.language.drawing import Drawing, model_of
from lichen.frameworks.language.vector_graph import text_input, unknown_output
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, Front, draw_front

PREDICTION, MEMBERSHIP, TOPIC = "prediction", "membership", "topic"
WORDS_OF_A_TOPIC = 5
_FLOAT, _DOUBLE = 1, 11
_SHIFT = 6
_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132)
"""Of the digamma function (Abramowitz and Stegun, 1964, 6.3.18), in powers of `1 / x**2`."""


@dataclass(frozen=True, slots=True)
class Topics:
    """A fitted model.

    Attributes:
        words: the vocabulary.
        alpha: prior of each topic.
        likelihood: `exp(E[log beta])` `(topics, words)`.
        most_turns: turns of the inference at most.
        threshold: a text is done when its parameters change by less, on average.
        epsilon: what is added to a denominator.
    """

    words: Sequence[str]
    alpha: NDArray[np.float64]
    likelihood: NDArray[np.float32]
    most_turns: int
    threshold: float
    epsilon: float


def topic_names(said: Topics) -> tuple[str, ...]:
    """Each topic by its number and its likeliest words."""
    best = np.argsort(-said.likelihood, axis=1, kind="stable")[:, :WORDS_OF_A_TOPIC]
    return tuple(
        f"{number}: {' '.join(said.words[at] for at in places)}"
        for number, places in enumerate(best.tolist())
    )


def topic_graph(said: Topics) -> bytes:
    """The model.

    Raises:
        InvalidInput: its parts do not fit each other, or a number is not finite.
    """
    from onnx import TensorProto, helper

    _check(said)
    drawing = Drawing()
    front = draw_front(drawing, said.words)
    gamma = _draw_inference(drawing, front, said)
    total = drawing.node("ReduceSum", gamma, drawing.constant([1]), keepdims=1)
    share = drawing.node("Cast", drawing.node("Div", gamma, total), to=_FLOAT)
    drawing.name(share, MEMBERSHIP)
    best = drawing.node("ArgMax", share, axis=1, keepdims=0)
    drawing.name(best, PREDICTION)
    drawing.node_as("Gather", TOPIC, drawing.texts(topic_names(said)), best, axis=0)
    value = helper.make_tensor_value_info
    rows: list[str | int] = ["rows"]
    return model_of(
        drawing,
        [value(TEXT, TensorProto.STRING, rows)],
        [
            value(PREDICTION, TensorProto.INT64, rows),
            value(MEMBERSHIP, TensorProto.FLOAT, ["rows", len(said.alpha)]),
            value(TOPIC, TensorProto.STRING, rows),
            value(UNKNOWN, TensorProto.STRING, rows),
        ],
        "topics",
    )


def topic_signature(said: Topics) -> Signature:
    """What it takes and gives, its topics named by their words."""
    names = topic_names(said)
    shape = (-1, len(names))
    return Signature(
        (text_input(),),
        (
            TensorSpec(PREDICTION, Datatype.INT64, (-1,), description="number of the topic"),
            TensorSpec(MEMBERSHIP, Datatype.FP32, shape, columns=names),
            TensorSpec(TOPIC, Datatype.BYTES, (-1,), description="its number and likeliest words"),
            unknown_output(),
        ),
    )


def _check(said: Topics) -> None:
    fits = said.likelihood.shape == (len(said.alpha), len(said.words)) and len(said.alpha)
    if not fits or not np.isfinite(said.likelihood).all() or (said.alpha <= 0).any():
        raise InvalidInput(
            f"{len(said.alpha)} topics of {len(said.words)} words do not fit what the model keeps "
            f"({list(said.likelihood.shape)}): fit it anew"
        )


def _number(drawing: Drawing, value: object) -> str:
    return drawing.constant(value, np.float64)


def _draw_inference(drawing: Drawing, front: Front, said: Topics) -> str:
    """The parameters of each text, FP64 `(rows, topics)`."""
    within = drawing.node("Min", front.places, drawing.constant(front.size - 1))
    table = drawing.constant(np.ascontiguousarray(said.likelihood.T), np.float32)
    mask = drawing.node("Unsqueeze", front.is_known, drawing.constant([2]))
    found = drawing.node("Mul", drawing.node("Gather", table, within, axis=0), mask)
    likelihood = drawing.node("Cast", found, to=_DOUBLE)
    across = drawing.node("Transpose", likelihood, perm=[0, 2, 1])
    rows = drawing.node("Shape", TEXT)
    form = drawing.node("Concat", rows, drawing.constant([len(said.alpha)]), axis=0)
    start = drawing.node("Expand", _number(drawing, [1.0]), form)
    one_each = drawing.node("Concat", rows, drawing.constant([1]), axis=0)
    active = drawing.node("Expand", drawing.constant([True], np.bool_), one_each)
    turns = drawing.constant(said.most_turns)
    goes_on = drawing.constant(True, np.bool_)  # noqa: FBT003 - a value of the graph
    body = _turn(likelihood, across, said)
    return drawing.nodes_of("Loop", [turns, goes_on, start, active], 2, body=body)[0]


def _turn(likelihood: str, across: str, said: Topics) -> Any:  # noqa: ANN401 - onnx's own type
    """One turn of the inference; texts that are done keep their parameters."""
    from onnx import TensorProto, helper

    inner = Drawing("turn_")
    last = inner.constant([2])
    weights = inner.node("Exp", _expected_logarithm(inner, "gamma"))
    column = inner.node("Unsqueeze", weights, last)
    norm = inner.node("MatMul", likelihood, column)
    norm = inner.node("Add", norm, _number(inner, said.epsilon))
    ratio = inner.node("Reciprocal", norm)
    gathered = inner.node("Squeeze", inner.node("MatMul", across, ratio), last)
    new = inner.node("Add", inner.node("Mul", weights, gathered), _number(inner, said.alpha))
    inner.node_as("Where", "next_gamma", "active", new, "gamma")
    change = inner.node("Abs", inner.node("Sub", "next_gamma", "gamma"))
    mean = inner.node("ReduceMean", change, inner.constant([1]), keepdims=1)
    moves = inner.node("GreaterOrEqual", mean, _number(inner, said.threshold))
    inner.node_as("And", "next_active", moves, "active")
    left = inner.node("Cast", "next_active", to=_FLOAT)
    most = inner.node("ReduceMax", left, keepdims=0)
    inner.node_as("Greater", "goes_on", most, inner.constant(0.0, np.float32))
    value = helper.make_tensor_value_info
    state: list[str | int] = ["rows", len(said.alpha)]
    return helper.make_graph(
        inner.nodes,
        "turn",
        [
            value("turn", TensorProto.INT64, []),
            value("went_on", TensorProto.BOOL, []),
            value("gamma", TensorProto.DOUBLE, state),
            value("active", TensorProto.BOOL, ["rows", 1]),
        ],
        [
            value("goes_on", TensorProto.BOOL, []),
            value("next_gamma", TensorProto.DOUBLE, state),
            value("next_active", TensorProto.BOOL, ["rows", 1]),
        ],
        initializer=inner.kept,
    )


def _expected_logarithm(drawing: Drawing, gamma: str) -> str:
    """`E[log theta]` under a Dirichlet: digamma of each, less that of their sum."""
    total = drawing.node("ReduceSum", gamma, drawing.constant([1]), keepdims=1)
    return drawing.node("Sub", _digamma(drawing, gamma), _digamma(drawing, total))


def _digamma(drawing: Drawing, values: str) -> str:
    """By its recurrence up to where its series is exact to 1e-12."""
    one = _number(drawing, 1.0)
    passed, at = _number(drawing, 0.0), values
    for _ in range(_SHIFT):
        passed = drawing.node("Add", passed, drawing.node("Div", one, at))
        at = drawing.node("Add", at, one)
    inverse = drawing.node("Div", one, at)
    square = drawing.node("Mul", inverse, inverse)
    tail = _number(drawing, 0.0)
    for factor in reversed(_SERIES):
        tail = drawing.node("Mul", drawing.node("Add", tail, _number(drawing, factor)), square)
    half = drawing.node("Mul", inverse, _number(drawing, 0.5))
    found = drawing.node("Sub", drawing.node("Log", at), half)
    return drawing.node("Sub", drawing.node("Add", found, tail), passed)
