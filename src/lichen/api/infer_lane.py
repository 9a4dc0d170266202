"""The fast lane: answers `infer` inside uvicorn's protocol, without an ASGI task.

A request takes it when it is a plain `POST .../infer` and its connection is not busy with another;
everything else goes the ordinary way, in order. Both lanes refuse heads over the limit and
requests without exactly one Host, which uvicorn lets pass.
"""

import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lichen.api.callers import INFER_PATH, Callers
from lichen.api.exchange import (
    FIELDS_TOO_LARGE,
    JSON_TYPE,
    Exchange,
    Named,
    answer_bytes,
    error_answer,
    head_over_limit,
    head_refusal,
    is_plain,
)
from lichen.api.oip_http import Door, too_large
from lichen.core.errors import LichenError
from lichen.protocol.oip import error_body
from lichen.serving.ticket import Outcome, Query

_KEY = b"authorization"
_log = logging.getLogger(__name__)


class InferProtocol(HttpToolsProtocol):
    """One connection. `door` and `callers` are set by `protocol_for`."""

    door: Door
    callers: Callers

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._exchange = Exchange()
        self._is_receiving = False
        self._is_refused = False
        self._is_in_head = True  # a connection that says nothing is waited for no longer
        self._is_in_body = False
        self._head_bytes = 0
        self._body_bytes = 0
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
                self._refuse_head(FIELDS_TOO_LARGE, head_over_limit(self.door.limits))

    def on_message_begin(self) -> None:
        """A request starts; its ASGI scope is made only if the ordinary lane takes it."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._is_receiving = False
        self._is_in_head = True
        self._is_in_body = False
        self._head_bytes = 0
        self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are passed over, which nobody reads and nothing limits."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Choose the lane."""
        self._is_in_head = False
        self._is_in_body = True
        self._stuck_since = 0.0
        if self._is_refused:
            return
        version, limits = self.parser.get_http_version(), self.door.limits
        refused = head_refusal(self.url, self.headers, version, limits)
        if refused is not None:
            self._refuse_head(*refused)
            return
        headers = dict(reversed(self.headers))  # the first of a name counts
        if self._is_for_this_lane(headers):
            self._begin(headers)
        else:
            self._take_ordinary_lane()

    def _begin(self, headers: Named) -> None:
        exchange = self._exchange
        exchange.begin(headers, keep_alive=self.parser.should_keep_alive())
        self.cycle = exchange  # type: ignore[assignment]
        self._is_receiving = True
        try:
            exchange.caller = self.callers.admit(self.url, headers.get(_KEY), self.loop.time())
        except LichenError as error:
            exchange.error = error

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, as long as it is within the limit."""
        self._body_bytes += len(body)
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
        self._is_in_body = False
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
        name, version, tenant, caller = exchange.caller
        try:
            decoded = exchange.decoded()
        except LichenError as error:
            self.door.plane.note_refusal(name, version, tenant, error)
            raise
        query = Query(
            name, decoded.tensors, version, decoded.outputs, tenant, caller, decoded.demands
        )
        exchange.ticket = self.door.plane.infer(query, self._reply)

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the protocol's own form, what is no HTTP."""
        self._refuse_head(400, msg)

    def close_if_stuck(self, now: float) -> None:
        """Close a connection whose request has stood still for too long; called now and then."""
        size = self._body_bytes
        is_held = self.flow.read_paused  # then it is we who are slow
        waits = self._is_in_head or (self._is_in_body and size == self._size_then and not is_held)
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
            headers, body = self._exchange.encoded(outcome)
        except LichenError as error:
            self._answer_error(error, receipt)
        except Exception as error:  # noqa: BLE001 - the connection answers whatever happens
            _log.exception("an answer could not be written")
            self._answer_error(error, receipt)
        else:
            self._write(200, headers + receipt, body)

    def _answer_error(self, error: BaseException, receipt: bytes = b"") -> None:
        status, headers, body = error_answer(error)
        self._write(status, headers + receipt, body)

    def _write(self, status: int, headers: bytes, body: bytes) -> None:
        exchange = self._exchange
        if exchange.response_complete or exchange.disconnected:
            return
        keep_alive = exchange.keep_alive
        default = self.server_state.default_headers
        self.transport.write(answer_bytes(status, default, headers, body, keep_alive=keep_alive))
        exchange.response_complete = True
        exchange.ticket = None
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _is_free(self) -> bool:
        cycle: Any = self.cycle
        return (cycle is None or cycle.response_complete) and not self.flow.write_paused

    def _is_for_this_lane(self, headers: Named) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and not self.parser.should_upgrade()
            and is_plain(headers)
            and self._is_free()
            and INFER_PATH.fullmatch(self.url) is not None
        )

    def _take_ordinary_lane(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        super().on_headers_complete()

    def _refuse_head(self, status: int, says: str) -> None:
        """Answer before the request is whole, and close; behind an open answer, only close."""
        self._is_refused = True
        if self._is_free() and not self.transport.is_closing():
            self._exchange.begin({}, keep_alive=False)
            self._write(status, JSON_TYPE, error_body(says))
        else:
            self.transport.close()


def protocol_for(a_door: Door) -> type[InferProtocol]:
    """The protocol class that answers at this door."""

    class BoundProtocol(InferProtocol):
        door = a_door
        callers = Callers(a_door)

    return BoundProtocol
