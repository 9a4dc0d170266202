"""The fast lane: answers `infer` inside uvicorn's protocol, without an ASGI task.

A request takes it when it is a plain `POST .../infer` and its connection is not busy with another;
everything else goes the ordinary way, in order. Both lanes refuse heads over the limit and
requests without exactly one Host, which uvicorn lets pass.
"""

import logging
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lichen.api.oip_http import Door, too_large
from lichen.api.statuses import RETRY_AFTER_SECONDS, http_status, sentence
from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.protocol.codec import decode, encode
from lichen.protocol.oip import error_body
from lichen.serving.ticket import Outcome, Query, Ticket

_INFER = re.compile(
    rb"/v2/models/(?P<name>[A-Za-z0-9._@-]+)(?:/versions/(?P<version>[A-Za-z0-9._-]+))?/infer"
)
_ORDINARY = frozenset({b"expect", b"content-encoding", b"inference-header-content-length"})
"""Headers that the ordinary lane knows what to do with."""
_KEY = b"authorization"
_CALLER_SECONDS = 0.2
"""How long a caller's admission is remembered: as long as the store is not looked at."""
_MOST_CALLERS = 4096
_FIELDS_TOO_LARGE = 431

_log = logging.getLogger(__name__)
_CallerKey = tuple[bytes, bytes | None]
_Caller = tuple[str, str | None, TenantId]
_NOBODY: _Caller = ("", None, DEFAULT_TENANT)


class _NoEvent:
    """Nobody waits for this."""

    def set(self) -> None:
        """Nobody is woken."""


