"""The rows of a training: what detectors look at, which rows are usual, what belongs together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.dataset import DatasetVersion
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table, seconds64
from lichen.pipeline.declaration import Number, Pipeline
from lichen.pipeline.encoding import encode
from lichen.pipeline.signature import NUMBERS
from lichen.protocol.training import AnomalyTraining

FARTHEST = 1e6
"""Spreads from the mean beyond which a value is taken as so far: squares stay within float32."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Rows in the order of their runs.

    Attributes:
        columns: what is looked at, constant columns left out.
        encoders: one a column, by the rows that are fitted on.
        encoded: float32 `(rows, columns)`.
        runs: `(rows,)`: the number of the run that each row belongs to.
        starts: `(rows,)`: the first row of that run.
        truth: `(rows,)`: which rows are anomalous; None: nobody said.
        is_fitted: `(rows,)`: usual, and before the moment up to which rows are fitted on.
        is_tested: `(rows,)`: at or after that moment.
        is_ordered: whether rows that follow each other are related: parts held out are blocks.
        left_out: what is said of columns that are not looked at.
    """

    columns: tuple[Column, ...]
    encoders: tuple[Number, ...]
    encoded: NDArray[np.float32]
    runs: NDArray[np.int64]
    starts: NDArray[np.int64]
    truth: NDArray[np.bool_] | None
    is_fitted: NDArray[np.bool_]
    is_tested: NDArray[np.bool_]
    is_ordered: bool
    left_out: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(one.name for one in self.columns)

    @property
    def marked(self) -> NDArray[np.bool_] | None:
        """The anomalous rows that detectors may be chosen by; None where there are none."""
        if self.truth is None:
            return None
        found = self.truth & ~self.is_tested
        return found if found.any() else None


def chosen_columns(asked: AnomalyTraining, dataset: DatasetVersion) -> tuple[Column, ...]:
    """The columns of numbers to look at.

    Raises:
        InvalidInput: one is not there or holds text, or none is left.
    """
    schema = dataset.schema
    for name in (*asked.exclude, *(one for one in (asked.label, asked.group) if one)):
        schema.column(name)
    series = schema.series.name if schema.series else None
    apart = {*asked.exclude, asked.label, asked.group, series}
    if asked.columns is None:
        found = tuple(one for one in schema.numeric if one.name not in apart)
    else:
        found = tuple(schema.column(one) for one in dict.fromkeys(asked.columns))
        _check_chosen(found, apart)
    if not found:
        raise InvalidInput(
            f"{dataset} has no column of numbers to look at: it has {', '.join(schema.names[:20])}"
        )
    return found


def _check_chosen(found: Sequence[Column], apart: set[str | None]) -> None:
    for one in found:
        if one.dtype not in (Dtype.NUMBER, Dtype.BOOLEAN):
            raise InvalidInput(
                f"column {one.name!r} holds {one.dtype}, not numbers: leave it out of the columns"
            )
        if one.name in apart:
            raise InvalidInput(
                f"column {one.name!r} is to be looked at and to be something else: name it once"
            )


def observed(asked: AnomalyTraining, dataset: DatasetVersion, table: Table) -> Observations:
    """The rows of a table as detectors see them.

    Raises:
        InvalidInput: they cannot be trained on; one sentence says why.
    """
    columns = chosen_columns(asked, dataset)
    panel = dataset.schema.series
    group = asked.group or (panel.name if panel else None)
    runs, order = _runs(table, group)
    truth = None if asked.label is None else _truth(table, asked.label)[order]
    is_tested = _tested(table, asked)[order]
    is_fitted = ~is_tested if truth is None else ~is_tested & ~truth
    _check_rows(is_fitted, truth, asked)
    values = table.matrix(tuple(one.name for one in columns))[order]
    values = np.where(np.isfinite(values), values, np.nan)
    encoders, why = _encoders(columns, values[is_fitted])
    kept = [at for at, one in enumerate(encoders) if one is not None]
    made = tuple(one for one in encoders if one is not None)
    if not made:
        raise InvalidInput(f"no column is left to look at: {'; '.join(why)}")
    raw = np.ascontiguousarray(values[:, kept])
    return Observations(
        columns=tuple(columns[at] for at in kept),
        encoders=made,
        encoded=encode(Pipeline(encoders=[*made]), {NUMBERS: raw}),
        runs=runs[order],
        starts=_starts(runs[order]),
        truth=truth,
        is_fitted=is_fitted,
        is_tested=is_tested,
        is_ordered=table.times is not None or group is not None,
        left_out=(*why, *_texts(asked, dataset)),
    )


def _runs(table: Table, group: str | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The run of each row, and the order that puts the rows of a run together."""
    if group is None:
        return np.zeros(len(table), dtype=np.int64), np.arange(len(table))
    labels = np.array([str(one) for one in table.arrays[group]])
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    runs = np.argsort(np.argsort(first))[number].astype(np.int64)  # in order of appearance
    return runs, np.argsort(runs, kind="stable")


