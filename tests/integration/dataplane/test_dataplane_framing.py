"""Requests whose end two readers could see in different places, and other shapes that RFC 9112
forbids: each is refused, and what follows it on the connection is never taken for a request."""

import json
import re
import socket
from typing import Protocol

import pytest

BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
).encode()
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LINE, HOST = b"POST /v2/models/linear/infer HTTP/1.1\r\n", b"Host: a\r\n"
LENGTH, CHUNKED = b"Content-Length: %d\r\n" % len(BODY), b"Transfer-Encoding: chunked\r\n"


class Platform(Protocol):
    key: str
    address: tuple[str, int]


def sized(*headers: bytes, line: bytes = LINE, host: bytes = HOST) -> bytes:
    """A request with the length of its body, and these headers."""
    return b"".join([line, host, b"{key}", *headers, LENGTH, b"\r\n", BODY])


def chunked(chunks: bytes = CHUNKS, *headers: bytes, line: bytes = LINE) -> bytes:
    """A request with a body in chunks, and these headers; they say that it is if none is given."""
    return b"".join([line, HOST, b"{key}", *(headers or (CHUNKED,)), b"\r\n", chunks])


def answers(platform: Platform, request: bytes) -> tuple[list[int], bytes]:
    """The statuses, and all bytes, until the server closes or says nothing for a while."""
    key = b"Authorization: Bearer %b\r\n" % platform.key.encode()
    with socket.create_connection(platform.address, timeout=60) as wire:
        wire.sendall(request.replace(b"{key}", key))
        received = b""
        while part := wire.recv(65536):
            received += part
        return [int(status) for status in STATUS.findall(received)], received


CLOSE = b"Connection: close\r\n"
GOOD = sized(CLOSE)
FORBIDDEN = {
    "length twice, the same": sized(LENGTH),
    "length twice, not the same": sized(b"Content-Length: 3\r\n"),
    "length as a list": chunked(BODY, b"Content-Length: 9, 9\r\n"),
    "length signed": chunked(BODY, b"Content-Length: +9\r\n"),
    "length negative": chunked(BODY, b"Content-Length: -1\r\n"),
    "length hexadecimal": chunked(BODY, b"Content-Length: 0x10\r\n"),
    "length beyond all": chunked(BODY, b"Content-Length: 99999999999999999999999\r\n"),
    "length empty": chunked(BODY, b"Content-Length: \r\n"),
    "length of two words": chunked(BODY, b"Content-Length: 1 0\r\n"),
    "length, then chunked": chunked(CHUNKS, LENGTH, CHUNKED),
    "chunked, then length": chunked(CHUNKS, CHUNKED, LENGTH),
    "identity": sized(b"Transfer-Encoding: identity\r\n"),
    "chunked not last": chunked(CHUNKS, b"Transfer-Encoding: chunked, gzip\r\n"),
    "chunked twice": chunked(CHUNKS, CHUNKED, CHUNKED),
    "chunked behind a control": chunked(CHUNKS, b"Transfer-Encoding: \x0bchunked\r\n"),
    "chunk size no number": chunked(b"zz\r\nab\r\n0\r\n\r\n"),
    "chunk size with 0x": chunked(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk size negative": chunked(b"-3\r\nabc\r\n0\r\n\r\n"),
    "chunk size beyond all": chunked(b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "chunk size and a space": chunked(b"3 \r\nabc\r\n0\r\n\r\n"),
    "chunk longer than said": chunked(b"3\r\nabcdef\r\n0\r\n\r\n"),
    "chunk ended by LF": chunked(CHUNKS.replace(b"\r\n", b"\n")),
    "chunk extension with LF": chunked(CHUNKS.replace(b"\r\n", b";a\nb\r\n", 1)),
    "length as a trailer": chunked(CHUNKS[:-2] + b"Content-Length: 4\r\n\r\n"),
    "folded header": sized(b"X: a\r\n b\r\n"),
    "folded coding": chunked(CHUNKS, b"Transfer-Encoding:\r\n chunked\r\n"),
    "bare LF": GOOD.replace(b"\r\n", b"\n"),
    "bare LF in a header": sized(b"X: a\nY: b\r\n"),
    "bare CR in a header": sized(b"X: a\rY: b\r\n"),
    "NUL in a value": sized(b"X: a\0b\r\n"),
    "NUL in a name": sized(b"X\0: b\r\n"),
    "space before a colon": sized(b"X : b\r\n"),
    "space before the length's colon": chunked(BODY, LENGTH.replace(b":", b" :")),
    "space before the coding's colon": chunked(CHUNKS, CHUNKED.replace(b":", b" :")),
    "no name": sized(b": b\r\n"),
    "no colon": sized(b"Xabc\r\n"),
    "space before the first header": sized(host=b" Host: a\r\n"),
    "no host": sized(host=b""),
    "two hosts": sized(host=HOST + HOST),
    "host of two words": sized(host=b"Host: a b\r\n"),
    "host with a path": sized(host=b"Host: a/b\r\n"),
    "host with a user": sized(host=b"Host: u@a\r\n"),
    "host and two ports": sized(host=b"Host: a:1:2\r\n"),
    "method in small letters": sized(line=LINE.replace(b"POST", b"post")),
    "no such method": sized(line=LINE.replace(b"POST", b"FROB")),
    "version in small letters": sized(line=LINE.replace(b"HTTP", b"http")),
    "no such version": sized(line=LINE.replace(b"1.1", b"1.2")),
    "tabs in the first line": sized(line=LINE.replace(b" ", b"\t")),
    "bytes beyond ASCII in the path": sized(line=LINE.replace(b"linear", b"lin\xc3\xa9ar")),
    "a control in the path": sized(line=LINE.replace(b"linear", b"lin\x01ar")),
    "no slash": sized(line=LINE.replace(b"/v2", b"v2", 1)),
    "a host with an impossible port": sized(line=b"GET http://a:99999999/v2 HTTP/1.1\r\n"),
    "a proxy's method": sized(line=b"CONNECT a:80 HTTP/1.1\r\n"),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(150)),
}


@pytest.mark.parametrize("request_bytes", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_rfc_9112_forbids_is_refused_and_ends_the_connection(
    platform: Platform, request_bytes: bytes
) -> None:
    statuses, received = answers(platform, request_bytes + GOOD)
    assert statuses == [400], received
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert list(json.loads(body)) == ["error"]
    assert answers(platform, GOOD)[0] == [200]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (chunked(CHUNKS, b"Transfer-Encoding: xchunked\r\n"), 501),
        (chunked(CHUNKS, b"Transfer-Encoding: gzip, chunked\r\n"), 501),
        (sized(line=LINE.replace(b"1.1", b"2.0")), 505),
        (b"GET /v2/health/live\r\n\r\n", 505),
    ],
)
def test_what_is_not_spoken_here_is_said_to_be_so(
    platform: Platform, request_bytes: bytes, status: int
) -> None:
    assert answers(platform, request_bytes + GOOD)[0] == [status]


