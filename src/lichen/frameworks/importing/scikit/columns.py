"""Pipelines, and transformers side by side: columns of a table to where they go."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.selecting import picked
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Flow,
    Given,
    Table,
    Transforms,
    Values,
    Writing,
)


def _is_idle(step: object) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _through(writing: Writing, steps: list[tuple[str, Fitted]], given: Given) -> Given:
    for _, step in steps:
        if not _is_idle(step):
            given = writing.transformed(step, given)
    return given


def _pipeline(writing: Writing, fitted: Fitted, given: Given) -> Given:
    return _through(writing, fitted.steps, given)


def _pipeline_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    return writing.classified(fitted.steps[-1][1], _through(writing, fitted.steps[:-1], given))


def _pipeline_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.valued(fitted.steps[-1][1], _through(writing, fitted.steps[:-1], given))


def _columns(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    places = fitted._transformer_to_input_indices  # noqa: SLF001 - there is no public way
    parts, width, raw = [], 0, []
    for name, transformer, _ in fitted.transformers_:
        chosen = [int(one) for one in places[name]]
        if (isinstance(transformer, str) and transformer == "drop") or not chosen:
            continue
        made: Given = picked(writing, given, chosen)
        if not _is_idle(transformer):
            made = writing.transformed(transformer, made)
        flow = writing.flow(made)
        weight = (fitted.transformer_weights or {}).get(name)
        if weight is not None:
            flow = Flow(writing.graph.op("Mul", flow.name, float(weight)), flow.width)
        parts.append(flow.name)
        width += flow.width
        raw += list(flow.raw) or [None] * flow.width
    if not parts:
        raise InvalidInput("the ColumnTransformer lets no column through: give it some")
    return Flow(writing.graph.joined(parts), width, tuple(raw))


def _union(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    weights, parts, width = fitted.transformer_weights or {}, [], 0
    for name, transformer in fitted.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        made = given if _is_idle(transformer) else writing.transformed(transformer, given)
        flow = writing.flow(made)
        scaled = flow.name
        if name in weights:
            scaled = writing.graph.op("Mul", flow.name, float(weights[name]))
        parts.append(scaled)
        width += flow.width
    return Flow(writing.graph.joined(parts), width)


def table_of(fitted: Fitted) -> Table:
    """All raw columns that an estimator was fitted on."""
    return Table(tuple(np.arange(width_of(fitted)).tolist()))


def width_of(fitted: Fitted) -> int:
    """How many raw columns a row has; of texts alone it is one."""
    if hasattr(fitted, "n_features_in_"):
        return int(fitted.n_features_in_)
    steps = getattr(fitted, "steps", None) or getattr(fitted, "transformer_list", None)
    return width_of(steps[0][1]) if steps else 1


CLASSIFIERS: Mapping[str, Classifies] = {"Pipeline": _pipeline_class}
REGRESSORS: Mapping[str, Values] = {"Pipeline": _pipeline_value}
TRANSFORMERS: Mapping[str, Transforms] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _columns,
    "FeatureUnion": _union,
}
