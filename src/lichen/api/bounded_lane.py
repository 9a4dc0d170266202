"""What a connection to the data plane may not do, whichever lane its requests take.

uvicorn's protocol limits neither the head of a request nor the time that one may stand still, and
does not ask for a Host. Here all of that is refused or closed. Idle connections are closed by the
same sweep, so that no answer has to set a timer.
"""

from abc import abstractmethod
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lichen.api.exchange import FIELDS_TOO_LARGE, head_over_limit, head_refusal
from lichen.api.oip_http import HttpLimits


class BoundedProtocol(HttpToolsProtocol):
    """One connection, kept within `limits`; a subclass takes its requests."""

    limits: HttpLimits

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self.is_refused = False
        self.is_in_head = True  # a connection that says nothing is waited for no longer
        self.is_in_body = False
        self.head_bytes = 0
        self.body_bytes = 0
        self.waits_since = 0.0
        self._size_then = 0

    @abstractmethod
    def take_head(self) -> None:
        """The head is whole and within the limits."""

    @abstractmethod
    def answer_refusal(self, status: int, says: str) -> None:
        """Say why nothing more is read here, and close."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head that does not end within the limit is refused."""
        if self.is_refused:
            return
        was_in_head = self.is_in_head
        super().data_received(data)
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

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are passed over, which nobody reads and nothing limits."""
        if self.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse the head, or let the request be taken."""
        self.is_in_head = False
        self.is_in_body = True
        self.waits_since = 0.0
        if self.is_refused:
            return
        version = self.parser.get_http_version()
        refused = head_refusal(self.url, self.headers, version, self.limits)
        if refused is None:
            self.take_head()
        else:
            self.refuse(*refused)

    def on_response_complete(self) -> None:
        """Go on with the next request of the connection; `close_if_stuck` looks after idle ones."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the protocol's own form, what is no HTTP."""
        self.refuse(400, msg)

    def refuse(self, status: int, says: str) -> None:
        """Answer before the request is whole, and close; behind an open answer, only close."""
        self.is_refused = True
        if self.is_free() and not self.transport.is_closing():
            self.answer_refusal(status, says)
        else:
            self.transport.close()

    def is_free(self) -> bool:
        """Is every request that came answered, and can another answer be written?"""
        cycle: Any = self.cycle
        return (cycle is None or cycle.response_complete) and not self.flow.write_paused

    def close_if_stuck(self, now: float) -> None:
        """Close a connection that has stood still, or idle, for too long; called now and then."""
        size = self.body_bytes
        is_held = self.flow.read_paused  # then it is we who are slow
        is_stuck = self.is_in_head or (self.is_in_body and size == self._size_then and not is_held)
        is_idle = not (self.is_in_head or self.is_in_body) and self.is_free()
        self._size_then = size
        if not (is_stuck or is_idle):
            self.waits_since = 0.0
        elif self.waits_since == 0.0:
            self.waits_since = now
        elif now - self.waits_since > (
            self.limits.stuck_seconds if is_stuck else self.limits.idle_seconds
        ):
            self.transport.close()