class _Exchange:
    """The request that the fast lane has in hand. Stands where uvicorn keeps its own cycle."""

    __slots__ = (
        "body",
        "caller",
        "disconnected",
        "error",
        "keep_alive",
        "message_event",
        "more_body",
        "parts",
        "request_id",
        "response_complete",
        "size",
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
        self.size = 0
        self.caller: _Caller = _NOBODY
        self.error: LichenError | None = None
        self.request_id: str | None = None
        self.ticket: Ticket | None = None

    def begin(self, *, keep_alive: bool) -> None:
        self.response_complete = False
        self.keep_alive = keep_alive
        self.parts = []
        self.size = 0
        self.caller = _NOBODY
        self.error = self.request_id = self.ticket = None


class Callers:
    """Who was let in lately, and for what; nothing is remembered over `_CALLER_SECONDS`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[_CallerKey, _Caller] = {}
        self._until = 0.0

    def admit(self, url: bytes, authorization: bytes | None, now: float) -> _Caller:
        """What the path asks for, and the tenant who pays.

        Raises:
            Unauthenticated, Forbidden, NotFound, Unavailable: see `Door.caller`.
        """
        if now > self._until or len(self._known) > _MOST_CALLERS:
            self._known.clear()
            self._until = now + _CALLER_SECONDS
        key = (url, authorization)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._look_up(url, authorization)
        return known

    def _look_up(self, url: bytes, authorization: bytes | None) -> _Caller:
        found = _INFER.fullmatch(url)
        if found is None:
            raise InvalidInput("the path names no model")
        version = found["version"]
        name, asked = found["name"].decode(), version.decode() if version else None
        said = None if authorization is None else authorization.decode("latin-1")
        return name, asked, self._door.caller(said, name, asked).tenant


class InferProtocol(HttpToolsProtocol):
    """One connection. `door` and `callers` are set by `protocol_for`."""

    door: Door
    callers: Callers

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._exchange = _Exchange()
        self._is_receiving = False
        self._is_refused = False
        self._is_in_head = True  # a connection that says nothing is waited for no longer
        self._head_bytes = 0
        self._stuck_since = 0.0
        self._size_then = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head that does not end within the limit is refused."""
        if self._is_refused:
            return
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.door.limits.head:
                self._refuse_head(_FIELDS_TOO_LARGE, self._head_over_limit())

    def on_message_begin(self) -> None:
        """A request starts; its ASGI scope is made only if the ordinary lane takes it."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._is_receiving = False
        self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Choose the lane."""
        self._is_in_head = False
        self._stuck_since = 0.0
        if self._is_refused or self._refuses_head():
            return
        if not (self._is_plain() and self._is_free() and _INFER.fullmatch(self.url)):
            self._take_ordinary_lane()
            return
        authorization = next((value for name, value in self.headers if name == _KEY), None)
        exchange = self._exchange
        exchange.begin(keep_alive=self.parser.should_keep_alive())
        self.cycle = exchange  # type: ignore[assignment]
        self._is_receiving = True
        try:
            exchange.caller = self.callers.admit(self.url, authorization, self.loop.time())
        except LichenError as error:
            exchange.error = error

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, as long as it is within the limit."""
        if self._is_refused:
            return
        if not self._is_receiving:
            super().on_body(body)
            return
        exchange = self._exchange
        exchange.size += len(body)
        if exchange.size > self.door.limits.body:
            exchange.keep_alive = False
            self._is_receiving = False
            self._is_refused = True
            self._answer_error(too_large(self.door.limits.body))
        elif exchange.error is None:
            exchange.parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: ask the plane."""
        if self._is_refused:
            return
        if not self._is_receiving:
            super().on_message_complete()
            return
        self._is_receiving = False
        try:
            self._ask()
        except LichenError as error:
            self._answer_error(error)
        except Exception as error:  # noqa: BLE001 - the connection answers whatever happens
            _log.exception("a request could not be read")
            self._answer_error(error)

    def _ask(self) -> None:
        exchange = self._exchange
        if exchange.error is not None:
            raise exchange.error
        parts, exchange.parts = exchange.parts, []
        decoded = decode(parts[0] if len(parts) == 1 else b"".join(parts))
        exchange.request_id = decoded.id
        name, version, tenant = exchange.caller
        query = Query(name, decoded.tensors, version, decoded.outputs, tenant)
        exchange.ticket = self.door.plane.infer(query, self._reply)

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the protocol's own form, what is no HTTP."""
        self._refuse_head(400, msg)

    def close_if_stuck(self, now: float) -> None:
        """Close a connection whose request has stood still for too long; called now and then."""
        size = self._exchange.size
        waits = self._is_in_head or (self._is_receiving and size == self._size_then)
        self._size_then = size
        if not waits:
            self._stuck_since = 0.0
        elif self._stuck_since == 0.0:
            self._stuck_since = now
        elif now - self._stuck_since > self.door.limits.stuck_seconds:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: work that has not started is dropped."""
        if not self._exchange.response_complete:
            self._exchange.disconnected = True
            if self._exchange.ticket is not None:
                self._exchange.ticket.abandoned = True
        super().connection_lost(exc)

    def _reply(self, outcome: Outcome) -> None:
        if isinstance(outcome, LichenError):
            self._answer_error(outcome)
            return
        charge = outcome.charge
        receipt = b"" if charge is None else b"Lichen-Receipt: %b\r\n" % charge.receipt.encode()
        try:
            body = encode(outcome.head, outcome.outputs, self._exchange.request_id)
        except LichenError as error:
            self._answer_error(error, receipt)
            return
        self._write(200, receipt, body)

    def _answer_error(self, error: BaseException, extra: bytes = b"") -> None:
        status = http_status(error)
        if status == 401:
            extra += b"www-authenticate: Bearer\r\n"
        if status in RETRY_AFTER_SECONDS:
            extra += b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS[status]
        self._write(status, extra, error_body(sentence(error)))

    def _write(self, status: int, extra: bytes, body: bytes) -> None:
        exchange = self._exchange
        if exchange.response_complete or exchange.disconnected:
            return
        head = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        if not exchange.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"content-type: application/json\r\n%b" % extra)
        head.append(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        self.transport.write(b"".join(head))
        exchange.response_complete = True
        exchange.ticket = None
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _is_free(self) -> bool:
        cycle: Any = self.cycle
        return (cycle is None or cycle.response_complete) and not self.flow.write_paused

    def _is_plain(self) -> bool:
        """Is this a POST without anything that only the ordinary lane knows?"""
        if self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            return False
        return not any([name in _ORDINARY for name, _ in self.headers])  # noqa: C419 - cheaper

    def _take_ordinary_lane(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        super().on_headers_complete()

    def _refuses_head(self) -> bool:
        """Refuse what no lane takes; True when it was refused."""
        size = len(self.url)
        hosts = 0
        length = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                length = int(value)
        limits = self.door.limits
        if size > limits.head:
            self._refuse_head(_FIELDS_TOO_LARGE, self._head_over_limit())
        elif hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            self._refuse_head(400, "the request needs exactly one Host header")
        elif length > limits.body:
            self._refuse_head(413, str(too_large(limits.body)))
        else:
            return False
        return True

    def _head_over_limit(self) -> str:
        return f"the request's head is over the limit of {self.door.limits.head} bytes"

    def _refuse_head(self, status: int, says: str) -> None:
        """Answer before the request is whole, and close; behind an open answer, only close."""
        self._is_refused = True
        if self._is_free() and not self.transport.is_closing():
            self._exchange.begin(keep_alive=False)
            self._write(status, b"", error_body(says))
        else:
            self.transport.close()


def protocol_for(a_door: Door) -> type[InferProtocol]:
    """The protocol class that answers at this door."""

    class BoundProtocol(InferProtocol):
        door = a_door
        callers = Callers(a_door)

    return BoundProtocol
