"""The fast lane: answers inference inside uvicorn's protocol, without an ASGI task.

A request takes it when it is a plain `POST .../infer` or `POST /predict/...`, and its connection is
not busy with another; everything else goes the ordinary way, in order. A head that was parsed
before is not parsed again.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lichen.api.bounded_lane import BoundedProtocol
from lichen.api.callers import LANE_PATH, PLAIN_START, Callers
from lichen.api.exchange import JSON_TYPE, Exchange, answer_bytes, error_answer, is_plain
from lichen.api.heads import Head, Heads
from lichen.api.limits import limit_lines
from lichen.api.oip_http import LEAVE, Door, too_large
from lichen.api.plain_forms import PlainForms
from lichen.core.errors import LichenError
from lichen.protocol.oip import error_body
from lichen.protocol.plain import PlainForm
from lichen.serving.ticket import Outcome, Query

_NO_SCOPE: Mapping[str, Any] = MappingProxyType({})
_log = logging.getLogger(__name__)


class InferProtocol(BoundedProtocol):
    """One connection. The class attributes are set by `protocol_for`."""

    door: Door
    callers: Callers
    heads: Heads
    plain_forms: PlainForms

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._exchange = Exchange()
        self._is_receiving = False
        self._missing = 0
        self._first = b""
        self._fed = 0

    def data_received(self, data: bytes) -> None:
        """Take a message whose head is known; parse any other."""
        if self.held:
            self.held += data
            return
        if self._missing:
            self._take_body(data)
            return
        if self._is_at_start():
            familiar = self.heads.find(data)
            if familiar is not None:
                self._take_familiar(*familiar)
                return
            self._first, self._fed = data, 0
        self._fed += len(data)
        super().data_received(data)

    def _take_familiar(self, head: Head, body: bytes) -> None:
        self.is_in_head = False
        self.waits_since = 0.0
        self.body_bytes = 0
        self._first = b""
        self._begin(head)
        self._missing = head.body_bytes
        self._take_body(body)

    def _take_body(self, data: bytes) -> None:
        """More of a message whose head is known; what follows it is parsed."""
        part = data[: self._missing]
        self._missing -= len(part)
        self.body_bytes += len(part)
        self.is_in_body = self._missing > 0
        self._exchange.parts.append(part)
        if not self._missing:
            self._finish()
            if len(data) > len(part):
                super().data_received(data[len(part) :])

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._is_receiving = False

    def take_head(self) -> None:
        """Choose the lane."""
        headers = dict(reversed(self.headers))  # the first of a name counts
        if not (self._is_for_this_lane() and is_plain(headers)):
            self._take_ordinary_lane()
            return
        self._is_receiving = True
        self._begin(
            Head(
                self.url,
                headers.get(b"authorization"),
                headers.get(b"inference-header-content-length"),
                headers.get(b"accept-encoding"),
                self.parser.should_keep_alive(),
            )
        )

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, as long as it is within the limit."""
        self.body_bytes += len(body)
        if self.is_refused:
            return
        if not self._is_receiving:
            super().on_body(body)
            return
        if self.body_bytes > self.limits.body:
            self._exchange.keep_alive = False
            self._is_receiving = False
            self.is_refused = True
            self._answer_error(too_large(self.limits.body))
        elif self._exchange.error is None:
            self._exchange.parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: ask the plane."""
        self.is_in_body = False
        if self.is_refused or self.is_declining:
            return
        if not self._is_receiving:
            super().on_message_complete()
            return
        self._is_receiving = False
        if self._first:
            self.heads.learn(self._first, self._exchange.head, self.body_bytes, self._fed)
            self._first = b""
        self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: work that has not started is dropped."""
        if not self._exchange.response_complete:
            self._exchange.disconnected = True
            if self._exchange.ticket is not None:
                self._exchange.ticket.abandoned = True
        leave = getattr(self.cycle, "scope", _NO_SCOPE).get(LEAVE)
        if leave is not None:  # a request of the ordinary lane has not been answered
            leave()
        super().connection_lost(exc)

    def answer_refusal(self, status: int, says: str) -> None:
        """Say why nothing more is read here, and close."""
        self._exchange.begin(Head(b"", None, None, None, keep_alive=False))
        self.cycle = self._exchange  # type: ignore[assignment]
        self._write(status, JSON_TYPE, error_body(says))

    def take_back(self) -> bool:
        """Let nobody else answer the request that is being read; False when it is too late."""
        if self._is_receiving or self._missing:
            self._is_receiving, self._missing = False, 0
            return True
        cycle: Any = self.cycle
        if isinstance(cycle, Exchange) or cycle.response_started:
            return False
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        return True

    def _begin(self, head: Head) -> None:
        exchange = self._exchange
        exchange.begin(head)
        self.cycle = exchange  # type: ignore[assignment]
        try:
            exchange.caller = self.callers.admit(head.url, head.authorization, self.loop.time())
        except LichenError as error:
            exchange.error = error

    def _finish(self) -> None:
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
        name, version, tenant, _ = exchange.caller
        is_in_plain_json = exchange.head.url.startswith(PLAIN_START)
        form = self.plain_forms.of(name) if is_in_plain_json else None
        try:
            query = self._query() if form is None else self._plain_query(form)
        except LichenError as error:
            self.door.plane.note_refusal(name, version, tenant, error)
            raise
        exchange.ticket = self.door.plane.infer(query, self._reply)

    def _query(self) -> Query:
        name, version, tenant, caller = self._exchange.caller
        decoded = self._exchange.decoded()
        if decoded.classes is not None:
            self._exchange.rankings = self.door.rankings(name, version, decoded.classes)
        return Query(
            name, decoded.tensors, version, decoded.outputs, tenant, caller, decoded.demands
        )

    def _plain_query(self, form: PlainForm) -> Query:
        name, _, tenant, caller = self._exchange.caller
        asked = self._exchange.decoded_plainly(form)
        return Query(name, asked.tensors, tenant=tenant, caller=caller, demands=asked.demands)

    def _reply(self, outcome: Outcome) -> None:
        if isinstance(outcome, LichenError):
            self._answer_error(outcome)
            return
        charge = outcome.charge
        receipt = b"" if charge is None else b"Lichen-Receipt: %b\r\n" % charge.header
        if outcome.allotment is not None:
            receipt += limit_lines(outcome.allotment.limits())
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
            self.end()
        self.on_response_complete()

    def _is_at_start(self) -> bool:
        """Does a message begin here, with all before it answered?"""
        is_between = not self.is_in_body and not (self.is_in_head and self.head_bytes)
        return is_between and not self.is_refused and self.is_free()

    def _is_for_this_lane(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and not self.parser.should_upgrade()
            and self.is_free()
            and LANE_PATH.fullmatch(self.url) is not None
        )

    def _take_ordinary_lane(self) -> None:
        """Begin again as uvicorn does, with what was parsed."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super(BoundedProtocol, self).on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        super(BoundedProtocol, self).on_headers_complete()


def protocol_for(a_door: Door) -> type[InferProtocol]:
    """The protocol class that answers at this door."""

    class BoundProtocol(InferProtocol):
        door = a_door
        limits = a_door.limits
        callers = Callers(a_door)
        heads = Heads()
        plain_forms = PlainForms(a_door.plane)

    return BoundProtocol
