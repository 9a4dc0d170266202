"""Ask a deployment why it answers as it does: rows in, contributions and a receipt out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.figures import Receipt
from lichen.protocol.explaining import ExplainOptions, Explanation
from lichen.protocol.footprint import RECEIPT_HEADER, parse_receipt

AS_USUAL = ExplainOptions()


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found, and what finding it cost.

    Attributes:
        explanation: a row for each that was sent.
        receipt: None where the platform could not meter it.
    """

    explanation: Explanation
    receipt: Receipt | None


def explain(
    transport: Transport,
    deployment: str,
    rows: object,
    options: ExplainOptions = AS_USUAL,
    background: object = None,
) -> Explained:
    """See `Lichen.explain`."""
    body: dict[str, object] = {_form(rows): rows, "explain": options}
    if background is not None:
        body["background"] = background
    try:
        content = msgspec.json.encode(body, enc_hook=_listed)
    except (TypeError, NotImplementedError) as error:
        raise InvalidInput(f"the rows cannot be sent: {error}; give lists or mappings") from error
    path = f"/explain/{quote(deployment, safe='@')}"
    answer = transport.send("POST", path, content, {"content-type": "application/json"})
    try:
        found = msgspec.json.decode(answer.content, type=Explanation)
    except msgspec.MsgspecError as error:
        raise WorkFailed(f"{answer.url} answers no explanation: {error}") from error
    said = answer.headers.get(RECEIPT_HEADER)
    return Explained(found, parse_receipt(said) if said else None)


def _form(rows: object) -> str:
    """Rows are mappings of columns; anything else is the values of the only input."""
    is_listed = isinstance(rows, Sequence) and not isinstance(rows, str | bytes)
    return "rows" if is_listed and len(rows) and isinstance(rows[0], Mapping) else "x"  # type: ignore[arg-type, index]


def _listed(value: object) -> object:
    """Arrays of any library as lists."""
    tolist = getattr(value, "tolist", None)
    if tolist is None:
        raise NotImplementedError(f"{type(value).__name__} has no form in JSON")
    return tolist()
