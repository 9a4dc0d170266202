"""Content codings of bodies: gzip and deflate, both ways, and never past a limit.

Compressing costs more energy than a small answer saves on its way. Most HTTP libraries offer a list
of codings without being asked; an answer is compressed for a list only when it is long, and for a
caller who names one coding alone whenever there is one.
"""

import zlib

from lichen.core.errors import InvalidInput, TooLarge, UnknownCoding

LONG_ANSWER_BYTES = 16 * 2**10
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15
_ZLIB_METHOD, _ZLIB_CHECK = 8, 31
_LEVEL = 1


def inflate(body: bytes, coding: str, limit: int) -> bytes:
    """A request's body without its coding.

    Raises:
        UnknownCoding: the coding is not taken.
        InvalidInput: the body is not in it.
        TooLarge: it would be over the limit of so many bytes.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return body
    window = _WINDOW.get(coding)
    if window is None:
        raise UnknownCoding(f"Content-Encoding {coding!r} is not taken: send gzip or deflate")
    if window == _WINDOW["deflate"] and not _is_zlib(body):
        window = _RAW_DEFLATE  # what some call deflate
    parts: list[bytes] = []
    while True:  # a gzip body may have several members
        part, rest = _member(body, window, limit)
        limit -= len(part)
        parts.append(part)
        if not rest:
            return b"".join(parts)
        if not part or window != _WINDOW["gzip"]:
            raise InvalidInput(f"the body goes on after the end of its {coding} coding")
        body = rest


def _member(body: bytes, window: int, limit: int) -> tuple[bytes, bytes]:
    stream = zlib.decompressobj(window)
    try:
        part = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidInput("the body is not in the coding that it says it is in") from error
    if len(part) > limit:
        raise TooLarge("the body unpacks to more than the limit: send fewer rows a request")
    if not stream.eof:
        raise InvalidInput("the body ends before its coding does: send it whole")
    return part, stream.unused_data


def coding_for(accepted: str, size: int) -> str | None:
    """The coding for an answer of so many bytes to a caller who accepts these; None for none."""
    if size < LONG_ANSWER_BYTES and "," in accepted:
        return None
    codings = {_acceptable(entry) for entry in accepted.split(",")}
    return next((name for name in ("gzip", "deflate") if name in codings), None)


def compressed(body: bytes, coding: str) -> bytes:
    """An answer's body in a coding that `coding_for` chose."""
    return zlib.compress(body, _LEVEL, _WINDOW[coding])


def _acceptable(entry: str) -> str | None:
    name, _, parameter = entry.strip().lower().partition(";")
    weight = parameter.strip().removeprefix("q=").strip("0.")  # nothing is left of 0.000
    return None if parameter and not weight else name.strip()


def _is_zlib(body: bytes) -> bool:
    return (
        len(body) > 1
        and body[0] & 15 == _ZLIB_METHOD
        and (body[0] << 8 | body[1]) % _ZLIB_CHECK == 0
    )
