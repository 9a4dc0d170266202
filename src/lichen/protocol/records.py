"""Rows as objects, `[{"column": value}, ...]`, into a model's inputs, a column at a time."""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import nan
from operator import attrgetter
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.numbers import Mismatch, arranged, element_type
from lichen.protocol.raw_columns import default_of, gathered, told, type_of
from lichen.protocol.windows import window_rows, windows

_WORDS = {Datatype.BYTES: "text", Datatype.BOOL: "true or false"}
_KINDS = {str: "text", bool: "a truth value", type(None): "null", dict: "an object"}


_MOST_TOLD = 20
"""Columns that a sentence lists."""


class _Column(NamedTuple):
    """One member of a row: its name, the input that takes it, its type, and if it may be left out.

    `default` stands for it then; `msgspec.NODEFAULT` where it must be there.
    """

    name: str
    spec: TensorSpec
    type: Any
    takes: str
    default: Any = msgspec.NODEFAULT


class RecordForm:
    """What the rows of one signature look like, and how they become arrays.

    An input of shape (-1,) or (-1, 1) is a column of its name; one of shape (-1, k) is k columns
    where the signature names them, else one column of lists, as any other shape is. One of shape
    (-1, n, k) whose columns are named takes windows: each row becomes the last of one. Where the
    model takes missing values, null is one.
    """

    def __init__(self, signature: Signature) -> None:
        """Prepare it.

        Raises:
            InvalidInput: the model takes no rows, or an input that JSON cannot hold.
        """
        self._signature = signature
        for spec in signature.inputs:
            if spec.shape[:1] != (-1,):
                raise InvalidInput(
                    f"input {spec.name!r} has shape {list(spec.shape)}, without rows: send "
                    '"x" with whole tensors by name, or tensors to /v2/models/.../infer'
                )
        self._named = _are_distinct(signature.inputs)
        self._columns = [column for spec in signature.inputs for column in self._of(spec)]
        self._decoder = msgspec.json.Decoder(GenericAlias(list, (_struct(self._columns),)))

    def read(self, rows: msgspec.Raw) -> dict[str, Array]:
        """The inputs that rows in JSON are.

        Raises:
            InvalidInput: a row does not fit; the message says which row, which column, and what
                was expected.
        """
        try:
            records = self._decoder.decode(rows)
        except msgspec.MsgspecError as error:
            raise self._explained(rows) or InvalidInput(f"rows cannot be read: {error}") from error
        if not records:
            raise InvalidInput("rows is empty: send at least one row")
        tensors = {}
        for spec, pick in self._picks:
            values = [pick(record) for record in records]
            if self._named and spec.details:
                tensors[spec.name] = gathered(spec, values)
                continue
            if spec.missing:
                values = [_with_nan(value) for value in values]
            if not _is_left_out(spec, values):
                tensors[spec.name] = _input(spec, values)
        return tensors

    def _of(self, spec: TensorSpec) -> list[_Column]:
        if self._named and spec.details:
            return [
                _Column(name, spec, type_of(one), told(one), default_of(one))
                for name, one in zip(spec.columns, spec.details, strict=True)
            ]
        if self._named and spec.columns:
            return [_column(name, spec, ()) for name in spec.columns]
        rest = spec.shape[1:]
        return [_column(spec.name, spec, () if rest == (1,) else rest)]

    @cached_property
    def _picks(self) -> list[tuple[TensorSpec, Callable[[object], Any]]]:
        """Each input, and what takes its value or values out of a record."""
        members: dict[str, list[str]] = {spec.name: [] for spec in self._signature.inputs}
        for number, column in enumerate(self._columns):
            members[column.spec.name].append(_member(number))
        return [(spec, attrgetter(*members[spec.name])) for spec in self._signature.inputs]

    def _explained(self, rows: msgspec.Raw) -> InvalidInput | None:
        """Where the first thing stands that does not fit."""
        try:
            records = msgspec.json.decode(rows)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not isinstance(records, list):
            return InvalidInput(f"rows is {_kind(records)}: give a list of objects")
        wrong = (self._wrong(record) for record in records)
        return next(
            (InvalidInput(f"rows[{n}] {what}") for n, what in enumerate(wrong) if what), None
        )

    def _wrong(self, record: object) -> str | None:
        if not isinstance(record, dict):
            return f"is {_kind(record)}: give an object; {self._takes()}"
        known = {column.name: column for column in self._columns}
        for name in record:
            if name not in known:
                return f"has the column {name!r}, which the model does not take: {self._takes()}"
        for name, column in known.items():
            if name not in record:
                if column.default is msgspec.NODEFAULT:
                    return f"has no column {name!r}: {self._takes()}"
            elif not _fits(record[name], column.type):
                return f"holds {_kind(record[name])} in column {name!r}: it takes {column.takes}"
        return None

    def _takes(self) -> str:
        said = [
            f"{column.name} ({column.takes}{', optional' if column.spec.optional else ''})"
            for column in self._columns[:_MOST_TOLD]
        ]
        more = len(self._columns) - len(said)
        return f"the columns are {', '.join(said)}{f' and {more} more' if more else ''}"


