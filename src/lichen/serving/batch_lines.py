"""The lines of a batch's input file: read in order, and checked before any of them is answered."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from lichen.core.ids import digest_of
from lichen.protocol.batches import BatchError, RequestLine
from lichen.store.failures import storage_failures

MOST_ERRORS = 20
"""So many are told of."""
MOST_LINES = 1_000_000
LONGEST_LINE = 64 * 2**20
LONGEST_ID = 512
_ID_DIGITS = 16
_read_line = msgspec.json.Decoder(RequestLine).decode


def lines_of(path: Path, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, from the one with this place on, each with its number from 1.

    Raises:
        StorageFailed: the file cannot be read.
    """
    with storage_failures(path), path.open("rb") as file:
        numbered = (
            (number, line)
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1)
            if line.strip()
        )
        yield from islice(numbered, first, None)


def parsed(line: bytes) -> RequestLine:
    """A line that was checked."""
    return _read_line(line)


def check_lines(path: Path, endpoint: str) -> tuple[int, list[BatchError]]:
    """How many requests a file holds, and the first things that are wrong with them.

    Raises:
        StorageFailed: the file cannot be read.
    """
    errors: list[BatchError] = []
    seen: set[str] = set()
    total = 0
    for number, line in lines_of(path):
        total += 1
        wrong = _wrong(line, endpoint, seen)
        if wrong is not None and len(errors) < MOST_ERRORS:
            errors.append(BatchError(code=wrong[0], message=wrong[1], line=number))
        if total > MOST_LINES:
            said = f"the file has over {MOST_LINES} requests: split it"
            return total, [BatchError(code="too_many_tasks", message=said)]
    if not total:
        errors.append(BatchError(code="empty_file", message="the file holds no request: add some"))
    return total, errors


def _wrong(line: bytes, endpoint: str, seen: set[str]) -> tuple[str, str] | None:
    if len(line) > LONGEST_LINE:
        return "invalid_json_line", f"the line is over {LONGEST_LINE} bytes"
    try:
        asked = _read_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return "invalid_json_line", f"the line is no request: {error}"
    return _wrong_target(asked, endpoint) or _wrong_id(asked, seen)


def _wrong_target(asked: RequestLine, endpoint: str) -> tuple[str, str] | None:
    if asked.method != "POST":
        return "invalid_method", f"method is {asked.method[:20]!r}: only POST is known"
    if asked.url != endpoint:
        said = f"url is {asked.url[:80]!r}, and the batch is for {endpoint}"
        return "mismatched_endpoint", f"{said}: send one batch for each"
    return None


def _wrong_id(asked: RequestLine, seen: set[str]) -> tuple[str, str] | None:
    if not 0 < len(asked.custom_id) <= LONGEST_ID:
        return "invalid_custom_id", f"custom_id has to have 1 to {LONGEST_ID} characters"
    mark = digest_of(asked.custom_id.encode())[:_ID_DIGITS]
    if mark in seen:
        said = f"custom_id {asked.custom_id[:80]!r} stands twice: give each its own"
        return "duplicate_custom_id", said
    seen.add(mark)
    return None