def _starts(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each row's run."""
    is_first = np.concatenate([[True], np.diff(runs) != 0])
    return np.asarray(np.maximum.accumulate(np.where(is_first, np.arange(len(runs)), 0)))


def _truth(table: Table, label: str) -> NDArray[np.bool_]:
    """Which rows are anomalous; a row without a label is usual."""
    values = table.column(label)
    said = np.unique(values[~np.isnan(values)])
    if not np.isin(said, (0.0, 1.0)).all():
        shown = ", ".join(f"{one:g}" for one in said[:_NAMED])
        raise InvalidInput(
            f"label {label!r} holds {shown}: it must be 1 or true where a row is anomalous, 0 or "
            "false where it is not"
        )
    return np.asarray(values == 1.0)


def _tested(table: Table, asked: AnomalyTraining) -> NDArray[np.bool_]:
    if asked.train_until is None:
        return np.zeros(len(table), dtype=np.bool_)
    if table.times is None:
        raise InvalidInput("the dataset has no time column: leave train_until out")
    return np.asarray(table.times >= seconds64(asked.train_until))


def _check_rows(
    is_fitted: NDArray[np.bool_], truth: NDArray[np.bool_] | None, asked: AnomalyTraining
) -> None:
    if not len(is_fitted):
        raise InvalidInput("the dataset has no rows: add some")
    if is_fitted.any():
        return
    if truth is not None and truth.all():
        raise InvalidInput(
            f"label {asked.label!r} calls every row anomalous: there is nothing usual to fit on"
        )
    raise InvalidInput(
        f"no usual row is before train_until ({asked.train_until:%Y-%m-%dT%H:%M}Z): state a later "
        "time"
    )


def _encoders(
    columns: Sequence[Column], values: NDArray[np.float64]
) -> tuple[list[Number | None], tuple[str, ...]]:
    """An encoder for each column, None for one that says nothing; and why those are left out."""
    made: list[Number | None] = []
    empty, still = [], []
    for at, column in enumerate(columns):
        known = values[:, at][~np.isnan(values[:, at])]
        if not len(known):
            empty.append(column.name)
        elif known.min() == known.max() or not _spread(known) > 0:
            still.append(column.name)
        made.append(
            _encoder(column, known)
            if len(known) and known.min() < known.max() and _spread(known) > 0
            else None
        )
    said = [(empty, "empty"), (still, "constant")]
    return made, tuple(f"{_listed(names)} left out: {why}" for names, why in said if names)


def _spread(known: NDArray[np.float64]) -> float:
    with np.errstate(over="ignore"):
        spread = float(known.std())
    return spread if np.isfinite(spread) else 0.0


def _encoder(column: Column, known: NDArray[np.float64]) -> Number:
    centre, spread = float(known.mean()), _spread(known)
    return Number(
        column=column.name,
        may_lack=True,
        fill=float(np.median(known)),
        low=centre - FARTHEST * spread,
        high=centre + FARTHEST * spread,
        centre=centre,
        scale=spread,
        is_boolean=column.dtype is Dtype.BOOLEAN,
        unit=column.unit,
    )


def _texts(asked: AnomalyTraining, dataset: DatasetVersion) -> tuple[str, ...]:
    if asked.columns is not None:
        return ()
    apart = (*asked.exclude, asked.label, asked.group)
    names = [
        one.name
        for one in dataset.schema
        if one.dtype is Dtype.TEXT and one.name not in apart and one != dataset.schema.series
    ]
    return (f"{_listed(names)} left out: text",) if names else ()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more columns" if more > 0 else shown
