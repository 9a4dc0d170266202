"""Ask a data plane over many connections at once, in a closed loop, and read every receipt."""

import asyncio
import json
import re
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic_ns

Address = tuple[str, int]
_RECEIPT = re.compile(rb"lichen-receipt: nj=(\d+),.*?ngco2e=(\d+),", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """One kind of request: deployment, rows of known cost, and its form."""

    deployment: str
    rows: int
    is_binary: bool = False


def body_of(asked: Asked) -> tuple[bytes, int | None]:
    """The body for a model of known cost, and where its JSON ends when raw values follow it."""
    rows = asked.rows
    number = {"name": "x", "datatype": "FP32", "shape": [rows, 1]}
    text = {"name": "tag", "datatype": "BYTES", "shape": [rows], "data": ["a"] * rows}
    if not asked.is_binary:
        return json.dumps({"inputs": [{**number, "data": [1.0] * rows}, text]}).encode(), None
    raw = struct.pack(f"<{rows}f", *[1.0] * rows)
    told = {**number, "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [told, text]}).encode()
    return head + raw, len(head)


def request(deployment: str, body: bytes, json_bytes: int | None, key: str) -> bytes:
    """All of a request, as it goes over the wire."""
    split = "" if json_bytes is None else f"Inference-Header-Content-Length: {json_bytes}\r\n"
    head = (
        f"POST /v2/models/{deployment}/infer HTTP/1.1\r\nHost: known\r\n"
        f"Authorization: Bearer {key}\r\n{split}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Answers:
    """Answers, one a place in each column: a run has more than a million of them."""

    kinds: list[tuple[str, Asked]] = field(default_factory=list)
    """Tenants and kinds, which `kind` counts."""
    kind: "array[int]" = field(default_factory=lambda: array("q"))
    began_ns: "array[int]" = field(default_factory=lambda: array("q"))
    ended_ns: "array[int]" = field(default_factory=lambda: array("q"))
    nj: "array[int]" = field(default_factory=lambda: array("q"))
    ng: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, turn: "Turn", began_ns: int, receipt: tuple[int, int]) -> None:
        """One more, just now."""
        key = turn[:2]
        if key not in self._place:
            self._place[key] = len(self.kinds)
            self.kinds.append(key)
        self.kind.append(self._place[key])
        self.began_ns.append(began_ns)
        self.ended_ns.append(monotonic_ns())
        self.nj.append(receipt[0])
        self.ng.append(receipt[1])

    def __post_init__(self) -> None:
        self._place: dict[tuple[str, Asked], int] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self.nj)


Turn = tuple[str, Asked, bytes]
"""Tenant, kind and request."""


async def call(
    address: Address, turns: Iterator[Turn], is_over: Callable[[], bool], found: Answers
) -> None:
    """One connection: it asks the next as soon as it was answered."""
    reader, writer = await asyncio.open_connection(*address)
    for turn in turns:
        if is_over():
            break
        began_ns = monotonic_ns()
        writer.write(turn[2])
        head = await reader.readuntil(b"\r\n\r\n")
        length, receipt = _LENGTH.search(head), _RECEIPT.search(head)
        if length is not None:
            await reader.readexactly(int(length[1]))
        if not head.startswith(b"HTTP/1.1 200") or receipt is None:
            raise SystemExit(f"{turn[1]} was answered {head!r}")
        found.add(turn, began_ns, (int(receipt[1]), int(receipt[2])))
    writer.close()
    await writer.wait_closed()


def ask(
    address: Address,
    turns: Sequence[Iterator[Turn]],
    found: Answers,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """One connection for each of `turns`, until they end or it is over; adds every answer."""

    async def run() -> None:
        await asyncio.gather(*[call(address, each, is_over, found) for each in turns])

    asyncio.run(run())
