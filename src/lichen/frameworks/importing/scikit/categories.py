"""Encoders of categories: what scikit-learn makes of each category, as a table to look up.

The table is made by asking the encoder itself, one category of one column at a time; so whatever
it drops, groups or smooths comes out as it does there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.selecting import picked
from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Floats,
    Flow,
    Given,
    Table,
    Transforms,
    Writing,
)

UNSEEN = "a text that nobody has seen"
_UNSEEN_NUMBER = 1.0e15 / 7


@dataclass(frozen=True, slots=True)
class _Column:
    """The categories of one column.

    Attributes:
        texts: those that are texts, empty where the column holds numbers.
        values: all as scikit-learn keeps them.
        missing: which of them stands for what is missing, if one does.
    """

    texts: tuple[str, ...]
    values: tuple[Any, ...]
    missing: int | None


def column_of(categories: NDArray[Any]) -> _Column:
    """What the categories of one column are."""
    values = tuple(categories.tolist())
    missing = [at for at, one in enumerate(values) if is_missing(one)]
    texts = tuple(one for one in values if isinstance(one, str))
    return _Column(texts, values, missing[0] if missing else None)


def is_missing(value: object) -> bool:
    """None, or NaN."""
    return value is None or (isinstance(value, float) and value != value)


def _encoded(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    columns = [column_of(np.asarray(one)) for one in fitted.categories_]
    widths = _widths(fitted, columns)
    parts = []
    for place, column in enumerate(columns):
        first = sum(widths[:place])
        table, refuses = _table(fitted, columns, place, slice(first, first + widths[place]))
        code = _code(writing, given, place, column)
        if refuses and isinstance(given, Table):
            writing.lacks_unknown.add(given.columns[place])
        found = writing.graph.op("Gather", table, code)
        parts.append(writing.graph.op("Squeeze", found, [1]))
    return Flow(writing.graph.joined(parts), sum(widths))


def _code(writing: Writing, given: Given, place: int, column: _Column) -> str:
    """INT64 `(rows, 1)`: which category; one more than there are for any other."""
    if column.texts and isinstance(given, Table):
        return _text_code(writing, given, place, column)
    flow, graph = writing.flow(picked(writing, given, [place])), writing.graph
    numbers = [float(one) for one in column.values if not is_missing(one)]
    writing.anchor(flow, 0, numbers)
    raw = flow.origin(0)
    if raw is not None:
        writing.whole.add(raw.column)
    name = flow.name
    code = _of_numbers(writing, name, numbers, len(column.values))
    if column.missing is None:
        return code
    absent = graph.op("IsNaN", name)
    return graph.chosen(absent, np.array(column.missing, dtype=np.int64), code)


def _of_numbers(writing: Writing, name: str, numbers: Sequence[float], other: int) -> str:
    """Numbers are in front, whatever is missing comes last."""
    graph = writing.graph
    known = graph.op("Equal", name, np.array(numbers)[np.newaxis])
    steps = (np.arange(len(numbers)) - other).astype(np.float64)[:, np.newaxis]
    moved = graph.op("MatMul", graph.cast(known, Datatype.FP64), steps)
    return graph.cast(graph.op("Add", moved, float(other)), Datatype.INT64)


def _text_code(writing: Writing, given: Table, place: int, column: _Column) -> str:
    raw, other = given.columns[place], len(column.values)
    known = {one: at for at, one in enumerate(column.values) if isinstance(one, str)}
    fill = given.fill(place)
    texts = dict(known)
    if "" not in known:  # an empty text is what is missing
        absent = known.get(fill, other) if fill is not None else column.missing
        texts[""] = other if absent is None else absent
        if None in column.values:
            writing.nones.add(raw)
    writing.texts.setdefault(raw, []).extend(known)
    return writing.inputs.codes(writing.graph, raw, texts, other)


def _widths(fitted: Fitted, columns: Sequence[_Column]) -> list[int]:
    if type(fitted).__name__ == "OneHotEncoder":
        return [int(one) for one in fitted._n_features_outs]  # noqa: SLF001
    if getattr(fitted, "target_type_", "") == "multiclass":
        return [len(fitted.classes_)] * len(columns)
    return [1] * len(columns)


def _table(
    fitted: Fitted, columns: Sequence[_Column], place: int, own: slice
) -> tuple[Floats, bool]:
    """What the encoder makes of each category, then of any other; and whether it refuses that."""
    values = columns[place].values
    base = [one.values[0] for one in columns]
    rows = np.empty((len(values), len(columns)), dtype=np.object_)
    rows[:] = base
    rows[:, place] = values
    table = _asked(fitted, rows)[:, own]
    rows = rows[:1].copy()
    rows[0, place] = UNSEEN if columns[place].texts else _UNSEEN_NUMBER
    try:
        other, refuses = _asked(fitted, rows)[:, own], False
    except ValueError:
        other, refuses = np.zeros((1, table.shape[1])), True
    return np.concatenate([table, other]), refuses


def _asked(fitted: Fitted, rows: NDArray[Any]) -> Floats:
    is_number = all(not isinstance(one, str) and one is not None for one in rows.ravel().tolist())
    with catch_warnings():
        simplefilter("ignore")
        found = fitted.transform(rows.astype(np.float64) if is_number else rows)
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)


TRANSFORMERS: Mapping[str, Transforms] = dict.fromkeys(
    ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"), _encoded
)
