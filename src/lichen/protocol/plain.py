"""Plain JSON for predictions: `{"x": ...}` or `{"rows": [...]}` in, `{"y_pred": ...}` out.

A number, or a list of numbers for an input of one column, or rows: what goes in says what comes
out. Rows give a list with an answer for each; one row given bare gives one answer, bare. Models
without rows, such as those with a state, take whole tensors by name: `{"x": {"state": [[...]]}}`.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import msgspec
import numpy as np
import simdjson

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.codec import LONG_BODY_BYTES, first_not_finite
from lichen.protocol.demands import Demands, demands_of
from lichen.protocol.numbers import Mismatch, arranged, decoder_of, element_type, read_buffer
from lichen.protocol.oip import Parameters
from lichen.protocol.records import RecordForm

_SPACES = b" \t\r\n"
_OPENING = b"[" + _SPACES
_json = msgspec.json.Encoder().encode


class PlainRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The body of `POST /predict/{deployment}`."""

    x: msgspec.Raw = msgspec.Raw()
    rows: msgspec.Raw = msgspec.Raw()
    parameters: Parameters | None = None


_read_tensors = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_request = msgspec.json.Decoder(PlainRequest).decode


class PlainQuery(NamedTuple):
    """What a plain request asks; `is_bare` when it has one row, given without a list around it."""

    tensors: dict[str, Array]
    demands: Demands
    is_bare: bool


