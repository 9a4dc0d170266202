"""Bodies too long for the event loop: read and written in one thread beside it, in short steps."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lichen.api.codings import inflate
from lichen.api.forms import Formed, read
from lichen.protocol.binary import parted_length
from lichen.protocol.codec import Decoded
from lichen.protocol.slices import FRAME_BYTES, decode_sliced, frame_too_large
from lichen.serving.ticket import Answer

LONG_BYTES = 512 * 2**10
"""From here on the thread is worth its hop: below, numbers take 2 ms and texts 8 on the loop."""
_LONG_CODED_BYTES = 64 * 2**10
"""A body in a coding unpacks to more than it has."""

T = TypeVar("T")
_thread = ThreadPoolExecutor(1, thread_name_prefix="long-bodies")
"""One for all: a second would hold up the loop as often again, and read nothing sooner."""


async def aside(work: Callable[[], T]) -> T:
    """What the work answers, done in the thread."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)


async def unpacked(parts: Sequence[bytes], coding: str | None, limit: int) -> bytes:
    """A body that came in parts, joined, without its coding.

    Raises:
        UnknownCoding, InvalidInput, TooLarge: see `inflate`.
    """

    def whole() -> bytes:
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return body if coding is None else inflate(body, coding, limit)

    size = sum(len(part) for part in parts)
    return (
        whole()
        if size < (LONG_BYTES if coding is None else _LONG_CODED_BYTES)
        else (await aside(whole))
    )


async def read_body(body: bytes, header_length: str | None) -> Decoded:
    """The request in a body of any length.

    Raises:
        InvalidInput: it cannot be read.
        TooLarge: it has more JSON than can be read in one step, and no numbers alone.
    """
    if len(body) < LONG_BYTES:
        return read(body, header_length)
    return await aside(lambda: _read_long(body, header_length))


async def written(answer: Answer, write: Callable[[], Formed]) -> Formed:
    """The body of an answer of any length."""
    size = sum(values.nbytes for values in answer.outputs.values())
    return write() if size < LONG_BYTES else await aside(write)


def _read_long(body: bytes, header_length: str | None) -> Decoded:
    if header_length is None:
        return decode_sliced(body) if len(body) > FRAME_BYTES else read(body, None)
    if parted_length(header_length, len(body)) > FRAME_BYTES:
        raise frame_too_large("the JSON parts of a body with binary tensors")
    return read(body, header_length)
