"""Which heads of requests no lane takes: over the limits, or not as RFC 9112 has them."""

import re
from collections.abc import Iterable

from lichen.api.oip_http import HttpLimits, too_large

FIELDS_TOO_LARGE = 431
TIMED_OUT = 408
_NO_SUCH_CODING, _NO_SUCH_VERSION = 501, 505
_VERSIONS = ("1.1", "1.0")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
"""RFC 3986 3.2.2, without the name of a user."""

Headers = Iterable[tuple[bytes, bytes]]
Refusal = tuple[int, str]
"""Status and sentence."""


def head_refusal(
    url: bytes, headers: Headers, http_version: str, limits: HttpLimits
) -> Refusal | None:
    """Why this head is not taken; None when it is in order."""
    size, length, coding = len(url), 0, b"chunked"
    hosts: list[bytes] = []
    for name, value in headers:
        size += len(name) + len(value) + len(b": \r\n")
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            coding = value.lower()
    if size > limits.head:
        return FIELDS_TOO_LARGE, head_over_limit(limits)
    if length > limits.body:
        return 413, str(too_large(limits.body))
    if coding != b"chunked":
        return _NO_SUCH_CODING, "Transfer-Encoding is taken as chunked alone"
    return _host_refusal(hosts, http_version)


def _host_refusal(hosts: list[bytes], http_version: str) -> Refusal | None:
    if http_version not in _VERSIONS:
        return _NO_SUCH_VERSION, "this server speaks HTTP/1.1"
    if len(hosts) > 1 or (not hosts and http_version != "1.0"):
        return 400, "the request needs exactly one Host header"
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        return 400, "the Host header names no host: give a name or an address, and its port"
    return None


def head_over_limit(limits: HttpLimits) -> str:
    """The refusal of a head over the limit."""
    return f"the request's head is over the limit of {limits.head} bytes"