def _are_distinct(specs: Sequence[TensorSpec]) -> bool:
    names = [name for spec in specs for name in spec.columns or (spec.name,)]
    return len(set(names)) == len(names)


def _column(name: str, spec: TensorSpec, inner: Sequence[int]) -> _Column:
    try:
        kind = element_type(spec.datatype)
    except Mismatch as error:
        raise InvalidInput(f"input {spec.name!r} {error}") from error
    takes = _told(spec.datatype, inner)
    for _ in inner:
        kind = GenericAlias(list, (kind,))
    if spec.missing and not inner:
        kind, takes = kind | None, f"{takes} or null"
    if not spec.optional:
        return _Column(name, spec, kind, takes)
    return _Column(name, spec, kind | msgspec.UnsetType, takes, msgspec.UNSET)


def _with_nan(value: Any) -> Any:  # noqa: ANN401 - as a record holds it
    """A value or several of one row, NaN where there is null."""
    if isinstance(value, tuple):
        return tuple(nan if one is None else one for one in value)
    return nan if value is None else value


def _told(datatype: Datatype, inner: Sequence[int]) -> str:
    if not inner:
        return f"{_WORDS.get(datatype) or _word(datatype)} ({datatype})"
    lengths = "x".join("any" if length < 0 else str(length) for length in inner)
    return f"a list of {lengths} {datatype} values"


def _word(datatype: Datatype) -> str:
    return "a number" if NUMPY_OF_DATATYPE[datatype].kind == "f" else "a whole number"


def _member(number: int) -> str:
    return f"column_{number}"


def _struct(columns: Sequence[_Column]) -> type[msgspec.Struct]:
    fields = [
        (_member(number), column.type, column.default) for number, column in enumerate(columns)
    ]
    names = {_member(number): column.name for number, column in enumerate(columns)}
    return msgspec.defstruct(
        "Row", fields, rename=names, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _is_left_out(spec: TensorSpec, values: Sequence[Any]) -> bool:
    """Is an optional input in none of the rows?"""
    if not spec.optional:
        return False
    given = [_parts_given(value) for value in values]
    if len(set(given)) == 1 and given[0] in (0.0, 1.0):
        return given[0] == 0.0
    odd = next(row for row, share in enumerate(given) if share != given[0] or 0 < share < 1)
    raise InvalidInput(
        f"rows[{odd}] does not hold {spec.name!r} as the other rows do: give all of it in every "
        "row, or in none"
    )


def _parts_given(value: object) -> float:
    parts = value if isinstance(value, tuple) else (value,)
    return sum(part is not msgspec.UNSET for part in parts) / len(parts)


def _input(spec: TensorSpec, values: list[Any]) -> Array:
    try:
        found = arranged(values, spec.datatype)
    except Mismatch as error:
        odd = _odd_row(spec, values)
        raise odd or InvalidInput(f"the rows of {spec.name!r}: it {error}") from error
    length = window_rows(spec)
    if length and isinstance(values[0], tuple):
        return windows(found.reshape(len(values), -1), length)
    if isinstance(values[0], list) and not _suits(found.shape[1:], spec.shape[1:]):
        raise _odd_row(spec, values) or InvalidInput(f"rows do not fit {spec.name!r}")
    return found if isinstance(values[0], list) else found.reshape(len(values), *spec.shape[1:])


def _odd_row(spec: TensorSpec, values: Sequence[Any]) -> InvalidInput | None:
    """The first row that does not have the shape of the model and of the first row."""
    shapes = [_shape(value) for value in values]
    for row, shape in enumerate(shapes):
        if shape is None or not _suits(shape, spec.shape[1:]) or shape != shapes[0]:
            has = "ragged lists" if shape is None else f"values of shape {list(shape)}"
            return InvalidInput(
                f"rows[{row}] holds {has} in column {spec.name!r}: it takes "
                f"{_told(spec.datatype, spec.shape[1:])}, alike in all rows"
            )
    return None


def _shape(value: object) -> tuple[int, ...] | None:
    """The shape of nested lists; None where they are ragged."""
    if not isinstance(value, list):
        return ()
    inner = {_shape(one) for one in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or () if inner else ()))


def _suits(shape: Sequence[int], stated: Sequence[int]) -> bool:
    return len(shape) == len(stated) and all(
        wanted in (length, -1) for length, wanted in zip(shape, stated, strict=True)
    )


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type built at run time
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return _KINDS.get(type(value)) or f"the number {value!r}"
