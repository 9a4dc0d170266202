"""Requests gone wrong: good ones with their bytes changed, and well-framed ones that are odd."""

import gzip
import json
import random
import struct
from collections.abc import Callable, Sequence

from wire.plane import COLUMNS

PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b"0\r\n\r\n", b"\xff", b"%00", b"%2e%2e/"),
    *(b" ", b"\t", b":", b",", b";", b'"', b"{", b"[", b"}", b"]", b"null", b"NaN", b"1e999"),
    *(b"-0", b"\xed\xa0\x80", b"\\ud800", b"ffffffffffffffff", b" HTTP/1.0", b"Host: b\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: x\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n"),
    *(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Content-Encoding: gzip\r\n"),
    *(b"Inference-Header-Content-Length: 7\r\n", b"[" * 2000, b'{"a":' * 500, b"9" * 400),
    b"A" * 5000,
)
"""What parsers trip over."""
ODD: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, 1e308, 1e39, -0.0),
    *("", "x", "FP32", "BYTES", "BOOL", "UINT8", "\0", "é" * 300, "\ud800", "../../etc", "%s%n"),
    *([], {}, [[]], [[[]]], [None], [1, "a"], [[1], [2, 3]], {"a": {"b": []}}, [1e39] * 4),
    *(["a"] * 4, [2**62, 2**62], [-1, 4], [0, 4], [1, 4, 1], [4], [1.5, 4], ["1", 4], [10**9] * 2),
)
NAMES = (
    *("binary_data_size", "binary_data", "binary_data_output", "classification", "timeout"),
    *("priority", "samples", "batch_rows", "content_type", "sequence_id", "shared_memory_region"),
)
HEADERS = (
    *("Inference-Header-Content-Length", "Content-Encoding", "Accept-Encoding", "Content-Type"),
    *("Connection", "Lichen-Min-Quality", "Range", "Accept"),
)
VALUES = (
    *("", "0", "7", "-1", "1e3", "9" * 30, "gzip", "deflate", "br;q=0", "*;q=x", "identity", "é"),
    *("Bearer", "Bearer x", "close, x", "bytes=0-1", "application/octet-stream"),
)


class Maker:
    """Makes case number N of a seed: its bytes, and whether it is well framed."""

    def __init__(self, seed: int, key: str) -> None:
        self._seed = seed
        self._key = key
        self._good = self._kinds()

    def case(self, number: int) -> tuple[bytes, bool]:
        """The bytes, and whether an answer is due."""
        chance = random.Random(f"{self._seed}-{number}")  # noqa: S311 - the same each time
        if number % 2:
            return self._odd(chance), True
        made = chance.choice(self._good)
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            made = chance.choice(MUTATIONS)(chance, made, chance.choice(self._good))
        return made, False

    def good(self) -> bytes:
        """A request that is answered with 10."""
        return self._request("/v2/models/d/infer", json.dumps(_body([1, 2, 3, 4])).encode())

    def _request(
        self, path: str, body: bytes, headers: Sequence[str] = (), method: str = "POST"
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {self._key}"]
        lines += [*headers, f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def _kinds(self) -> list[bytes]:
        body = json.dumps(_body([1, 2, 3, 4])).encode()
        head, raw = _binary()
        length = f"Inference-Header-Content-Length: {len(head)}"
        infer, plain = "/v2/models/d/infer", json.dumps({"x": [[1, 2, 3, 4]]}).encode()
        whole = self._request(infer, b"", ["Transfer-Encoding: chunked"])
        chunked = whole.replace(b"Content-Length: 0\r\n", b"")
        return [
            self.good(),
            self.good() * 3,
            self._request(f"{infer}?ordinary", body),
            self._request("/v2/models/d/versions/1/infer", body),
            self._request(infer, head + raw, [length]),
            self._request(infer, gzip.compress(body), ["Content-Encoding: gzip"]),
            self._request(infer, body, ["Accept-Encoding: gzip", "Connection: close"]),
            self._request(infer, body, ["Expect: 100-continue"]),
            chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
            chunked
            + b"5\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nT: x\r\n\r\n" % (body[:5], len(body) - 5, body[5:]),
            self._request("/predict/d", plain),
            self._request("/v2/repository/index", b"{}"),
            *(
                self._request(path, b"", method="GET")
                for path in (
                    "/v2",
                    "/v2/models/d",
                    "/v2/health/ready",
                    "/metrics",
                    "/v2/models/stats",
                )
            ),
        ]

    def _odd(self, chance: random.Random) -> bytes:
        """Well framed, and odd in what it says."""
        path = chance.choice(("/v2/models/d/infer",) * 4 + ("/v2/models/d/infer?o", "/predict/d"))
        headers = [
            f"{chance.choice(HEADERS)}: {chance.choice(VALUES)}"
            for _ in range(chance.choice((0, 0, 0, 1, 2)))
        ]
        if chance.random() < 0.3:
            return self._odd_binary(chance, headers)
        body: object = {"x": [1, 2, 3, 4]} if path == "/predict/d" else _body([1, 2, 3, 4])
        if path == "/predict/d" and chance.random() < 0.5:
            body = {"rows": [{"x0": 1}]}
        for _ in range(chance.choice((1, 1, 2, 4))):
            body = _changed(chance, body)
        said = json.dumps(body).encode()
        if chance.random() < 0.1:
            said = chance.choice(MUTATIONS)(chance, said, said)
        return self._request(path, said, headers)

    def _odd_binary(self, chance: random.Random, headers: list[str]) -> bytes:
        head, raw = _binary()
        if chance.random() < 0.7:
            head = json.dumps(_changed(chance, json.loads(head))).encode()
        if chance.random() < 0.5:
            raw = chance.choice(MUTATIONS)(chance, raw, raw)
        length = chance.choice((len(head),) * 4 + (0, len(head) - 1, len(head) + 1, 2**40))
        said = [f"Inference-Header-Content-Length: {length}", *headers]
        return self._request("/v2/models/d/infer", head + raw, said)


def _body(values: list[float]) -> dict[str, object]:
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, COLUMNS], "data": values}
    return {"id": "1", "inputs": [tensor], "outputs": [{"name": "raw", "parameters": {}}]}


