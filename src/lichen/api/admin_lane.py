"""How the control plane reads HTTP: heads within a limit, and refusals as problem documents."""

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lichen.api.problems import MEDIA_TYPE, encoded
from lichen.core.errors import InvalidInput, TooLarge, error_name
from lichen.protocol.admin import Problem

HEAD_BYTES = 32 * 2**10
"""Largest head of one request, before or after its end."""
FIELDS_TOO_LARGE = 431
_PER_HEADER_BYTES = 4
"""The colon, the space and the end of a line."""


class AdminProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which alone would limit no head and refuse in plain text."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._is_in_head = True
        self._is_refused = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head that does not end within the limit is refused."""
        if self._is_refused:
            return
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse_large_head()

    def on_message_begin(self) -> None:
        """A request starts."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_head = False
        size = len(self.url) + sum(
            len(name) + len(value) + _PER_HEADER_BYTES for name, value in self.headers
        )
        if size > HEAD_BYTES:
            self._refuse_large_head()
        if not self._is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; nobody reads that of a request that was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._is_refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        says = "this is no HTTP request that can be read: send one as RFC 9112 has it"
        self._refuse(HTTPStatus.BAD_REQUEST, says, error_name(InvalidInput(msg)))

    def _refuse_large_head(self) -> None:
        says = f"the head of the request is over {HEAD_BYTES} bytes, the limit: send fewer headers"
        self._refuse(HTTPStatus(FIELDS_TOO_LARGE), says, error_name(TooLarge(says)))

    def _refuse(self, status: HTTPStatus, says: str, code: str) -> None:
        """Answer and close; behind an answer that is still open, only close."""
        if self._is_refused:
            return
        self._is_refused = True
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        if cycle is None or cycle.response_complete:
            problem = Problem(title=status.phrase, status=status.value, detail=says, code=code)
            body, _ = encoded(problem)
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()
