"""Which features go on: selections by support, by threshold, by the columns of a table."""

from collections.abc import Mapping, Sequence

import numpy as np

from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Flow,
    Given,
    Table,
    Transforms,
    Writing,
)


def picked(writing: Writing, given: Given, places: Sequence[int]) -> Given:
    """Some features in the order of their places; raw columns stay raw."""
    chosen = [int(one) for one in places]
    if isinstance(given, Table):
        fills = given.fills and tuple(given.fills[one] for one in chosen)
        return Table(tuple(given.columns[one] for one in chosen), fills)
    if chosen == list(range(given.width)):
        return given
    name = writing.graph.op("Gather", given.name, chosen, axis=1)
    return Flow(name, len(chosen), tuple(given.raw[one] for one in chosen) if given.raw else ())


def _supported(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    return writing.flow(picked(writing, flow, np.flatnonzero(fitted.get_support()).tolist()))


TRANSFORMERS: Mapping[str, Transforms] = dict.fromkeys(
    (
        *("VarianceThreshold", "SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr"),
        *("SelectFwe", "GenericUnivariateSelect", "SelectFromModel", "RFE", "RFECV"),
        "SequentialFeatureSelector",
    ),
    _supported,
)
