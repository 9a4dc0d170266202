"""Texts and their classes out of a dataset, what cannot be learned from left out and counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.pipeline.terms import LONGEST_TEXT

FEWEST_ROWS = 10
LABEL_SHARE = 0.5
"""A column with more labels than this share of the rows names each row: it is no class."""


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows to learn from, no text twice.

    Attributes:
        texts: what is classified.
        target: the number of each row's class.
        labels: of the classes; of two, the second is the rarer one.
        weights: of the rows, their mean 1; None: all alike.
        groups: of the rows; None: there are none.
        times: when each row was; None: the dataset does not say.
        left_out: how many rows were, by the reason.
    """

    texts: tuple[str, ...]
    target: NDArray[np.int64]
    labels: tuple[str, ...]
    weights: NDArray[np.float64] | None
    groups: NDArray[Any] | None
    times: NDArray[np.datetime64] | None
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, rows: NDArray[np.int64]) -> "TextRows":
        """Some of the rows."""
        return TextRows(
            tuple(self.texts[row] for row in rows),
            self.target[rows],
            self.labels,
            _at(self.weights, rows),
            _at(self.groups, rows),
            _at(self.times, rows),
            self.left_out,
        )


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Which columns say what.

    Attributes:
        text: of the texts.
        target: of the classes.
        weight: of the rows' weights.
        group: of the rows' groups.
    """

    text: str
    target: str
    weight: str | None = None
    group: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Each once."""
        named = (self.text, self.target, self.weight, self.group)
        return tuple(dict.fromkeys(name for name in named if name is not None))


def text_rows(table: Table, columns: TextColumns) -> TextRows:
    """The rows that can be learned from.

    Raises:
        InvalidInput: there are none, or they are of one class; the message says why.
    """
    if columns.text == columns.target:
        raise InvalidInput(f"column {columns.text!r} is both text and target: name two columns")
    texts = column_of_texts(table, columns.text)
    labels = _labels(table, columns.target)
    weights = _weights(table, columns.weight)
    left_out: Counter[str] = Counter()
    kept: list[int] = []
    seen: set[str] = set()
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        why = _why_not(text, label, seen)
        if why is None and weights is not None and not weights[row] > 0:
            why = "no weight"
        if why is not None:
            left_out[why] += 1
            continue
        seen.add(text)
        kept.append(row)
    if not seen:
        raise InvalidInput(f"column {columns.text!r} holds no text with a class: give some")
    usual = _of_usual_classes(kept, labels, columns.target, left_out)
    rows = np.array(usual, dtype=np.int64)
    ordered, target = _numbered([labels[row] for row in usual])
    if weights is not None:
        weights = weights[rows] / weights[rows].mean()
    groups = None if columns.group is None else table.arrays[columns.group].astype(str)
    return TextRows(
        tuple(texts[row] for row in usual),
        target,
        ordered,
        weights,
        _at(groups, rows),
        _at(table.times, rows),
        dict(left_out),
    )


def column_of_texts(table: Table, name: str) -> list[str]:
    """A column's texts, stripped, "" where there is none; no longer than is looked at.

    Raises:
        InvalidInput: there is no such column, or it holds no texts.
    """
    column = _column(table, name)
    if column.dtype is not Dtype.TEXT:
        raise InvalidInput(
            f"column {name!r} holds {_HOLDS[column.dtype]}, not texts: name the column of the "
            "texts, or train classification or clustering on the table"
        )
    return ["" if cell is None else str(cell).strip()[:LONGEST_TEXT] for cell in table.arrays[name]]


_HOLDS = {Dtype.NUMBER: "numbers", Dtype.BOOLEAN: "true and false", Dtype.TIME: "times"}


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def _why_not(text: str, label: str, seen: set[str]) -> str | None:
    if not text:
        return "no text"
    if not label:
        return "no class"
    return "the same text as another row" if text in seen else None


def _labels(table: Table, name: str) -> list[str]:
    cells = table.arrays[name]
    match _column(table, name).dtype:
        case Dtype.TEXT:
            return ["" if cell is None else str(cell).strip() for cell in cells]
        case Dtype.BOOLEAN:
            return ["" if np.isnan(one) else ("true" if one else "false") for one in cells]
        case _:
            return ["" if not np.isfinite(one) else f"{one:.15g}" for one in cells]


def _weights(table: Table, name: str | None) -> NDArray[np.float64] | None:
    if name is None:
        return None
    weights = table.column(name)
    if np.nanmin(weights, initial=0.0) < 0:
        raise InvalidInput(f"column {name!r} holds a weight under 0: give weights of 0 or more")
    return weights


def _of_usual_classes(
    kept: Sequence[int], labels: Sequence[str], target: str, left_out: Counter[str]
) -> list[int]:
    """The rows whose class another row has as well."""
    counts = Counter(labels[row] for row in kept)
    if len(counts) == 1:
        raise InvalidInput(
            f"target column {target!r} has one class only, {next(iter(counts))!r}: there is "
            "nothing to tell apart; give texts of two classes at least"
        )
    if len(counts) > LABEL_SHARE * len(kept):
        raise InvalidInput(
            f"target column {target!r} has {len(counts)} classes in {len(kept)} rows, too many to "
            "learn any from: give several texts of each class, or name another target"
        )
    usual = [row for row in kept if counts[labels[row]] >= 2]  # one to fit on and one to score
    if len(kept) > len(usual):
        left_out["the only row of its class"] = len(kept) - len(usual)
    if len(usual) < FEWEST_ROWS or len({labels[row] for row in usual}) < 2:
        raise InvalidInput(
            f"{len(usual)} rows have a text and a class of several: give {FEWEST_ROWS} or more, of "
            "two classes at least"
        )
    return usual


def _numbered(labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Classes in order, and the number of each row's; of two, the rarer one last."""
    counts = Counter(labels)
    ordered = sorted(counts, key=_in_order)
    if len(ordered) == 2 and counts[ordered[0]] < counts[ordered[1]]:
        ordered.reverse()
    numbers = {label: number for number, label in enumerate(ordered)}
    return tuple(ordered), np.array([numbers[label] for label in labels], dtype=np.int64)


def _in_order(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, before all others."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def _at(values: NDArray[Any] | None, rows: NDArray[np.int64]) -> NDArray[Any] | None:
    return None if values is None else values[rows]
