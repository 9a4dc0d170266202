"""What stands for values that are missing."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.selecting import picked
from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Flow,
    Given,
    Table,
    Transforms,
    Writing,
)


def _simple(writing: Writing, fitted: Fitted, given: Given) -> Given:
    statistics = np.asarray(fitted.statistics_)
    if isinstance(given, Table) and any(isinstance(one, str) for one in statistics.tolist()):
        return _filled_texts(fitted, given)
    flow, graph = writing.flow(given), writing.graph
    values = statistics.astype(np.float64)
    is_kept = ~np.isnan(values) | bool(fitted.keep_empty_features)
    values = np.where(np.isnan(values), 0.0, values)
    absent = _absent(writing, flow, fitted.missing_values)
    filled = Flow(graph.chosen(absent, values, flow.name), flow.width, flow.raw)
    writing.anchor_rows(flow, values[np.newaxis])
    if not is_kept.all():
        filled = writing.flow(picked(writing, filled, np.flatnonzero(is_kept).tolist()))
    return _flagged(writing, fitted, filled, absent)


def _absent(writing: Writing, flow: Flow, missing: object) -> str:
    """Whether each value is missing, BOOL `(rows, width)`."""
    if isinstance(missing, int | float) and not np.isnan(missing):
        return writing.graph.op("Equal", flow.name, float(missing))
    return writing.graph.op("IsNaN", flow.name)


def _flagged(writing: Writing, fitted: Fitted, filled: Flow, absent: str) -> Flow:
    """With a feature more for each column that lacked values, where those were asked for."""
    indicator = getattr(fitted, "indicator_", None)
    if indicator is None:
        return filled
    flags = _flags(writing, absent, indicator)
    name = writing.graph.joined([filled.name, flags.name])
    raw = filled.raw and (*filled.raw, *(None for _ in range(flags.width)))
    return Flow(name, filled.width + flags.width, raw)


def _flags(writing: Writing, absent: str, fitted: Fitted) -> Flow:
    places = [int(one) for one in fitted.features_]
    numbers = writing.graph.cast(absent, Datatype.FP64)
    return Flow(writing.graph.op("Gather", numbers, places, axis=1), len(places))


def _filled_texts(fitted: Fitted, given: Table) -> Table:
    if getattr(fitted, "indicator_", None) is not None:
        raise InvalidInput(
            "an imputer that flags missing texts cannot be converted: leave that out"
        )
    fills = tuple(one if isinstance(one, str) else None for one in fitted.statistics_.tolist())
    return Table(given.columns, fills)


def _indicator(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    return _flags(writing, _absent(writing, flow, fitted.missing_values), fitted)


def _iterative(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """Each feature from the others, in the rounds of the fit."""
    flow, graph = writing.flow(given), writing.graph
    if fitted.sample_posterior:
        raise InvalidInput("an imputer that draws at random answers differently each time")
    absent = _absent(writing, flow, fitted.missing_values)
    plain = fitted.initial_imputer_
    current = writing.flow(_simple(writing, plain, flow))
    low, high = np.asarray(fitted._min_value), np.asarray(fitted._max_value)  # noqa: SLF001
    columns = [graph.column(current.name, at) for at in range(current.width)]
    for feature, others, estimator in fitted.imputation_sequence_:
        rows = Flow(graph.joined([columns[int(one)] for one in others]), len(others))
        said = writing.valued(estimator, rows)
        inside = graph.op("Min", graph.op("Max", said, float(low[feature])), float(high[feature]))
        lacks = graph.op("Gather", absent, [int(feature)], axis=1)
        columns[int(feature)] = graph.chosen(lacks, inside, columns[int(feature)])
    filled = Flow(graph.joined(columns), current.width)
    return _flagged(writing, fitted, filled, absent)


TRANSFORMERS: Mapping[str, Transforms] = {
    "SimpleImputer": _simple,
    "MissingIndicator": _indicator,
    "IterativeImputer": _iterative,
}
