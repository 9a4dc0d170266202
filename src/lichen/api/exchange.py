"""One request in the hands of the fast lane: its state, its refusal, the bytes of its answer."""

from collections.abc import Iterable, Mapping

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from lichen.api.callers import Caller
from lichen.api.codings import coding_for, compressed
from lichen.api.forms import formed, read, with_classes
from lichen.api.heads import Head
from lichen.api.limits import limit_lines, limits_of
from lichen.api.long_bodies import LONG_BYTES
from lichen.api.statuses import http_status, retry_after_seconds, sentence
from lichen.core.errors import LichenError
from lichen.core.ids import DEFAULT_TENANT
from lichen.protocol.binary import HEADER_LENGTH, is_raw
from lichen.protocol.classification import Ranking
from lichen.protocol.codec import Decoded, encode
from lichen.protocol.oip import BinaryOutputs, error_body
from lichen.protocol.plain import PlainForm, PlainQuery
from lichen.serving.ticket import Answer, Ticket

Headers = Iterable[tuple[bytes, bytes]]
Named = Mapping[bytes, bytes]
JSON_TYPE = b"content-type: application/json\r\n"
BINARY_TYPE = b"content-type: application/octet-stream\r\n"
_ORDINARY = frozenset({b"expect", b"content-encoding", b"transfer-encoding"})
"""Headers that the ordinary lane knows what to do with."""
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()
_NO_HEAD = Head(b"", None, None, None, keep_alive=True)
_NOBODY = Caller("", None, DEFAULT_TENANT, "")


class _NoEvent:
    """Nobody waits for this."""

    def set(self) -> None:
        """Nobody is woken."""


class Exchange:
    """The request that the fast lane has in hand. Stands where uvicorn keeps its own cycle."""

    __slots__ = (
        "binary",
        "body",
        "caller",
        "disconnected",
        "error",
        "head",
        "is_bare",
        "keep_alive",
        "message_event",
        "more_body",
        "parts",
        "plain",
        "rankings",
        "request_id",
        "response_complete",
        "ticket",
    )

    def __init__(self) -> None:
        self.response_complete = True
        self.keep_alive = True
        self.disconnected = False
        self.more_body = True
        self.body = bytearray()
        self.message_event = _NoEvent()
        self.parts: list[bytes] = []
        self.head = _NO_HEAD
        self.caller: Caller = _NOBODY
        self.error: LichenError | None = None
        self.request_id: str | None = None
        self.ticket: Ticket | None = None
        self.binary: BinaryOutputs | None = None
        self.rankings: Mapping[str, Ranking] | None = None
        self.plain: PlainForm | None = None
        self.is_bare = False

    def begin(self, head: Head) -> None:
        """Take the next request of the connection."""
        self.head = head
        self.response_complete = False
        self.keep_alive = head.keep_alive
        self.parts = []
        self.caller = _NOBODY
        self.error = self.request_id = self.ticket = self.binary = self.rankings = None
        self.plain = None

    def decoded(self) -> Decoded:
        """The request, once its body is whole.

        Raises:
            InvalidInput: it cannot be read.
        """
        length = self.head.header_length
        decoded = read(self._whole(), None if length is None else length.decode("latin-1"))
        self.request_id = decoded.id
        self.binary = decoded.binary
        return decoded

    def decoded_plainly(self, form: PlainForm) -> PlainQuery:
        """The request in plain JSON, once its body is whole.

        Raises:
            InvalidInput: it cannot be read, or does not fit the model.
        """
        asked = form.read(self._whole())
        self.plain, self.is_bare = form, asked.is_bare
        return asked

    def _whole(self) -> bytes:
        parts, self.parts = self.parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def encoded(self, answer: Answer) -> tuple[bytes, bytes]:
        """Headers and body of an answer, in the form and the coding that were asked for.

        Raises:
            WorkFailed: an output holds what JSON has no word for.
        """
        accepts = self.head.accepts
        if self.plain is not None:
            return _coded(self.plain.write(answer.outputs, is_bare=self.is_bare), accepts)
        if self.rankings is not None:
            answer = with_classes(answer, self.rankings)
        if self.binary is None and accepts is None:
            return JSON_TYPE, encode(answer.head, answer.outputs, self.request_id)
        accepted = None if accepts is None else accepts.decode("latin-1")
        body, length, coding = formed(answer, self.request_id, self.binary, accepted)
        headers = JSON_TYPE
        if length is not None:
            headers = b"%b%b: %d\r\n" % (BINARY_TYPE, _HEADER_LENGTH, length)
        if coding is not None:
            headers += b"content-encoding: %b\r\n" % coding.encode()
        return headers, body


def _coded(body: bytes, accepts: bytes | None) -> tuple[bytes, bytes]:
    """Headers and body, in a coding among those accepted where that is worth it."""
    coding = None if accepts is None else coding_for(accepts.decode("latin-1"), len(body))
    if coding is None:
        return JSON_TYPE, body
    return JSON_TYPE + b"content-encoding: %b\r\n" % coding.encode(), compressed(body, coding)


def is_plain(headers: Named) -> bool:
    """Is there nothing that only the ordinary lane knows?"""
    return (
        _ORDINARY.isdisjoint(headers)
        and not is_raw(headers.get(b"inference-header-content-length"))
        and int(headers.get(b"content-length", b"0")) < LONG_BYTES
    )


def error_answer(error: BaseException) -> tuple[int, bytes, bytes]:
    """Status, headers of its own, and body of the answer that an error becomes."""
    status = http_status(error)
    headers = JSON_TYPE
    if status == 401:
        headers += b"www-authenticate: Bearer\r\n"
    retry_after_s = retry_after_seconds(error)
    if retry_after_s is not None:
        headers += b"retry-after: %d\r\n" % retry_after_s
    limits = limits_of(error)
    if limits is not None:
        headers += limit_lines(limits)
    return status, headers, error_body(sentence(error))


def answer_bytes(
    status: int, default_headers: Headers, headers: bytes, body: bytes, *, keep_alive: bool
) -> bytes:
    """A whole answer, to be written at once."""
    parts = [STATUS_LINE[status]]
    for name, value in default_headers:
        parts += (name, b": ", value, b"\r\n")
    if not keep_alive:
        parts.append(b"connection: close\r\n")
    parts.append(b"%bcontent-length: %d\r\n\r\n%b" % (headers, len(body), body))
    return b"".join(parts)
