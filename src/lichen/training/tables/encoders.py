"""Fit the encoders of a table's columns on the rows of one fold, and never on others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Encoders, Moment, Number, OneHot, Pipeline
from lichen.pipeline.encoding import Encoding, width_of
from lichen.pipeline.moments import parsed
from lichen.pipeline.signature import TEXTS
from lichen.training.tables.codes import Coded, target_codes
from lichen.training.tables.columns import Kind, Planned
from lichen.training.tables.rows import RawRows
from lichen.training.tables.target import Target
from lichen.training.tables.words import fit_words

FEW_VALUES = 3
"""A text of so few values is one-hot for trees as well."""

LEAST_SPREAD = 1e-12
_DAY_S = 86_400


class Preparation(StrEnum):
    """Whom the features are for."""

    SCALED = "scaled"
    """Those that weigh features: missing values filled in, one-hot, centred and scaled."""
    PLAIN = "plain"
    """Trees, which split on what is missing: NaN stays, and categories are numbers."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Encoders fitted on some rows, and the features of those rows to fit a core on.

    The features are what the encoders make of the rows, but for categories that are encoded by the
    target: there each row has a number that was found without it (out of fold), so that a core
    does not learn to trust what the row itself gave away.
    """

    pipeline: Pipeline
    arrays: Mapping[str, Array]
    encoding: Encoding
    features: NDArray[np.float32]

    def encode(self, rows: RawRows) -> NDArray[np.float32]:
        """The features of other rows, as they will be when served."""
        return self.encoding.encode(rows.tensors(self.pipeline))


@dataclass(slots=True)
class _Fitting:
    rows: RawRows
    target: Target
    seed: int
    encoders: list[Encoders]
    arrays: dict[str, Array]
    coded: dict[int, NDArray[np.float64]]


def prepare(
    planned: Sequence[Planned], rows: RawRows, target: Target, preparation: Preparation, seed: int
) -> Prepared:
    """Fit the encoders of some columns on these rows.

    Raises:
        InvalidInput: no column is left that says anything about these rows.
    """
    fitting = _Fitting(rows, target, seed, [], {}, {})
    for column in planned:
        _FITTERS[preparation, column.kind](fitting, column)
    if not fitting.encoders:
        raise InvalidInput("no column varies among the rows to fit on: give columns that vary")
    pipeline = Pipeline(encoders=fitting.encoders)
    encoding = Encoding(pipeline, fitting.arrays)
    features = encoding.encode(rows.tensors(pipeline))
    start = 0
    for place, encoder in enumerate(fitting.encoders):
        if place in fitting.coded:
            features[:, start] = fitting.coded[place]
        start += width_of(encoder, fitting.arrays)
    return Prepared(pipeline, fitting.arrays, encoding, features)


def _scaled_number(fitting: _Fitting, column: Planned) -> None:
    values = fitting.rows.columns[column.name]
    there = values[np.isfinite(values)]
    if not len(there):
        return
    centre, spread = float(there.mean()), float(there.std())
    if spread <= LEAST_SPREAD * max(1.0, abs(centre)):
        centre, spread = float(there[0]), 1.0
    low, high = float(there.min()), float(there.max())
    reach = high - low
    fitting.encoders.append(
        Number(
            column=column.name,
            may_lack=column.may_lack,
            fill=float(np.median(there)),
            flags_missing=column.may_lack,
            low=low - reach,
            high=high + reach,
            centre=centre,
            scale=spread,
            is_boolean=column.kind is Kind.BOOLEAN,
            unit=fitting.rows.units.get(column.name),
        )
    )


def _plain_number(fitting: _Fitting, column: Planned) -> None:
    fitting.encoders.append(
        Number(
            column=column.name,
            may_lack=column.may_lack,
            is_boolean=column.kind is Kind.BOOLEAN,
            unit=fitting.rows.units.get(column.name),
        )
    )


def _one_hot(fitting: _Fitting, column: Planned) -> None:
    found, counts = np.unique(fitting.rows.columns[column.name], return_counts=True)
    usual = [cell.decode() for cell, count in zip(found, counts, strict=True) if count >= 2]
    kept = usual or [cell.decode() for cell in found]
    fitting.encoders.append(OneHot(column=column.name, may_lack=column.may_lack, values=kept))


def _codes(fitting: _Fitting, column: Planned) -> None:
    for coded in _coded(fitting, column):
        fitting.coded[len(fitting.encoders)] = coded.of_rows
        fitting.encoders.append(coded.encoder)


def _coded(fitting: _Fitting, column: Planned) -> tuple[Coded, ...]:
    return target_codes(fitting.rows.columns[column.name], column, fitting.target, fitting.seed)


def _few_or_codes(fitting: _Fitting, column: Planned) -> None:
    values = len(np.unique(fitting.rows.columns[column.name]))
    (_one_hot if values <= FEW_VALUES else _codes)(fitting, column)


def _scaled_moment(fitting: _Fitting, column: Planned) -> None:
    parts = _parts(fitting.rows.columns[column.name], column)
    plain = Moment(column=column.name, may_lack=column.may_lack, parts=parts, fill=0.0)
    if not parts:
        return
    features = _features(plain, fitting.rows)
    scales = [
        (float(one.mean()), float(one.std()) if one.std() > LEAST_SPREAD else 1.0)
        for one in features.T
    ]
    fitting.encoders.append(
        Moment(column=column.name, may_lack=column.may_lack, parts=parts, fill=0.0, scales=scales)
    )


def _plain_moment(fitting: _Fitting, column: Planned) -> None:
    parts = _parts(fitting.rows.columns[column.name], column)
    if parts:
        fitting.encoders.append(
            Moment(
                column=column.name,
                may_lack=column.may_lack,
                parts=parts,
                is_cyclic=False,
                fill=None,
            )
        )


def _features(moment: Moment, rows: RawRows) -> NDArray[np.float64]:
    """What a moment makes of the rows that have one."""
    cells = rows.columns[moment.column]
    there = cells[cells != b""]
    pipeline = Pipeline(encoders=[moment])
    made = Encoding(pipeline).encode({TEXTS: there[:, None]})
    return np.asarray(made, dtype=np.float64)


def _parts(cells: NDArray[np.object_], column: Planned) -> list[str]:
    """Which parts of its moments tell rows apart; of the rows' own time those that come again."""
    moments = [parsed(cell.decode()) for cell in cells if cell]
    if not moments:
        return []
    days = (max(moments) - min(moments)).total_seconds() / _DAY_S
    is_timed = any((one.hour, one.minute, one.second) != (0, 0, 0) for one in moments)
    found = []
    if days > 90:
        found.append("month")
    if days > 7:
        found.append("weekday")
    if is_timed:
        found.append("hour")
    if not column.is_clock and days > 1:
        found.append("elapsed")
    return found


