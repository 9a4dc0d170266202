"""How a script and its job talk: frames over one socket, a JSON head and raw bytes.

A frame is the length of its head (4 bytes), the length of its raw part (8 bytes), and the two. The
script asks, the job answers each question that wants an answer.
"""

import socket
import struct
from typing import Any

import msgspec

from lichen.core.errors import InvalidInput

LARGEST_HEAD = 1 << 20
"""Bytes."""
_SIZES = struct.Struct("<IQ")
_CHUNK = 1 << 20

Head = dict[str, Any]
"""A JSON object whose members both sides know."""


def send(line: socket.socket, head: Head, *raw: bytes) -> None:
    """Write one frame; its raw part may be in pieces.

    Raises:
        InvalidInput: its head is too large.
        OSError: the other side is gone.
    """
    said = msgspec.json.encode(head)
    if len(said) > LARGEST_HEAD:
        raise InvalidInput(f"{len(said)} bytes at once are too many, the limit is {LARGEST_HEAD}")
    line.sendall(_SIZES.pack(len(said), sum(map(len, raw))) + said)
    for piece in raw:
        line.sendall(piece)


def receive(line: socket.socket, most_bytes: int) -> tuple[Head, bytes] | None:
    """Read one frame; None when the other side is gone.

    Raises:
        ValueError: it is no frame, or its raw part is larger than `most_bytes`.
        OSError: the other side broke off, or was too slow for the socket's timeout.
    """
    sizes = _read(line, _SIZES.size)
    if sizes is None:
        return None
    of_head, of_raw = _SIZES.unpack(sizes)
    if of_head > LARGEST_HEAD or of_raw > most_bytes:
        raise ValueError(f"a frame of {of_head} + {of_raw} bytes is over the limit")
    said, raw = _read(line, of_head), _read(line, of_raw)
    if said is None or raw is None:
        return None
    return msgspec.json.decode(said, type=Head), raw


def _read(line: socket.socket, size: int) -> bytes | None:
    """So many bytes; room is made as they come, not as they are promised."""
    found = bytearray()
    while len(found) < size:
        part = line.recv(min(size - len(found), _CHUNK))
        if not part:
            return None
        found += part
    return bytes(found)
