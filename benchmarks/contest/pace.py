"""Load at a fixed rate in an open loop: requests come when they are due, however the server does.

    python pace.py PORT REQUESTS CONNECTIONS RATE SECONDS
    python pace.py PORT REQUESTS CONNECTIONS COUNT

The second form is a closed loop of a fixed count: none is left without its answer. Arrivals of the
first are Poisson with a fixed seed, the same for every server. A request's time counts from when it
was due, so neither a slow answer nor a busy connection hides the wait of those behind it. One
thread that never sleeps, on a core of its own.
"""

import gc
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SEED = 3
GIVE_UP_SECONDS = 60.0
"""After the last was due, or in all for a fixed count."""
_HEAD_END, _LENGTH = b"\r\n\r\n", b"\r\ncontent-length:"


@dataclass(frozen=True)
class Paced:
    """One spell at a fixed rate; latency counts from when a request was due."""

    answered_a_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    late_p99_ms: float
    """How late the client itself was at noticing that a request was due."""


def read_requests(path: Path) -> list[bytes]:
    """The requests of a file, as `bodies.written` writes it."""
    lengths, _, content = path.read_bytes().partition(b"\n")
    found, at = [], 0
    for length in map(int, lengths.split()):
        found.append(content[at : at + length])
        at += length
    return found


def arrivals(rate: float, seconds: float) -> list[int]:
    """Nanoseconds from the start at which requests are due."""
    drawn = random.Random(_SEED)  # noqa: S311 - a fixed seed is the point
    due, at = [], 0.0
    while (at := at + drawn.expovariate(rate)) < seconds:
        due.append(int(at * 1e9))
    return due


def is_whole(answer: bytes) -> bool:
    """Has all of an answer come?"""
    end = answer.find(_HEAD_END)
    if end < 0:
        return False
    head = answer[:end].lower()
    length = int(head[head.index(_LENGTH) + len(_LENGTH) :].split(b"\r", 1)[0])
    return len(answer) >= end + len(_HEAD_END) + length


def ignored(_number: int, _answer: bytes) -> None:
    """Of most answers nothing is read but that they came."""


class Pacer:
    """The connections, what is under way on each, and what waits for one."""

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        connections: int,
        on_answer: Callable[[int, bytes], None] = ignored,
    ) -> None:
        """`on_answer` gets the number of the request, which counts them as sent, and its answer."""
        self._requests = requests
        self._on_answer = on_answer
        self._poll = select.epoll()
        self._opened: dict[int, socket.socket] = {}
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._opened[one.fileno()] = one
            self._poll.register(one, select.EPOLLIN)
        self._free = list(self._opened)
        self._waiting: deque[int] = deque()
        self._asked: dict[int, tuple[int, int]] = {}
        """By connection: when its request was due, and the request's number."""
        self._received: dict[int, bytes] = {}
        self._sent = 0
        self.took_ns: list[int] = []
        self.late_ns: list[int] = []
        self.failed = 0

    def run(self, due: list[int], give_up_seconds: float) -> float:
        """Send all when due and wait for the answers; the seconds it took."""
        began, following = time.perf_counter_ns(), 0
        give_up = began + due[-1] + int(give_up_seconds * 1e9)
        while following < len(due) or self._asked or self._waiting:
            now = time.perf_counter_ns()
            if now > give_up:
                self.failed += len(self._asked) + len(self._waiting)
                break
            while following < len(due) and began + due[following] <= now:
                self._waiting.append(began + due[following])
                self.late_ns.append(now - began - due[following])
                following += 1
            while self._waiting and self._free:
                self._send(self._waiting.popleft())
            for descriptor, _ in self._poll.poll(0):
                self._receive(descriptor)
        return (time.perf_counter_ns() - began) / 1e9

    def flood(self, count: int, give_up_seconds: float) -> float:
        """Ask as many as there are connections at all times; the seconds it took."""
        began = time.perf_counter_ns()
        give_up = began + int(give_up_seconds * 1e9)
        last = self._sent + count
        while self._asked or self._sent < last:
            if time.perf_counter_ns() > give_up:
                self.failed += len(self._asked) + last - self._sent
                break
            while self._free and self._sent < last:
                self._send(time.perf_counter_ns())
            for descriptor, _ in self._poll.poll(0.001):
                self._receive(descriptor)
        return (time.perf_counter_ns() - began) / 1e9

    def close(self) -> None:
        """Give the connections back."""
        self._poll.close()
        for one in self._opened.values():
            one.close()

    def _send(self, due_ns: int) -> None:
        descriptor = self._free.pop()
        self._asked[descriptor] = due_ns, self._sent
        self._received[descriptor] = b""
        self._opened[descriptor].sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def _receive(self, descriptor: int) -> None:
        part = self._opened[descriptor].recv(2**18)
        if not part or descriptor not in self._asked:
            raise SystemExit("the server closed a connection or answered unasked")
        answer = self._received[descriptor] + part
        self._received[descriptor] = answer
        if not is_whole(answer):
            return
        due_ns, number = self._asked.pop(descriptor)
        self.took_ns.append(time.perf_counter_ns() - due_ns)
        self.failed += not answer.startswith(b"HTTP/1.1 200")
        self._free.append(descriptor)
        self._on_answer(number, answer)


def main(arguments: Sequence[str]) -> None:
    """Run, and print one line of figures."""
    port, requests, connections, *told = arguments
    pacer = Pacer(int(port), read_requests(Path(requests)), int(connections))
    gc.disable()
    if len(told) == 1:
        lasted = pacer.flood(int(told[0]), GIVE_UP_SECONDS)
    else:
        rate, seconds = float(told[0]), float(told[1])
        lasted = pacer.run(arrivals(rate, seconds), GIVE_UP_SECONDS)
    took, late = sorted(pacer.took_ns), sorted(pacer.late_ns) or [0]
    p50, p99 = (took[len(took) * share // 100] / 1e6 for share in (50, 99))
    print(len(took) / lasted, p50, p99, pacer.failed, late[len(late) * 99 // 100] / 1e6)


if __name__ == "__main__":
    main(sys.argv[1:])
