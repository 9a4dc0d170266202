"""Transformers of numbers, feature by feature: scales, bins, powers, quantiles."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import one_hot
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Floats,
    Flow,
    Given,
    Transforms,
    Writing,
)


def _standard(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    centre = fitted.mean_ if fitted.with_mean else None
    if fitted.mean_ is not None and fitted.scale_ is not None:
        writing.anchor_rows(flow, np.stack([fitted.mean_ + k * fitted.scale_ for k in (-2, 0, 2)]))
    return writing.affine(flow, centre, fitted.scale_)


def _min_max(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    writing.anchor_rows(flow, np.stack([fitted.data_min_, fitted.data_max_]))
    graph = writing.graph
    name = graph.op("Add", graph.op("Mul", flow.name, fitted.scale_), fitted.min_)
    if fitted.clip:
        low, high = fitted.feature_range
        name = graph.op("Min", graph.op("Max", name, float(low)), float(high))
    scale = 1.0 / fitted.scale_
    return Flow(name, flow.width, writing.affine(flow, -fitted.min_ * scale, scale).raw)


def _most_absolute(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    writing.anchor_rows(flow, np.stack([-fitted.max_abs_, fitted.max_abs_]))
    found = writing.affine(flow, None, fitted.scale_)
    if not getattr(fitted, "clip", False):
        return found
    graph = writing.graph
    return Flow(graph.op("Min", graph.op("Max", found.name, -1.0), 1.0), found.width)


def _robust(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    centre = fitted.center_ if fitted.with_centering else None
    return writing.affine(
        writing.flow(given), centre, fitted.scale_ if fitted.with_scaling else None
    )


def _normalised(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, graph = writing.flow(given), writing.graph
    if fitted.norm == "l2":
        norm = graph.op("Sqrt", graph.op("ReduceSumSquare", flow.name, [1], keepdims=1))
    else:
        kind = "ReduceSum" if fitted.norm == "l1" else "ReduceMax"
        norm = graph.op(kind, graph.op("Abs", flow.name), [1], keepdims=1)
    whole = graph.chosen(graph.op("Equal", norm, 0.0), 1.0, norm)
    return Flow(graph.op("Div", flow.name, whole), flow.width)


def _binary(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, graph = writing.flow(given), writing.graph
    writing.anchor_rows(flow, np.full((1, flow.width), float(fitted.threshold)))
    is_over = graph.op("Greater", flow.name, float(fitted.threshold))
    return Flow(graph.cast(is_over, Datatype.FP64), flow.width)


def _polynomial(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """Each product from one of a lower degree; constants from the features themselves."""
    flow, graph = writing.flow(given), writing.graph
    columns = [graph.column(flow.name, at) for at in range(flow.width)]
    made: dict[tuple[int, ...], str] = {}
    parts = [
        _product(graph, columns, made, tuple(int(one) for one in row)) for row in fitted.powers_
    ]
    return Flow(graph.joined(parts), len(parts))


def _product(
    graph: Graph, columns: list[str], made: dict[tuple[int, ...], str], powers: tuple[int, ...]
) -> str:
    if powers in made:
        return made[powers]
    places = [at for at, power in enumerate(powers) if power]
    if not places:
        found = graph.op("Pow", columns[0], 0.0)
    elif sum(powers) == 1:
        found = columns[places[0]]
    else:
        lower = tuple(power - (at == places[-1]) for at, power in enumerate(powers))
        found = graph.op("Mul", _product(graph, columns, made, lower), columns[places[-1]])
    made[powers] = found
    return found


def _binned(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, graph = writing.flow(given), writing.graph
    parts, width = [], 0
    for feature, edges in enumerate(fitted.bin_edges_):
        inner = np.asarray(edges, dtype=np.float64)[1:-1]
        writing.anchor(flow, feature, inner.tolist())
        column = graph.column(flow.name, feature)
        code = _passed(graph, column, inner)
        count = 1 if fitted.encode == "ordinal" else len(inner) + 1
        chosen = graph.op("Squeeze", code, [1])
        is_number = fitted.encode == "ordinal"
        parts.append(
            graph.cast(code, Datatype.FP64) if is_number else one_hot(graph, chosen, count)
        )
        width += count
    return Flow(graph.joined(parts), width)


def _passed(graph: Graph, column: str, edges: Floats) -> str:
    """INT64 `(rows, 1)`: how many edges a value is at or over."""
    if not len(edges):
        return graph.cast(graph.op("Mul", column, 0.0), Datatype.INT64)
    is_past = graph.cast(graph.op("GreaterOrEqual", column, edges[np.newaxis]), Datatype.INT64)
    return graph.op("ReduceSum", is_past, [1], keepdims=1)


def _powered(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, graph = writing.flow(given), writing.graph
    write = _yeo_johnson if fitted.method == "yeo-johnson" else _box_cox
    parts = [
        write(graph, graph.column(flow.name, at), float(power))
        for at, power in enumerate(fitted.lambdas_)
    ]
    made = Flow(graph.joined(parts), flow.width)
    return _standard(writing, fitted._scaler, made) if fitted.standardize else made  # noqa: SLF001


def _box_cox(graph: Graph, column: str, power: float) -> str:
    """Box and Cox, 1964."""
    if power == 0:
        return graph.op("Log", column)
    return graph.op("Div", graph.op("Sub", graph.op("Pow", column, power), 1.0), power)


def _yeo_johnson(graph: Graph, column: str, power: float) -> str:
    """Yeo and Johnson, 2000."""
    up = _box_cox(graph, graph.op("Add", graph.op("Max", column, 0.0), 1.0), power)
    down = graph.op("Sub", 1.0, graph.op("Min", column, 0.0))
    low = graph.op("Neg", _box_cox(graph, down, 2.0 - power))
    return graph.chosen(graph.op("GreaterOrEqual", column, 0.0), up, low)


def _quantiles(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    if fitted.output_distribution != "uniform":
        raise InvalidInput(
            "quantiles as a normal distribution cannot be converted: take "
            'output_distribution="uniform"'
        )
    flow, graph = writing.flow(given), writing.graph
    levels = np.asarray(fitted.references_, dtype=np.float64)
    parts = []
    for feature in range(flow.width):
        known = np.asarray(fitted.quantiles_[:, feature], dtype=np.float64)
        writing.anchor(flow, feature, known.tolist())
        column = graph.column(flow.name, feature)
        up = between(graph, column, known, levels)
        down = between(graph, graph.op("Neg", column), -known[::-1], -levels[::-1])
        half = graph.op("Mul", graph.op("Sub", up, down), 0.5)
        low = graph.op("LessOrEqual", column, float(known[0]))
        high = graph.op("GreaterOrEqual", column, float(known[-1]))
        parts.append(graph.chosen(high, 1.0, graph.chosen(low, 0.0, half)))
    return Flow(graph.joined(parts), flow.width)


def between(graph: Graph, column: str, known: Floats, answers: Floats) -> str:
    """Linear interpolation as `numpy.interp`: of equal points the last counts."""
    inside = graph.op("Min", graph.op("Max", column, float(known[0])), float(known[-1]))
    place = graph.op("Sub", _passed(graph, inside, known), 1)
    rise, run = np.append(np.diff(answers), 0.0), np.append(np.diff(known), 1.0)
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    begin, height, steep = (graph.op("Gather", values, place) for values in (known, answers, slope))
    return graph.op("Add", graph.op("Mul", graph.op("Sub", inside, begin), steep), height)


TRANSFORMERS: Mapping[str, Transforms] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _most_absolute,
    "RobustScaler": _robust,
    "Normalizer": _normalised,
    "Binarizer": _binary,
    "PolynomialFeatures": _polynomial,
    "KBinsDiscretizer": _binned,
    "PowerTransformer": _powered,
    "QuantileTransformer": _quantiles,
}
