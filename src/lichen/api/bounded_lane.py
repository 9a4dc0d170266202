"""What a connection to the data plane may not do, whichever lane its requests take.

uvicorn's protocol limits neither the head of a request nor the time that one may stand still, and
does not ask for a Host. Here all of that is refused or closed. Idle connections are closed by the
same sweep, so that no answer has to set a timer.
"""

import asyncio
import sys
from abc import abstractmethod
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lichen.api.framing import FIELDS_TOO_LARGE, TIMED_OUT, head_over_limit, head_refusal
from lichen.api.oip_http import HttpLimits

MOST_PIPELINED = 64
FED_BYTES = 16 * 2**10
"""Requests of one connection that may wait for their turn, and how much of what came is parsed at a
time: what is beyond them waits unparsed, and no more is read."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 256 * 2**10
"""How long, and for how much more, a refused caller is read, so that it gets to read its refusal: a
close with bytes unread would tear the answer down."""
LEAST_BYTES_PER_SECOND = 1000
"""A body that comes more slowly than this, `stuck_seconds` aside, is not waited for."""
_OF_UPGRADES = (b"connection", b"upgrade", b"http2-settings")


class _Flow(FlowControl):
    """Whether this connection is read; uvicorn resumes that with every request that it takes up."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_held = False

    def hold(self) -> None:
        """Read no more until `let_go`."""
        self._is_held = True
        self.pause_reading()

    def let_go(self) -> None:
        """Read again when it is asked for."""
        self._is_held = False

    def resume_reading(self) -> None:
        """Read again, unless it is held."""
        if not self._is_held:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """One connection, kept within `limits`; a subclass takes its requests."""

    limits: HttpLimits
    flow: _Flow

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self.is_refused = False
        self.is_in_head = True  # a connection that says nothing is waited for no longer
        self.is_in_body = False
        self.head_bytes = 0
        self.body_bytes = 0
        self.waits_since = 0.0
        self._unread_then = 0
        self._discarded_bytes = 0
        self._running: Any = None
        self.held = b""
        self._refusal: tuple[int, str] | None = None
        self.is_declining = False
        self._upgrade_at = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is connected."""
        super().connection_made(transport)
        self.flow = _Flow(transport)

    @abstractmethod
    def take_head(self) -> None:
        """The head is whole and within the limits."""

    @abstractmethod
    def answer_refusal(self, status: int, says: str) -> None:
        """Say why nothing more is read here, and close."""

    @abstractmethod
    def take_back(self) -> bool:
        """Let nobody else answer the request that is being read; False when it is too late."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head that does not end within the limit is refused."""
        if len(data) <= FED_BYTES and len(self.pipeline) < MOST_PIPELINED:
            self._feed(data)
            return
        for start in range(0, len(data), FED_BYTES):
            if len(self.pipeline) >= MOST_PIPELINED:
                self.held = data[start:]
                self.flow.hold()
                return
            self._feed(data[start : start + FED_BYTES])

    def _feed(self, data: bytes) -> None:
        if self.is_refused:
            self._discard(len(data))
            return
        was_in_head = self.is_in_head
        super().data_received(data)
        if self.is_declining and not self.is_refused:
            self._decline_upgrade(data[self._upgrade_at :])
        if was_in_head and self.is_in_head:
            self.head_bytes += len(data)
            if self.head_bytes > self.limits.head:
                self.refuse(FIELDS_TOO_LARGE, head_over_limit(self.limits))

    def on_message_begin(self) -> None:
        """A request starts; its ASGI scope is made only if the ordinary lane takes it."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.is_in_head = True
        self.is_in_body = False
        self.head_bytes = 0
        self.body_bytes = 0
        self.waits_since = 0.0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are passed over, which nobody reads and nothing limits."""
        if self.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse the head, or let the request be taken."""
        self.is_in_head = False
        self.is_in_body = True
        self.waits_since = 0.0
        self.is_declining = self.parser.should_upgrade()
        if self.is_refused or self.is_declining:
            return
        version = self.parser.get_http_version()
        self.expect_100_continue &= version != "1.0"  # RFC 9110 10.1.1
        refused = head_refusal(self.url, self.headers, version, self.limits)
        if refused is None:
            self.take_head()
        else:
            self.refuse(*refused)

    def on_response_complete(self) -> None:
        """Go on with the next request of the connection; `close_if_stuck` looks after idle ones."""
        self.server_state.total_requests += 1
        self.waits_since = 0.0
        if self.transport.is_closing():
            return
        if self.held and len(self.pipeline) < MOST_PIPELINED // 2:
            self.loop.call_soon(self._go_on)
        self.flow.resume_reading()
        if self.is_refused and self._goes_on_with_refusal():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def _go_on(self) -> None:
        """Parse what was held, if there is room for it now."""
        held, self.held = self.held, b""
        if held and not self.transport.is_closing():
            self.flow.let_go()
            self.data_received(held)
            self.flow.resume_reading()  # unless more is held: there may be no answer to do it

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def eof_received(self) -> None:
        """The caller is gone, and the transport closes: nobody writes to it any more."""
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The same once it is closed: of pipelined requests uvicorn tells the newest alone."""
        self.eof_received()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the protocol's own form, what is no HTTP."""
        self.refuse(400, f"{msg.rstrip('.')}: send one as RFC 9112 has it")

    def refuse(self, status: int, says: str) -> None:
        """Answer before the request is whole, behind the answers that are open, and close."""
        if self.is_refused or self.transport.is_closing():
            return
        self.is_refused = True
        cycle: Any = self.cycle
        is_open = cycle is not None and not cycle.response_complete
        if not is_open or (self.is_in_body and not self.pipeline and self.take_back()):
            self.answer_refusal(status, says)
        elif self.is_in_body and not self.pipeline:
            cycle.keep_alive = False  # its answer has begun, and is all that it gets
        else:
            self._refusal = status, says

    def _goes_on_with_refusal(self) -> bool:
        """Is it the refused request's turn? One whose head was whole is the last in the queue."""
        if self._refusal is None or len(self.pipeline) > self.is_in_body:
            return False
        self.pipeline.clear()
        refusal, self._refusal = self._refusal, None
        self.answer_refusal(*refusal)
        return True

    def end(self) -> None:
        """Close behind an answer; on a caller that was refused, and may still send, a bit later."""
        self._refusal = None  # what stands behind the last answer is not looked at
        if self.is_refused and self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Note where the parser stopped, which took the rest for another protocol."""
        error = sys.exc_info()[1]
        self._upgrade_at = error.args[0] if error is not None else 0

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the request again as one that asks for no other protocol (RFC 9110 7.8)."""
        self.is_declining = False
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.refuse(400, "this server is no proxy: it takes no CONNECT")
            return
        head = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b" % one for one in self.headers if one[0] not in _OF_UPGRADES]
        keep_alive = self.parser.should_keep_alive()
        head.append(b"connection: %b" % (b"keep-alive" if keep_alive else b"close"))
        self.parser = httptools.HttpRequestParser(self)
        super().data_received(b"\r\n".join([*head, b"", rest]))

    def is_free(self) -> bool:
        """Is every request that came answered, and can another answer be written?"""
        cycle: Any = self.cycle
        return (cycle is None or cycle.response_complete) and not self.flow.write_paused

    def close_if_stuck(self, now: float) -> None:
        """Close a connection that has stood still, or idle, for too long; called now and then."""
        patience = self._patience_seconds()
        if patience is None:
            self.waits_since = 0.0
        elif self.waits_since == 0.0:
            self.waits_since = now
        elif now - self.waits_since > patience:
            self._give_up()

    def _patience_seconds(self) -> float | None:
        """How long the caller may go on like this; None when it is not the caller we wait for."""
        if self.flow.write_paused:
            unread, then = self.transport.get_write_buffer_size(), self._unread_then
            self._unread_then = unread
            return self.limits.stuck_seconds if unread == then else None
        if self.is_in_head:
            return self.limits.stuck_seconds
        if self.is_in_body:
            if self.flow.read_paused:
                return None
            return self.limits.stuck_seconds + self.body_bytes / LEAST_BYTES_PER_SECOND
        return self.limits.idle_seconds if self.is_free() else None

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():  # it would be waited for until it is read
            self.transport.abort()
        elif self.is_in_body or self.head_bytes:
            self.refuse(TIMED_OUT, "the request did not come in time: send it whole, and faster")
        else:
            self.transport.close()
