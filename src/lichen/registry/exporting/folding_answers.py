"""Heads of a pipeline as nodes of ONNX: what a core says into what is answered.

In float64, as `pipeline.heads` computes; where a logarithm or an exponential is taken, another
library's last digit may differ.
"""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Alarm, Classes, Groups, Heads, Ranking, Value
from lichen.registry.exporting.sketch import Sketch

Answers = dict[str, str]
"""Names of outputs, and the names in the graph that they have."""
_LEAST = 1e-12
_LARGEST_LOGARITHM = float(np.log(np.finfo(np.float64).max))
_NOT_OFFERED = np.finfo(np.float32).min


def write_answers(head: Heads, raw: str, width: int, graph: Sketch) -> Answers:
    """The outputs of a head, from a core's `(rows, width)`.

    Raises:
        InvalidInput: no graph says them; the message is a clause.
    """
    match head:
        case Value():
            return _value(head, raw, graph)
        case Classes():
            return _classes(head, raw, width, graph)
        case Alarm():
            return _alarm(head, raw, graph)
        case Groups():
            return _groups(head, raw, graph)
        case Ranking():
            return _ranking(head, raw, graph)
        case _:
            raise InvalidInput(f"what it answers is made by {type(head).__name__.lower()}")


def _doubles(raw: str, graph: Sketch) -> str:
    return graph.cast(raw, TensorProto.DOUBLE)


def _texts(labels: Sequence[str], graph: Sketch) -> str:
    return graph.constant(np.array([label.encode() for label in labels], dtype=np.object_))


def _value(head: Value, raw: str, graph: Sketch) -> Answers:
    flat = graph.node("Reshape", _doubles(raw, graph), graph.integers(-1))
    scaled = graph.node("Mul", flat, graph.double(head.scale))
    values = graph.node("Add", scaled, graph.double(head.centre))
    if head.is_logarithm:
        values = graph.node("Exp", graph.node("Min", values, graph.double(_LARGEST_LOGARITHM)))
    if head.half_width is None:
        return {"prediction": values}
    half = graph.double(head.half_width)
    return {
        "prediction": values,
        "low": graph.node("Sub", values, half),
        "high": graph.node("Add", values, half),
    }


def _classes(head: Classes, raw: str, width: int, graph: Sketch) -> Answers:
    said = _doubles(raw, graph)
    probability = _of_one(head, said, graph) if width == 1 else _of_all(head, said, graph)
    weighed = probability
    if head.cuts:
        weighed = graph.node("Div", probability, graph.double(head.cuts))
    chosen = graph.node("ArgMax", weighed, axis=1, keepdims=0)
    answers = {
        "prediction": graph.node("Gather", _texts(head.labels, graph), chosen, axis=0),
        "probability": graph.cast(probability, TensorProto.FLOAT),
    }
    if head.set_threshold is None:
        return answers
    least = graph.node("Min", graph.largest(probability), graph.double(head.set_threshold))
    in_set = graph.node("GreaterOrEqual", probability, least)
    if head.cuts:
        in_set = graph.node("Or", in_set, graph.is_place(chosen, len(head.labels)))
    return {**answers, "in_set": in_set}


def _of_one(head: Classes, said: str, graph: Sketch) -> str:
    """Probabilities from what is said of the second of two classes."""
    score = graph.column(said, 0)
    if head.link == "probability" and not head.slopes:
        second = graph.clipped(score, graph.double(0.0), graph.double(1.0))
    else:
        if head.link == "probability":
            score = _log_odds(score, graph)
        if head.slopes:
            steep = graph.node("Mul", score, graph.double(head.slopes[-1]))
            score = graph.node("Add", steep, graph.double(head.offsets[-1]))
        half = graph.double(0.5)
        tangent = graph.node("Tanh", graph.node("Mul", score, half))
        second = graph.node("Add", graph.node("Mul", tangent, half), half)
    first = graph.node("Sub", graph.double(1.0), second)
    return graph.node("Concat", graph.upright(first), graph.upright(second), axis=1)


def _log_odds(probability: str, graph: Sketch) -> str:
    within = graph.clipped(probability, graph.double(_LEAST), graph.double(1.0 - _LEAST))
    other = graph.node("Sub", graph.double(1.0), within)
    return graph.node("Sub", graph.node("Log", within), graph.node("Log", other))


def _of_all(head: Classes, said: str, graph: Sketch) -> str:
    """Probabilities from what is said of every class."""
    if head.link == "probability":
        said = graph.node("Max", said, graph.double(_LEAST))
        if not head.slopes:
            return _shares(said, graph)
        said = graph.node("Log", said)
    if head.slopes:
        steep = graph.node("Mul", said, graph.double(head.slopes))
        said = graph.node("Add", steep, graph.double(head.offsets))
    below = graph.node("Sub", said, graph.largest(said))
    return _shares(graph.node("Exp", below), graph)


def _shares(parts: str, graph: Sketch) -> str:
    total = graph.node("ReduceSum", parts, graph.integers(1), keepdims=1)
    return graph.node("Div", parts, total)


def _alarm(head: Alarm, raw: str, graph: Sketch) -> Answers:
    first = len(head.thresholds)
    said = _doubles(raw, graph)
    own = _columns(said, 0, first, graph)
    score = graph.node("Div", own, graph.double(head.thresholds))
    over = graph.node("Greater", graph.largest(score), graph.double(1.0))
    answers = {
        "anomaly": graph.node("Reshape", over, graph.integers(-1)),
        "score": score,
    }
    if head.columns:
        answers["contribution"] = _columns(said, first, first + len(head.columns), graph)
    return answers


def _columns(said: str, first: int, last: int, graph: Sketch) -> str:
    ends = (graph.integers(first), graph.integers(last), graph.integers(1))
    return graph.node("Slice", said, *ends)


def _groups(head: Groups, raw: str, graph: Sketch) -> Answers:
    chosen = graph.node("ArgMax", raw, axis=1, keepdims=0)
    if head.least > 0:
        least = graph.constant(np.array(head.least, dtype=np.float32))
        largest = graph.node("Reshape", graph.largest(raw), graph.integers(-1))
        none = graph.node("Less", largest, least)
        chosen = graph.node("Where", none, graph.constant(np.array(-1, dtype=np.int64)), chosen)
    answers = {"prediction": chosen, "membership": graph.node("Identity", raw)}
    if head.topics:
        topics = _texts([*head.topics, ""], graph)
        answers["topic"] = graph.node("Gather", topics, chosen, axis=0)
    return answers


def _ranking(head: Ranking, raw: str, graph: Sketch) -> Answers:
    score, best = f"score_{len(graph.nodes)}", f"best_{len(graph.nodes)}"
    graph.several("TopK", [raw, graph.integers(head.top)], [score, best], axis=1)
    items = graph.node("Gather", _texts(head.labels, graph), best, axis=0)
    is_left = graph.node("Greater", score, graph.constant(np.array(_NOT_OFFERED)))
    nothing = graph.constant(np.array(0.0, dtype=np.float32))
    return {
        "items": graph.node("Where", is_left, items, _texts([""], graph)),
        "score": graph.node("Where", is_left, score, nothing),
    }
