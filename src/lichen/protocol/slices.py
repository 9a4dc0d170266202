"""Long JSON bodies, read a slice at a time: no single call holds the interpreter for long.

A parser in C keeps the interpreter's lock until it is done, 0.4 s for 58 MB of numbers, and a
thread of its own does not help against that. So the long lists of numbers are cut out of the body,
what is left, its frame, is read as ever, and the lists are read in slices of a millisecond. The
parser's buffers are used again and stay in the processor's cache: it is faster, too.
"""

from collections.abc import Iterator, Sequence
from math import prod

import msgspec
import numpy as np
import simdjson

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Datatype
from lichen.protocol.codec import Decoded, asked_of, tensor_of
from lichen.protocol.numbers import Mismatch, read_buffer, read_values
from lichen.protocol.oip import InferRequest, InputTensor, read_request

FRAME_BYTES = 2 * 2**20
"""The longest JSON that is read in one call: about 20 ms, for texts."""
_SLICE_BYTES = 256 * 2**10
_LIST_BYTES = 64 * 2**10
"""Lists shorter than this stay in the frame."""
_MOST_BRACKETS = 20_000
_VALUE = b"0123456789+-.eEtruefalsn"
"""What numbers, truth values and null are written with."""
_BLANK = b" \t\r\n"
_MARKS = bytes.maketrans(_VALUE, b"0" * len(_VALUE))
_NO_BRACKETS = bytes.maketrans(b"[]", b"  ")
_Span = tuple[int, int]


def decode_sliced(body: bytes) -> Decoded:
    """What `decode` makes of the same body, in short steps.

    Raises:
        InvalidInput: it cannot be read; the message names the input and what to do.
        TooLarge: what it holds beside lists of numbers is over `FRAME_BYTES`.
    """
    spans = _long_lists(body)
    frame, standing = _frame(body, spans)
    if len(frame) > FRAME_BYTES:
        raise frame_too_large("texts and what is no list of numbers")
    request = read_request(frame)
    tensors = {given.name: _tensor(given, body, standing) for given in request.inputs}
    _check_all_used(request, standing)
    return asked_of(request, tensors)


def frame_too_large(what: str) -> TooLarge:
    """The refusal of JSON that would have to be read in one long call."""
    return TooLarge(
        f"{what} are over the limit of {FRAME_BYTES} bytes in JSON: send them as binary tensors, "
        "or fewer rows a request"
    )


def _long_lists(body: bytes) -> list[_Span]:
    """Where lists stand that hold no text and no object over many bytes."""
    spans: list[_Span] = []
    position = 0
    for _ in range(_MOST_BRACKETS):
        start = body.find(b"[", position)
        if start < 0:
            break
        end = body.rfind(b"]", start, _end_of_numbers(body, start)) + 1
        if end - start >= _LIST_BYTES:
            spans.append((start, end))
            position = end
        else:
            position = start + 1
    return spans


def _end_of_numbers(body: bytes, start: int) -> int:
    """Where the first quote or brace stands from `start` on."""
    for position in range(start, len(body), _LIST_BYTES):
        until = position + _LIST_BYTES
        found = [body.find(mark, position, until) for mark in (b'"', b"{", b"}")]
        ends = [end for end in found if end >= 0]
        if ends:
            return min(ends)
    return len(body)


def _frame(body: bytes, spans: Sequence[_Span]) -> tuple[bytes, dict[bytes, _Span]]:
    """The body with a stand-in for each long list, and which list each stands for."""
    parts: list[bytes] = []
    standing: dict[bytes, _Span] = {}
    position = 0
    for number, span in enumerate(spans):
        stand_in = b'["\\u0000%d"]' % number
        standing[stand_in] = span
        parts += (body[position : span[0]], stand_in)
        position = span[1]
    return b"".join([*parts, body[position:]]), standing


def _tensor(given: InputTensor, body: bytes, standing: dict[bytes, _Span]) -> Array:
    span = standing.get(bytes(given.data))
    if span is None:
        return tensor_of(given)
    try:
        return _read(body, span, given.datatype, given.shape)
    except Mismatch as error:
        raise InvalidInput(f"input {given.name!r} {error}") from error


def _check_all_used(request: InferRequest, standing: dict[bytes, _Span]) -> None:
    used = [data for given in request.inputs if (data := bytes(given.data)) in standing]
    if len(used) != len(standing) or len(set(used)) != len(used):
        raise InvalidInput("the request holds a long list that is no input's data: leave it out")


