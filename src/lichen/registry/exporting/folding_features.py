"""Encoders of a pipeline as nodes of ONNX: the same float32 features, to the bit."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from onnx import TensorProto

from lichen.pipeline.declaration import Codes, Number, OneHot, Pipeline
from lichen.pipeline.encoding import width_of
from lichen.pipeline.numbers import NumbersEncoding
from lichen.pipeline.signature import NUMBERS, TEXTS, number_columns, text_columns
from lichen.registry.exporting.sketch import ML, Sketch


def unfoldable(pipeline: Pipeline) -> str | None:
    """What of a pipeline's encoders no graph says exactly; None where there is nothing."""
    if not pipeline.encoders:
        return "it takes its tensor as it comes"
    for one in pipeline.encoders:
        if not isinstance(one, Number | OneHot | Codes):
            return f"column {one.column!r} is encoded as {type(one).__name__.lower()}"
        if isinstance(one, OneHot | Codes) and not one.values:
            return f"column {one.column!r} has no values"
    return None


def write_features(pipeline: Pipeline, graph: Sketch) -> str:
    """The name of the features `(rows, width)`, from inputs called `numbers` and `texts`."""
    starts = [0, *accumulate(width_of(one) for one in pipeline.encoders)]
    blocks: list[str] = []
    places: list[int] = []
    _write_numbers(pipeline, starts, graph, blocks, places)
    columns = {name: at for at, name in enumerate(text_columns(pipeline))}
    for one, start in zip(pipeline.encoders, starts, strict=False):
        if isinstance(one, OneHot | Codes):
            blocks.append(_text(one, graph.column(TEXTS, columns[one.column]), graph))
            places += range(start, start + width_of(one))
    together = blocks[0] if len(blocks) == 1 else graph.node("Concat", *blocks, axis=1)
    if places == sorted(places):
        return together
    order = np.argsort(np.array(places)).astype(np.int64)
    return graph.node("Gather", together, graph.constant(order), axis=1)


def _write_numbers(
    pipeline: Pipeline,
    starts: Sequence[int],
    graph: Sketch,
    blocks: list[str],
    places: list[int],
) -> None:
    """All numbers at once, and then the flags of what is missing."""
    found = [
        (one, start)
        for one, start in zip(pipeline.encoders, starts, strict=False)
        if isinstance(one, Number)
    ]
    if not found:
        return
    encoders, first = zip(*found, strict=True)
    columns = number_columns(pipeline)
    scaling = NumbersEncoding(encoders, first, columns).scaling
    at = graph.integers(*(columns.index(one.column) for one in encoders))
    raw = graph.node("Gather", NUMBERS, at, axis=1)
    centred = graph.node("Sub", raw, graph.double(scaling.centre))
    scaled = graph.node("Div", centred, graph.double(scaling.scale))
    kept = graph.clipped(scaled, graph.double(scaling.low), graph.double(scaling.high))
    absent = graph.node("IsNaN", raw)
    filled = graph.node("Where", absent, graph.double(scaling.fill), kept)
    blocks.append(graph.cast(filled, TensorProto.FLOAT))
    places.extend(first)
    flagged = [place for place, one in enumerate(encoders) if one.flags_missing]
    if flagged:
        flags = graph.node("Gather", absent, graph.integers(*flagged), axis=1)
        blocks.append(graph.cast(flags, TensorProto.FLOAT))
        places.extend(first[place] + 1 for place in flagged)


def _text(said: OneHot | Codes, cells: str, graph: Sketch) -> str:
    if isinstance(said, Codes):
        other = np.nan if said.other is None else said.other
        code = graph.node(
            "LabelEncoder",
            cells,
            domain=ML,
            keys_strings=said.values,
            values_floats=np.array(said.numbers, dtype=np.float32).tolist(),
            default_float=float(np.float32(other)),
        )
        return graph.upright(code)
    place = graph.node(
        "LabelEncoder",
        cells,
        domain=ML,
        keys_strings=said.values,
        values_int64s=list(range(len(said.values))),
        default_int64=len(said.values) if said.flags_other else -1,
    )
    return graph.cast(graph.is_place(place, width_of(said)), TensorProto.FLOAT)