@pytest.mark.parametrize(
    "request_bytes",
    [
        sized(),
        chunked(),
        chunked(CHUNKS, CHUNKED.replace(b"chunked", b"CHUNKED")),
        chunked(CHUNKS.replace(b"\r\n", b";name=value\r\n", 1)),
        chunked(CHUNKS[:-2] + b"X: y\r\n\r\n"),
        b"\r\n" + sized(),
        sized(line=LINE.replace(b"/v2", b"http://elsewhere:1/v2", 1)),
        sized(host=b"Host: [::1]:8080\r\n"),
        sized(host=b"Host:\r\n"),
        sized(b"X: \xff\xfe\r\n"),
        sized(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"),
        chunked(CHUNKS, CHUNKED, b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    ],
)
@pytest.mark.parametrize("lane", [b"/infer ", b"/infer?lane=ordinary "])
def test_what_it_allows_is_answered_and_the_next_request_too(
    platform: Platform, request_bytes: bytes, lane: bytes
) -> None:
    asked = request_bytes.replace(b"/infer ", lane)
    assert answers(platform, asked + GOOD)[0] == [200, 200]
    assert answers(platform, GOOD.replace(CLOSE, b"") + asked + GOOD)[0] == [200, 200, 200]


def test_an_expectation_of_http_1_0_is_passed_over(platform: Platform) -> None:
    asked = sized(b"Expect: 100-continue\r\n", line=LINE.replace(b"1.1", b"1.0"))
    assert answers(platform, asked)[0] == [200]


def test_a_head_that_was_seen_before_is_not_trusted_with_another_framing(
    platform: Platform,
) -> None:
    """The lane knows heads by their bytes: what only looks like a known one is parsed anew."""
    for _ in range(3):
        assert answers(platform, sized() + GOOD)[0] == [200, 200]
    assert answers(platform, sized(LENGTH) + GOOD)[0] == [400]
    short = sized().replace(BODY, BODY[:-1]) + GOOD
    assert answers(platform, short)[0][0] == 400, "a short body ends with the next request's bytes"
    hidden = b"POST /v2/models/none/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    assert answers(platform, sized(b"X: " + hidden[:20] + b"\r\n") + GOOD)[0] == [200, 200]
    assert answers(platform, sized() + hidden + GOOD)[0] == [200, 401, 200]


@pytest.mark.parametrize("first", [b"/infer ", b"/infer?lane=ordinary "])
@pytest.mark.parametrize("bad", ["no colon", "chunk size no number", "chunked, then length"])
def test_a_refusal_comes_behind_the_answers_that_were_asked_for_before(
    platform: Platform, first: bytes, bad: str
) -> None:
    good = sized().replace(b"/infer ", first)
    refused = FORBIDDEN[bad].replace(b"/infer ", first)
    for count in (1, 3):
        assert answers(platform, good * count + refused + GOOD)[0] == [200] * count + [400]


def test_who_is_told_to_continue_and_sends_no_chunks_is_refused(platform: Platform) -> None:
    asked = chunked(b"zz\r\n", CHUNKED, b"Expect: 100-continue\r\n")
    statuses = answers(platform, asked)[0]
    assert statuses in ([400], [100, 400])