def _read(body: bytes, span: _Span, datatype: Datatype, shape: Sequence[int]) -> Array:
    """The values of one long list, flat or nested as the shape says.

    Raises:
        Mismatch: they do not fit.
    """
    start, end = span
    _check_count(body, span, shape)
    is_nested = b"[" in body[start + 1 : start + _LIST_BYTES].lstrip(_BLANK)[:1]
    structure = _structure(shape) if is_nested and len(shape) > 1 else None
    dtype = NUMPY_OF_DATATYPE.get(datatype)
    if dtype is None:
        raise Mismatch("is BF16, which has no JSON form: send FP32")
    found = np.empty(prod(shape), dtype=dtype)
    reader = _Reader(datatype, structure)
    filled = 0
    for piece in _pieces(body, start + 1, end - 1):
        values = reader.read(piece, filled)
        found[filled : filled + len(values)] = values
        filled += len(values)
    reader.finish()
    return found.reshape(shape)


def _check_count(body: bytes, span: _Span, shape: Sequence[int]) -> None:
    if any(length < 0 for length in shape):
        raise Mismatch(f"has shape {list(shape)}: lengths must not be negative")
    start, end = span
    held = 1 + sum(
        body.count(b",", position, min(position + 4 * _SLICE_BYTES, end))
        for position in range(start, end, 4 * _SLICE_BYTES)
    )
    if held != prod(shape):
        raise Mismatch(
            f"states shape {list(shape)}, which is {prod(shape)} values, and holds {held}"
        )


def _pieces(body: bytes, start: int, end: int) -> Iterator[bytes]:
    """The text between two commas, in pieces of about a slice; the commas between them fall out."""
    while end - start > _SLICE_BYTES:
        cut = body.rfind(b",", start, start + _SLICE_BYTES)
        if cut < 0:
            raise Mismatch("holds something that is no list of numbers")
        yield body[start:cut]
        start = cut + 1
    yield body[start:end]


def _structure(shape: Sequence[int]) -> bytes:
    """The brackets and commas of a nested list of this shape, without the outermost brackets."""
    inner = b"," * (shape[-1] - 1)
    for length in shape[-2::-1]:
        inner = b",".join([b"[%b]" % inner] * length)
    return inner


class _Reader:
    """Reads the pieces of one list, in order; a parser's buffers serve all of them."""

    def __init__(self, datatype: Datatype, structure: bytes | None) -> None:
        self._datatype = datatype
        self._structure = structure
        self._passed = 0
        self._parser = simdjson.Parser()

    def read(self, piece: bytes, already: int) -> Array:
        """The values of the next piece, which comes behind so many others.

        Raises:
            Mismatch: they do not fit, or are not nested as they should be.
        """
        count = piece.count(b",") + 1
        flat = piece if self._structure is None else self._flat(piece)
        if b"[" in flat:
            raise Mismatch("is nested otherwise than its shape says")
        text = b"[%b]" % flat
        try:
            found = read_buffer(self._parser.parse(text), self._datatype, [count])
        except (ValueError, RuntimeError):
            found = None
        if found is not None:
            return found[0]
        try:
            return read_values(msgspec.Raw(text), self._datatype, [count])
        except Mismatch as error:
            raise Mismatch(f"{error} (counted from its value {already} on)") from error
        except msgspec.DecodeError as error:
            raise Mismatch(f"is no JSON from its value {already} on: {error}") from error

    def finish(self) -> None:
        """The last piece was read: did the brackets end where they should?"""
        if self._structure is not None and self._passed != len(self._structure) + 1:
            raise Mismatch("is nested otherwise than its shape says")

    def _flat(self, piece: bytes) -> bytes:
        """The piece without brackets, once they stand where they should."""
        marks = piece.translate(_MARKS, _BLANK)
        bare = marks.translate(None, b"0")
        structure = self._structure or b""
        if b"]0" in marks or b"0[" in marks or not structure.startswith(bare, self._passed):
            raise Mismatch("is nested otherwise than its shape says")
        self._passed += len(bare) + 1  # and the comma that fell out
        if not structure.startswith(b",", self._passed - 1) and self._passed <= len(structure):
            raise Mismatch("is nested otherwise than its shape says")
        return piece.translate(_NO_BRACKETS)
