"""How the body of `POST /explain/{deployment}` becomes rows, usual rows and options."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.protocol.demands import Demands
from lichen.protocol.explaining import ExplainOptions
from lichen.protocol.plain import PlainForm, PlainRequest

_NONE = msgspec.Raw()


class ExplainRequest(PlainRequest, forbid_unknown_fields=True, kw_only=True):
    """The body: `rows` or `x` as of `/predict/`, and how the explanation is wanted.

    Attributes:
        background: usual rows, in the form of `rows` or of `x`.
        explain: options.
    """

    background: msgspec.Raw = _NONE
    explain: ExplainOptions = ExplainOptions()


class ExplainQuery(NamedTuple):
    """What a request asks; `background` is None where it brings none."""

    tensors: dict[str, Array]
    background: Mapping[str, Array] | None
    options: ExplainOptions
    demands: Demands


_read = msgspec.json.Decoder(ExplainRequest).decode


def read_explain(body: bytes, form: PlainForm) -> ExplainQuery:
    """What a body asks of the model of a form.

    Raises:
        InvalidInput: it cannot be read, or does not fit the model; the message says where.
    """
    try:
        asked = _read(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f'the body is no request to explain: {error}; send {{"rows": [...]}} or {{"x": ...}}, '
            'and perhaps "background" and "explain"'
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the request body is not JSON: {error}") from error
    query = form.query(PlainRequest(asked.x, asked.rows, asked.parameters))
    return ExplainQuery(query.tensors, _background(asked, form), asked.explain, query.demands)


def _background(asked: ExplainRequest, form: PlainForm) -> Mapping[str, Array] | None:
    if not memoryview(asked.background):
        return None
    start = bytes(memoryview(asked.background)[:64]).split()
    is_rows = b"".join(start).startswith(b"[{")
    usual = PlainRequest(rows=asked.background) if is_rows else PlainRequest(x=asked.background)
    try:
        return form.query(usual).tensors
    except InvalidInput as error:
        raise InvalidInput(f"background: {error}") from error