def _binary() -> tuple[bytes, bytes]:
    raw = struct.pack("<4f", 1, 2, 3, 4)
    said = {"binary_data_size": len(raw)}
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4], "parameters": said}
    outputs = [{"name": "raw", "parameters": {"binary_data": True}}]
    return json.dumps({"inputs": [tensor], "outputs": outputs}).encode(), raw


def _changed(chance: random.Random, value: object) -> object:
    """The same with one thing in it odd, left out, doubled or put in."""
    if chance.random() > 0.15:
        if isinstance(value, dict) and value:
            return _changed_mapping(chance, value)
        if isinstance(value, list) and value:
            return _changed_list(chance, value)
    return chance.choice(ODD)


def _changed_mapping(chance: random.Random, value: dict[str, object]) -> dict[str, object]:
    name, turn = chance.choice(list(value)), chance.random()
    if turn < 0.1:
        return {one: two for one, two in value.items() if one != name}
    if turn < 0.25:
        return {**value, "parameters": {chance.choice(NAMES): chance.choice(ODD)}}
    if turn < 0.3:
        return {**value, chance.choice(("id", "data", "rows", "raw", "é")): chance.choice(ODD)}
    return {**value, name: _changed(chance, value[name])}


def _changed_list(chance: random.Random, value: list[object]) -> list[object]:
    at, turn = chance.randrange(len(value)), chance.random()
    if turn < 0.1:
        return value * chance.choice((2, 50))
    if turn < 0.2:
        return value[:at]
    return [*value[:at], _changed(chance, value[at]), *value[at + 1 :]]


def _flip(chance: random.Random, made: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(made) + 1)
    return made[:at] + bytes([chance.randrange(256)]) + made[at + 1 :]


def _cut(chance: random.Random, made: bytes, _: bytes) -> bytes:
    first, last = sorted(chance.randrange(len(made) + 1) for _ in range(2))
    return made[:first] + made[last:]


def _double(chance: random.Random, made: bytes, _: bytes) -> bytes:
    first, last = sorted(chance.randrange(len(made) + 1) for _ in range(2))
    return made[:last] + made[first:]


def _put_in(chance: random.Random, made: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(made) + 1)
    return made[:at] + chance.choice(PIECES) + made[at:]


def _splice(chance: random.Random, made: bytes, other: bytes) -> bytes:
    return made[: chance.randrange(len(made) + 1)] + other[chance.randrange(len(other) + 1) :]


def _line_in(chance: random.Random, made: bytes, _: bytes) -> bytes:
    lines = made.split(b"\r\n")
    lines.insert(chance.randrange(1, len(lines) + 1), chance.choice(PIECES).strip(b"\r\n"))
    return b"\r\n".join(lines)


Mutation = Callable[[random.Random, bytes, bytes], bytes]
MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _double, _put_in, _put_in, _splice, _line_in)
