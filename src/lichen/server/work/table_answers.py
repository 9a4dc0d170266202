"""Rows of a table through the plane: answers as columns, and why some rows have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, LichenError, WorkFailed
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype
from lichen.data.forms import CSV
from lichen.data.parts import TEXT, NewColumn
from lichen.data.tablefile import TableFile
from lichen.protocol.columns import (
    ERROR,
    AnswerColumn,
    TableForm,
    answer_columns,
    plain_values,
)
from lichen.protocol.demands import Demands
from lichen.protocol.predicting import OnError
from lichen.server.work.job_plane import JobPlane
from lichen.serving.forecaster import ForecastPredictor
from lichen.serving.ticket import Answer, Query

_KINDS = {
    Datatype.BOOL: "BOOLEAN",
    Datatype.UINT8: "UTINYINT",
    Datatype.UINT16: "USMALLINT",
    Datatype.UINT32: "UINTEGER",
    Datatype.UINT64: "UBIGINT",
    Datatype.INT8: "TINYINT",
    Datatype.INT16: "SMALLINT",
    Datatype.INT32: "INTEGER",
    Datatype.INT64: "BIGINT",
    Datatype.FP16: "FLOAT",
    Datatype.BF16: "FLOAT",
    Datatype.FP32: "FLOAT",
    Datatype.FP64: "DOUBLE",
    Datatype.BYTES: TEXT,
}
_QUERIES = 256
Outputs = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Answered:
    """The new columns of some rows, and how many of these have no answer."""

    columns: Mapping[NewColumn, Array]
    failed_rows: int


class TableAnswers:
    """Answers the rows of one table; `on_error` says what becomes of those that cannot be."""

    def __init__(
        self, plane: JobPlane, table: TableFile, name: str, tenant: str, on_error: OnError
    ) -> None:
        """Prepare it.

        Args:
            plane: what answers.
            table: the rows.
            name: of the deployment.
            tenant: who asks.
            on_error: `fail` or `skip`.

        Raises:
            InvalidInput: the table does not hold what the model takes.
        """
        self._plane = plane
        self._table = table
        self._asked = name, TenantId(tenant)
        self._on_error = on_error
        self._form = TableForm(plane.signature, table.shape.columns, table.shape.decimal)
        self._answers = answer_columns(plane.signature, _levels(plane))
        self._is_text = table.shape.form == CSV
        self.new = [NewColumn(one.name, self._kind(one)) for one in self._answers]
        if on_error == "skip":
            self.new.append(NewColumn(ERROR, TEXT))

    @property
    def values_per_row(self) -> int:
        """Numbers that go in and come out for a row, and cells that it has."""
        signature = self._plane.signature
        specs = (*signature.inputs, *signature.outputs)
        numbers = sum(int(np.prod([max(1, n) for n in one.shape[1:]])) for one in specs)
        return numbers + len(self._table.shape.columns)

    def examples(self, rows: int) -> dict[str, Array]:
        """The inputs of the first rows, but for those that cannot be read."""
        count = min(rows, self._table.shape.rows)
        return self._form.read(self._table.read(0, count, self._form.columns), count).tensors

    def ask(self, tensors: dict[str, Array], batch_rows: int) -> Outputs:
        """The outputs for some rows, so many of them computed at once.

        Raises:
            LichenError: they cannot be answered.
        """
        rows = len(next(iter(tensors.values())))
        if self._plane.predictor.joins_rows:
            return self._plane.ask(self._query(tensors, batch_rows)).outputs
        found: list[Outputs] = []
        for first in range(0, rows, _QUERIES):
            last = min(rows, first + _QUERIES)
            singles = [self._query(_cut(tensors, row, row + 1), 1) for row in range(first, last)]
            found += [_outputs(outcome) for outcome in self._plane.ask_all(singles)]
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

    def answer(self, first: int, rows: int, batch_rows: int) -> Answered:
        """The new columns for `rows` rows from row `first` on.

        Raises:
            InvalidInput: a row cannot be read or answered, and the job is to fail then; the
                message names it.
        """
        before = min(first, self._form.rows_before)
        arrays = self._table.read(first - before, before + rows, self._form.columns)
        read = self._form.read(arrays, rows, before)
        faults = dict(read.faults)
        self._check(faults, first)
        pieces: list[tuple[Array, Outputs]] = []
        if len(read.rows):
            pieces = self._pieces(read.tensors, read.rows, batch_rows, faults, first)
        columns = {
            new: self._column(one, pieces, rows)
            for new, one in zip(self.new, self._answers, strict=False)
        }
        if self._on_error == "skip":
            columns[self.new[-1]] = _texts(faults, rows)
        return Answered(columns, len(faults))

    def _pieces(
        self,
        tensors: dict[str, Array],
        places: Array,
        batch_rows: int,
        faults: dict[int, str],
        first: int,
    ) -> list[tuple[Array, Outputs]]:
        """Answers with the places of their rows; what fails together is parted until it is one."""
        try:
            return [(places, self.ask(tensors, batch_rows))]
        except (InvalidInput, WorkFailed) as error:
            if len(places) == 1:
                faults[int(places[0])] = str(error)
                self._check(faults, first)
                return []
        middle = len(places) // 2
        rows = len(places)
        return [
            *self._pieces(_cut(tensors, 0, middle), places[:middle], batch_rows, faults, first),
            *self._pieces(_cut(tensors, middle, rows), places[middle:], batch_rows, faults, first),
        ]

    def _check(self, faults: Mapping[int, str], first: int) -> None:
        if faults and self._on_error == "fail":
            row = min(faults)
            raise InvalidInput(
                f"row {self._table.number(first + row)}: {faults[row]}; correct it, or submit "
                "with on_error skip to answer the others"
            )

    def _query(self, tensors: dict[str, Array], batch_rows: int) -> Query:
        name, tenant = self._asked
        return Query(name, tensors, tenant=tenant, demands=Demands(batch_rows=batch_rows))

    def _kind(self, column: AnswerColumn) -> str:
        if column.depth and self._is_text:
            return TEXT
        return _KINDS[column.datatype] + "[]" * column.depth

    def _column(
        self, column: AnswerColumn, pieces: Sequence[tuple[Array, Outputs]], rows: int
    ) -> Array:
        """The values of a column at their rows' places; null where there is no answer."""
        found: Array | None = None
        for places, outputs in pieces:
            values = plain_values(column, outputs[column.output])
            if column.depth and self._is_text:
                values = _json(values)
            if found is None:
                found = _empty(rows, values.dtype)
            found[places] = values
        return _empty(rows, np.dtype(np.object_)) if found is None else found


def _levels(plane: JobPlane) -> tuple[float, ...]:
    predictor = plane.predictor
    return predictor.specification.levels if isinstance(predictor, ForecastPredictor) else ()


def _outputs(outcome: Answer | LichenError) -> Outputs:
    if isinstance(outcome, LichenError):
        raise outcome
    return outcome.outputs


def _cut(tensors: Mapping[str, Array], first: int, last: int) -> dict[str, Array]:
    return {name: values[first:last] for name, values in tensors.items()}


def _empty(rows: int, dtype: np.dtype[Any]) -> Array:
    """Nothing in each row."""
    if dtype.kind == "O":
        return np.full(rows, None, dtype=np.object_)
    nothing: Array = np.ma.masked_array(np.zeros(rows, dtype=dtype), mask=True)
    return nothing


def _texts(faults: Mapping[int, str], rows: int) -> Array:
    found = _empty(rows, np.dtype(np.object_))
    for row, why in faults.items():
        found[row] = why
    return found


def _json(values: Array) -> Array:
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [msgspec.json.encode(one).decode() for one in values]
    return found
