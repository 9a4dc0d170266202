"""Ten thousand idle connections, and callers that drip, do not read, or leave: each costs itself.

    python benchmarks/stress.py --connections 10000 --seconds 30

Under each load in turn a good caller asks fifty times a second on a kept connection. In the end:

- every request of the good caller was answered 200;
- callers that drip or do not read were cut off;
- descriptors and memory of the data plane came back.

It prints a table and exits 0 only if all holds.
"""

import argparse
import asyncio
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wire.cases import Maker
from wire.plane import Plane, start

from lichen.server.accepting import raise_file_limit

PATIENCE_SECONDS = 5.0
"""The data plane's `header_seconds` here."""
PAUSE_SECONDS = 0.02
AT_ONCE = 200
GROWTH_MB, FILES_LEFT = 96, 16
RESET = struct.pack("ii", 1, 0)
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Scene:
    """One load: what the good caller saw under it, and what it cost."""

    name: str
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    cpu_seconds: float = 0.0
    resident_mb: float = 0.0
    said: str = ""


class Stage:
    """The data plane, the good caller and the scenes played so far."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.good = Maker(1, plane.key).good()
        self.scenes: list[Scene] = []
        self.wrong: list[str] = []

    async def play(self, name: str, load: Callable[[], Awaitable[str]]) -> None:
        """Let the good caller ask while a load lasts."""
        scene = Scene(name)
        before = self.plane.cpu_seconds()
        done = asyncio.Event()
        asking = asyncio.create_task(self._ask(scene, done))
        try:
            scene.said = await load()
        finally:
            done.set()
            await asking
        scene.cpu_seconds = self.plane.cpu_seconds() - before
        scene.resident_mb = self.plane.resident_mb()
        self.scenes.append(scene)
        if scene.failed or not scene.seconds:
            self.wrong.append(
                f"{name}: {scene.failed} of {len(scene.seconds)} good requests failed"
            )

    async def _ask(self, scene: Scene, done: asyncio.Event) -> None:
        line = await self.opened()
        while not done.is_set():
            began = time.perf_counter()
            scene.failed += not await self.is_answered(line)
            scene.seconds.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)
        line[1].close()

    async def opened(self) -> Line:
        """A connection."""
        return await asyncio.open_connection(*self.plane.address)

    async def is_answered(self, line: Line) -> bool:
        """Whether one good request on it is answered well."""
        reader, writer = line
        writer.write(self.good)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (OSError, EOFError):
            return False
        return head.startswith(b"HTTP/1.1 200 ") and b'"data":[10.0]' in body


async def _idle(stage: Stage, count: int, seconds: float) -> str:
    before = stage.plane.resident_mb()
    lines: list[Line] = []
    for _ in range(0, count, AT_ONCE):
        fresh = await asyncio.gather(*(stage.opened() for _ in range(AT_ONCE)))
        answered = await asyncio.gather(*(stage.is_answered(line) for line in fresh))
        if not all(answered):
            stage.wrong.append("a connection that then idled was not answered")
        lines += fresh
    grown, cpu = stage.plane.resident_mb() - before, stage.plane.cpu_seconds()
    await asyncio.sleep(seconds)
    share = (stage.plane.cpu_seconds() - cpu) / seconds
    kept = sum(not reader.at_eof() for reader, _ in lines)
    if kept < len(lines):
        stage.wrong.append(f"{len(lines) - kept} idle connections were closed")
    for _, writer in lines:
        writer.close()
    return (
        f"{1024 * grown / len(lines):.1f} KB a connection; {100 * share:.1f} % of a core meanwhile"
    )


async def _dripping(stage: Stage, count: int) -> str:
    """Half of them drip a head, half a body."""
    begun = stage.good[:40], stage.good[:-60]
    began = time.monotonic()

    async def drip(number: int) -> float:
        reader, writer = await stage.opened()
        writer.write(begun[number % 2])
        told = asyncio.create_task(reader.read(1))
        while not told.done() and time.monotonic() - began < 60:
            writer.write(b"a")
            await asyncio.wait([told], timeout=0.25)
        told.cancel()
        writer.close()
        return time.monotonic() - began

    took = await asyncio.gather(*(drip(number) for number in range(count)))
    if max(took) >= 60:
        stage.wrong.append("callers may drip as long as they like")
    return f"{count} heads and bodies that drip: all cut off after {max(took):.1f} s"


async def _unread(stage: Stage, count: int) -> str:
    loop, sent = asyncio.get_running_loop(), 0
    deaf = []
    for _ in range(count):
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(stage.plane.address)
        wire.setblocking(False)  # noqa: FBT003 - the socket's own form
        deaf.append(wire)

    async def pour(wire: socket.socket) -> int:
        poured = 0
        with suppress(OSError):
            async with asyncio.timeout(4 * PATIENCE_SECONDS):
                while True:
                    await loop.sock_sendall(wire, stage.good * 200)
                    poured += 200
        return poured

    sent = sum(await asyncio.gather(*(pour(wire) for wire in deaf)))
    for wire in deaf:
        wire.close()
    return f"{count} callers that read nothing sent {sent} requests in all"


async def _leaving(stage: Stage, count: int) -> str:
    async def one(number: int) -> None:
        _, writer = await stage.opened()
        writer.write(stage.good if number % 3 else stage.good[: number % len(stage.good)])
        if number % 2:
            await asyncio.sleep(0)
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

    began = time.monotonic()
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*(one(first + number) for number in range(AT_ONCE)))
    return f"{count} callers that leave at once, {count / (time.monotonic() - began):.0f} a second"


async def stress(stage: Stage, connections: int, seconds: float) -> None:
    """Every scene, and what stays of it."""
    await stage.play("alone", lambda: _alone(seconds / 4))
    files, resident = stage.plane.open_files(), stage.plane.resident_mb()
    few = max(20, connections // 20)
    await stage.play("idle", lambda: _idle(stage, connections, seconds))
    await stage.play("drip", lambda: _dripping(stage, few))
    await stage.play("do not read", lambda: _unread(stage, max(5, few // 10)))
    await stage.play("leave", lambda: _leaving(stage, connections))
    await stage.play("alone again", lambda: _alone(seconds / 4))
    left, grown = stage.plane.open_files() - files, stage.plane.resident_mb() - resident
    if left > FILES_LEFT:
        stage.wrong.append(f"{left} descriptors are left open")
    if grown > GROWTH_MB:
        stage.wrong.append(f"{grown:.0f} MB more than before are in memory")


async def _alone(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return ""


def _row(scene: Scene) -> str:
    seconds = sorted(scene.seconds)
    p50, p99 = (1000 * seconds[int(share * (len(seconds) - 1))] for share in (0.5, 0.99))
    return (
        f"| {scene.name} | {len(seconds)} | {scene.failed} | {p50:.1f} | {p99:.1f} "
        f"| {scene.cpu_seconds:.2f} | {scene.resident_mb:.0f} | {scene.said} |"
    )


def main() -> int:
    """Play all scenes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    raise_file_limit(options.connections + AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        plane = start(Path(folder), header_seconds=PATIENCE_SECONDS)
        stage = Stage(plane)
        try:
            asyncio.run(stress(stage, options.connections, options.seconds))
        finally:
            plane.process.terminate()
            plane.process.wait(30)
    print("| the others | asked | failed | p50 ms | p99 ms | CPU s | MB | |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for scene in stage.scenes:
        print(_row(scene))
    for wrong in stage.wrong:
        print(f"wrong: {wrong}")
    return 1 if stage.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