class PlainForm:
    """How plain JSON becomes the inputs of one signature, and its outputs plain JSON."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._records: RecordForm | None = None
        self._with_rows = {spec.name for spec in signature.outputs if spec.shape[:1] == (-1,)}

    @property
    def takes_rows(self) -> bool:
        """Whether a request is rows; whole tensors otherwise."""
        return self._signature.takes_rows

    def read(self, body: bytes) -> PlainQuery:
        """The inputs in a body.

        Raises:
            InvalidInput: it cannot be read, or does not fit the model; the message says which row
                and which column, and what was expected.
        """
        try:
            return self.query(_read_request(body))
        except msgspec.ValidationError as error:
            raise InvalidInput(
                f'the body is no plain request: {error}; send {{"x": ...}} or {{"rows": [...]}}'
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"the request body is not JSON: {error}") from error

    def query(self, asked: PlainRequest) -> PlainQuery:
        """The inputs of a body that is parted already.

        Raises:
            InvalidInput: they do not fit the model.
        """
        demands = demands_of(asked.parameters)
        has_x, has_rows = bool(memoryview(asked.x)), bool(memoryview(asked.rows))
        if has_x == has_rows:
            raise InvalidInput('the body needs either "x" or "rows": send one of them')
        if has_rows:
            return PlainQuery(self._form_of_rows().read(asked.rows), demands, is_bare=False)
        if bytes(memoryview(asked.x)[:64]).lstrip(_SPACES).startswith(b"{"):
            return PlainQuery(self._by_name(asked.x), demands, is_bare=False)
        spec = self._only_input()
        values, is_bare = _x(asked.x, spec)
        return PlainQuery({spec.name: values}, demands, is_bare)

    def write(self, outputs: Mapping[str, Array], *, is_bare: bool) -> bytes:
        """The body of an answer: of one output its values, of several an object of them by name.

        Raises:
            WorkFailed: an output holds what JSON has no word for.
        """
        told = {}
        for name, values in outputs.items():
            plain = _listed(name, values[:, 0] if values.shape[1:] == (1,) else values)
            told[name] = plain[0] if is_bare and name in self._with_rows else plain
        return _json({"y_pred": told if len(told) > 1 else next(iter(told.values()), None)})

    def _form_of_rows(self) -> RecordForm:
        if self._records is None:
            self._records = RecordForm(self._signature)
        return self._records

    def _by_name(self, raw: msgspec.Raw) -> dict[str, Array]:
        """Whole tensors by their names, as a model without rows takes them."""
        known = {spec.name: spec for spec in self._signature.inputs}
        tensors = {}
        for name, values in _read_tensors(raw).items():
            spec = known.get(name)
            if spec is None:
                raise InvalidInput(f'"x" has {name!r}, and the model takes {", ".join(known)}')
            tensors[name] = _whole(values, spec)
        if not tensors:
            raise InvalidInput(f'"x" is an empty object: send {", ".join(known)} in it')
        return tensors

    def _only_input(self) -> TensorSpec:
        required = [spec for spec in self._signature.inputs if not spec.optional]
        if len(required) != 1:
            named = ", ".join(spec.name for spec in required)
            raise InvalidInput(
                f'"x" is for models with one input, and this one has {named}: send "rows", or "x" '
                "with an object of whole tensors by these names"
            )
        return required[0]


def _whole(raw: msgspec.Raw, spec: TensorSpec) -> Array:
    """A tensor with all its dimensions; a number alone where it has none."""
    start = bytes(memoryview(raw)[:64])
    depth = start[: len(start) - len(start.lstrip(_OPENING))].count(b"[")
    if depth != len(spec.shape):
        raise InvalidInput(
            f'"x" has {spec.name!r} nested {depth} deep, and it has the shape {list(spec.shape)}'
        )
    try:
        values = _nested(raw, spec, depth)
    except Mismatch as error:
        raise InvalidInput(f'"x" has {spec.name!r}, which {error}') from error
    return values if depth else values.reshape(())


def _x(raw: msgspec.Raw, spec: TensorSpec) -> tuple[Array, bool]:
    """The values of the only input, and whether they are one row given bare."""
    start = bytes(memoryview(raw)[:64])
    depth = start[: len(start) - len(start.lstrip(_OPENING))].count(b"[")
    try:
        values = _nested(raw, spec, depth)
    except Mismatch as error:
        raise InvalidInput(f'"x" {error}') from error
    if spec.shape[:1] != (-1,):
        return values if depth or spec.shape else values.reshape(()), False
    inner = spec.shape[1:]
    if inner in ((), (1,)) and depth <= 1:
        return values.reshape(-1, *inner), depth == 0
    if depth not in (len(inner), len(inner) + 1) or (depth and not len(values)):
        raise InvalidInput(f'"x" {_misfit(values, depth)}: {_takes(spec)}')
    is_bare = depth == len(inner)
    return values[np.newaxis] if is_bare else values, is_bare


def _nested(raw: msgspec.Raw, spec: TensorSpec, depth: int) -> Array:
    datatype = spec.datatype
    if depth == 0:
        return _scalar(raw, datatype)
    quick = _quick(raw, datatype, depth) if len(memoryview(raw)) >= LONG_BODY_BYTES else None
    if quick is not None:
        return quick
    try:
        listed = decoder_of(datatype, depth, may_lack=spec.missing).decode(raw)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$", "`x")
        raise Mismatch(f"holds a value that is no {datatype}: {said}") from error
    try:
        return arranged(listed, datatype)
    except Mismatch:
        lengths = [len(row) for row in listed] if depth > 1 else []
        odd = next((row for row, n in enumerate(lengths) if n != lengths[0]), None)
        if odd is None:
            raise
        raise Mismatch(
            f"is ragged: x[{odd}] has {lengths[odd]} values, and x[0] has {lengths[0]}"
        ) from None


def _scalar(raw: msgspec.Raw, datatype: Datatype) -> Array:
    try:
        value: Any = msgspec.json.decode(raw, type=element_type(datatype))
    except msgspec.ValidationError as error:
        raise Mismatch(f"is no {datatype}: {error}") from error
    return arranged([value], datatype)


def _quick(raw: msgspec.Raw, datatype: Datatype, depth: int) -> Array | None:
    """Long lists of numbers without a Python object for each; None where that does not apply."""
    content = bytes(raw)
    try:
        values: Any = simdjson.Parser().parse(content)
        shape, inner = [], values
        for _ in range(depth):
            shape.append(len(inner))
            inner = inner[0]
        read = read_buffer(values, datatype, shape)
    except (Mismatch, ValueError, TypeError, IndexError, RuntimeError):
        return None
    if read is None or content.count(b"[") != read[1] or prod(shape) != read[0].size:
        return None
    return read[0]


def _misfit(values: Array, depth: int) -> str:
    if depth and not len(values):
        return "is empty"
    return f"is nested {depth} deep" if depth else "is a single value"


def _takes(spec: TensorSpec) -> str:
    row = "a list of values" if len(spec.shape) == 2 else f"nested {len(spec.shape) - 1} deep"
    return f"send a row, which is {row} of shape {list(spec.shape[1:])}, or a list of rows"


def _listed(name: str, values: Array) -> list[Any]:
    if values.dtype.kind == "f":
        wrong = None if np.isfinite(values).all() else first_not_finite(values)
        if wrong is not None:
            raise WorkFailed(f"output {name!r} of the model {wrong}")
    if values.dtype.kind != "O":
        listed: list[Any] = values.tolist()
        return listed
    texts = np.empty(values.size, dtype=np.object_)
    try:
        texts[:] = [text if isinstance(text, str) else bytes(text).decode() for text in values.flat]
    except UnicodeDecodeError as error:
        raise WorkFailed(
            f"output {name!r} holds bytes that are no UTF-8 text: ask for it as binary data at "
            "/v2/models/.../infer"
        ) from error
    found: list[Any] = texts.reshape(values.shape).tolist()
    return found
