"""Sampled requests with the times of their steps, one JSON object a line, in Triton's trace form.

https://github.com/triton-inference-server/server/blob/main/docs/user_guide/trace.md
"""

import logging
from collections import deque
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from time import time_ns

import msgspec

from lichen.core.events import Answered, Ran
from lichen.monitoring.trace_settings import TraceBook, TraceSettings

FILE_BYTES = 16 * 2**20
"""A file of traces that is larger is kept as the former one, in place of the one before it."""
_MOST_PENDING = 20_000
_log = logging.getLogger(__name__)


class Timestamp(msgspec.Struct, frozen=True, gc=False):
    """When a step was reached, in nanoseconds since 1970."""

    name: str
    ns: int


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One request; `outcome` is ours, the rest Triton's."""

    id: int
    model_name: str
    model_version: int
    outcome: str
    timestamps: tuple[Timestamp, ...]


class TraceFile:
    """Lines appended to a file that does not grow over a bound."""

    def __init__(self, path: Path, limit_bytes: int = FILE_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._is_failing = False

    def write(self, lines: bytes) -> None:
        """Append; what cannot be written is lost, and the log says so once."""
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            with self.path.open("ab") as file:
                is_full = file.tell() + len(lines) > self._limit_bytes
                if not is_full:
                    file.write(lines)
            if is_full:
                self.path.replace(self.path.with_suffix(".old.jsonl"))
                self.path.write_bytes(lines[: self._limit_bytes])
        except OSError as error:
            if not self._is_failing:
                _log.warning("traces cannot be written: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False


class Sampler:
    """Takes one request of so many, and only so many."""

    def __init__(self, settings: TraceSettings) -> None:
        self.settings = settings
        self._seen = 0
        self._left = settings.count

    def takes(self) -> bool:
        """Is the next request traced?"""
        if not self.settings.timestamps or self._left == 0:
            return False
        self._seen += 1
        if self._seen % self.settings.rate:
            return False
        self._left -= self._left > 0
        return True


class Tracer:
    """An observer that keeps sampled requests until `flush` writes them.

    `refresh` and `flush` are for one thread that may wait; the others for the event loop's.
    """

    def __init__(self, book: TraceBook, file: TraceFile) -> None:
        self.file = file
        self._book = book
        self._platform = Sampler(TraceSettings())
        self._own: Mapping[str, Sampler] = {}
        self._pending: deque[Trace] = deque(maxlen=_MOST_PENDING)
        self._ids = count(1)

    @property
    def is_on(self) -> bool:
        """May any request be traced?"""
        return any(one.settings.timestamps for one in (self._platform, *self._own.values()))

    def refresh(self) -> None:
        """Read the settings again; a sampler whose settings are the same goes on counting.

        Raises:
            StorageFailed: the store cannot be read.
        """
        self._platform = _kept(self._platform, self._book.settings())
        own = self._book.own()
        self._own = {name: _kept(self._own.get(name), said) for name, said in own.items()}

    def answered(self, event: Answered) -> None:
        """Trace this request, if it is its turn."""
        name = event.subject.deployment
        if not self._own.get(name, self._platform).takes():
            return
        end = time_ns()
        start = end - event.total_ns
        computes = start + event.queue_ns
        steps = [Timestamp("REQUEST_START", start), Timestamp("QUEUE_START", start)]
        if event.compute_ns:
            steps.append(Timestamp("COMPUTE_START", computes))
            steps.append(Timestamp("COMPUTE_END", computes + event.compute_ns))
        steps.append(Timestamp("REQUEST_END", end))
        version = event.subject.version
        self._pending.append(Trace(next(self._ids), name, version, event.outcome, tuple(steps)))

    def ran(self, event: Ran) -> None:
        """Passed over: a trace is of a request."""

    def flush(self) -> None:
        """Write what came together, once it is as much as was asked for or tracing has ended."""
        wanted = self._platform.settings.log_frequency if self.is_on else 0
        if not self._pending or len(self._pending) < wanted:
            return
        lines = bytearray()
        while self._pending:
            lines += msgspec.json.encode(self._pending.popleft()) + b"\n"
        self.file.write(bytes(lines))


def _kept(known: Sampler | None, said: TraceSettings) -> Sampler:
    return known if known is not None and known.settings == said else Sampler(said)