def _scaled_words(fitting: _Fitting, column: Planned) -> None:
    words, _ = fit_words(fitting.rows.columns[column.name], column, is_projected=False)
    if words is not None:
        fitting.encoders.append(words)


def _projected_words(fitting: _Fitting, column: Planned) -> None:
    words, projection = fit_words(fitting.rows.columns[column.name], column, is_projected=True)
    if words is not None and words.projection is not None and projection is not None:
        fitting.arrays[words.projection] = projection
        fitting.encoders.append(words)


_FITTERS: Mapping[tuple[Preparation, Kind], Callable[[_Fitting, Planned], None]] = {
    (Preparation.SCALED, Kind.NUMBER): _scaled_number,
    (Preparation.SCALED, Kind.BOOLEAN): _scaled_number,
    (Preparation.SCALED, Kind.CATEGORY): _one_hot,
    (Preparation.SCALED, Kind.MANY): _codes,
    (Preparation.SCALED, Kind.MOMENT): _scaled_moment,
    (Preparation.SCALED, Kind.WORDS): _scaled_words,
    (Preparation.PLAIN, Kind.NUMBER): _plain_number,
    (Preparation.PLAIN, Kind.BOOLEAN): _plain_number,
    (Preparation.PLAIN, Kind.CATEGORY): _few_or_codes,
    (Preparation.PLAIN, Kind.MANY): _codes,
    (Preparation.PLAIN, Kind.MOMENT): _plain_moment,
    (Preparation.PLAIN, Kind.WORDS): _projected_words,
}
