"""Heads of requests that were parsed before: a client sends the same one time after time.

What a parser makes of a message depends on its bytes alone. Once a head was parsed and taken by the
fast lane, and its message found to be that head and the bytes of its body, nothing between them
nor behind, the same bytes at the start of a message mean the same again.
"""

from msgspec import Struct

MOST_HEADS = 1024
LONGEST_HEAD_BYTES = 2048
_END = b"\r\n\r\n"


class Head(Struct, gc=False):
    """What the fast lane needs to know of a head; `body_bytes` is its Content-Length."""

    url: bytes
    authorization: bytes | None
    header_length: bytes | None
    accepts: bytes | None
    keep_alive: bool
    body_bytes: int = 0


class Heads:
    """The heads seen lately, by all connections of the process; for the event loop's thread."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head of a message that begins with these bytes, and what follows; None if unknown."""
        end = data.find(_END, 0, LONGEST_HEAD_BYTES) + len(_END)
        head = self._known.get(data[:end])
        return None if head is None else (head, data[end:])

    def learn(self, first: bytes, head: Head, body_bytes: int, received_bytes: int) -> None:
        """Remember the head of a message that is plainly a head and so many bytes of body.

        Args:
            first: what was received first, from the start of the message.
            head: what the parser found in it.
            body_bytes: how many bytes of body the parser gave out before the message was complete.
            received_bytes: how many bytes were received, from the start of the message to its end
                or beyond: other framings have more bytes than those of head and body.
        """
        end = first.find(_END, 0, LONGEST_HEAD_BYTES) + len(_END)
        if end < len(_END) or body_bytes == 0 or end + body_bytes != received_bytes:
            return
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        head.body_bytes = body_bytes
        self._known[first[:end]] = head
