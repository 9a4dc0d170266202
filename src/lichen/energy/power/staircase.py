"""A staircase of load: no to all threads busy and back, in steps, with three kinds of work.

Power is not the same for every kind of work on one busy thread, and no clock sees which: each step
counts, hashes and copies in turn, so what was fitted to it is a mean of the three.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from lichen.core.errors import Unavailable
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.meter import Meter
from lichen.energy.power.load_record import LoadRecord
from lichen.energy.power.wall_meter import PowerSpan

KINDS = ("count", "hash", "copy")
MOST_STEPS = 9
SAMPLE_S = 1.0
LEAST_SECONDS = 30.0
_WORK = """
import hashlib, os, sys
os.nice(19)
kind, parent = sys.argv[1], int(sys.argv[2])
block = bytearray(4 << 20)
while os.getppid() == parent:
    if kind == "count":
        sum(range(200_000))
    elif kind == "hash":
        hashlib.sha256(block).digest()
    else:
        for _ in range(8):
            bytes(block)
"""


def levels(threads: int) -> tuple[int, ...]:
    """How many busy threads, step by step: up to all of them and down again."""
    steps = min(threads, MOST_STEPS - 1)
    up = [round(threads * step / steps) for step in range(steps + 1)]
    return (*up, *up[-2::-1])


class Burners:
    """So many processes that keep a thread busy each, at the lowest priority; none left behind."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(0, KINDS[0])

    def run(self, count: int, kind: str) -> None:
        """End those that run, and start so many of that kind."""
        for one in self._running:
            one.kill()
        for one in self._running:
            one.wait()
        command = (sys.executable, "-c", _WORK, kind, str(os.getpid()))
        self._running = [subprocess.Popen(command) for _ in range(count)]  # noqa: S603 - our own


class Recorder:
    """Reads a meter by the time of day: busy CPU time always, and energy where it has a counter.

    `now_ns` is the clock on the wall, which the wall meter's file is dated by.
    """

    def __init__(self, meter: Meter, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._meter, self._now_ns = meter, now_ns
        self._at_s: list[float] = []
        self._busy_s: list[float] = []
        self._nj: list[int] = []

    def sample(self) -> None:
        """Read it once.

        Raises:
            Unavailable: its counter fell silent, and something stands in for it.
        """
        reading = self._meter.read()
        if self._meter.trouble is not None:
            raise Unavailable(f"nothing can be fitted to a silent counter: {self._meter.trouble}")
        at_s = self._now_ns() / NANOSECONDS_PER_SECOND
        if self._at_s and at_s <= self._at_s[-1]:
            return  # the clock was set back: the next reading after it counts
        self._at_s.append(at_s)
        self._busy_s.append(reading.busy_cpu_ns / NANOSECONDS_PER_SECOND)
        self._nj.append(reading.host_nj)

    @property
    def load(self) -> LoadRecord:
        """How busy the machine was."""
        return LoadRecord(tuple(self._at_s), tuple(self._busy_s))

    @property
    def spans(self) -> tuple[PowerSpan, ...]:
        """What the meter's own counter went up by; one watt is one nanojoule by nanosecond."""
        joules = [nj / NANOSECONDS_PER_SECOND for nj in self._nj]
        return tuple(
            PowerSpan(start, end, (after - before) / (end - start))
            for start, end, before, after in zip(
                self._at_s, self._at_s[1:], joules, joules[1:], strict=False
            )
        )


def climb(
    recorder: Recorder,
    seconds: float,
    threads: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
    watch: Callable[[int, float], None] = lambda _busy, _share: None,
) -> None:
    """Make load in steps and record it; about so many seconds in all.

    `watch` is told the busy threads of each part and the share of the staircase that is over.
    """
    steps = levels(threads or os.cpu_count() or 1)
    parts = [(busy, kind) for busy in steps for kind in KINDS]
    each_s = seconds / len(parts)
    with Burners() as burners:
        recorder.sample()
        for at, (busy, kind) in enumerate(parts):
            watch(busy, at / len(parts))
            burners.run(busy, kind)
            _record(recorder, each_s, sleep)


def _record(recorder: Recorder, seconds: float, sleep: Callable[[float], None]) -> None:
    """Sample about once a second for so long."""
    samples = max(1, round(seconds / SAMPLE_S))
    for _ in range(samples):
        sleep(seconds / samples)
        recorder.sample()
