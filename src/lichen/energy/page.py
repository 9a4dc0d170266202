"""The meter page: a small mapped file in which the owner publishes the rate of each window (M3).

Two payloads lie side by side and a sequence number says which one counts: the owner writes the
other one and then moves the number, so a writer killed half way leaves the last page standing.
A reader unpacks only when the number moved; a checksum guards against torn reads.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from zlib import crc32

from lichen.core.errors import StorageFailed, Unavailable
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules

PAGE_NAME = "meter.page"
_MAGIC = 0x4C49_4348_5047_0002
_MAGIC_WORD = struct.Struct("=Q")
_SIZE = 4096
_PAYLOAD_AT = (1024, 2560)
_FIXED = struct.Struct("=qqqqqqdddddBH")
_CRC = struct.Struct("=I")
_SOURCE_LIMIT = 400
_METHODS = tuple(Method)
_RETRIES = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """What one nanosecond of busy CPU costs, in nanojoules, and the 90 % interval of that (M4).

    The interval is common to everything on this host: two figures made with one rate compare
    more tightly than either is known. `idle_low` and `idle_high` are the ends of the idle energy's
    own interval, as shares of it, where the meter knows one.
    """

    nj_per_cpu_ns: float
    low: float
    high: float
    method: Method
    source: str
    window: int
    idle_low: float | None = None
    idle_high: float | None = None

    def nanojoules(self, cpu_ns: int) -> int:
        """The energy of that much CPU time, rounded half up."""
        return int(cpu_ns * self.nj_per_cpu_ns + 0.5)

    def figure(self, cpu_ns: int) -> EnergyFigure:
        """The energy of that much CPU time, with its interval, in whole nanojoules."""
        return EnergyFigure(
            Nanojoules(int(cpu_ns * self.nj_per_cpu_ns + 0.5)),
            Nanojoules(int(cpu_ns * self.low)),
            Nanojoules(int(cpu_ns * self.high + 1.0)),
            self.method,
            self.source,
        )


@dataclass(frozen=True, slots=True)
class PageContent:
    """All that the owner publishes when it closes a window; totals since the first owner began.

    Times are UTC nanoseconds since 1970.
    """

    window: int
    started_unix_ns: int
    ended_unix_ns: int
    host_nj: int
    idle_nj: int
    busy_cpu_ns: int
    rate: Rate


def _pack(content: PageContent) -> bytes:
    source = content.rate.source.encode()[:_SOURCE_LIMIT]
    fixed = _FIXED.pack(
        content.window,
        content.started_unix_ns,
        content.ended_unix_ns,
        content.host_nj,
        content.idle_nj,
        content.busy_cpu_ns,
        content.rate.nj_per_cpu_ns,
        content.rate.low,
        content.rate.high,
        nan if content.rate.idle_low is None else content.rate.idle_low,
        nan if content.rate.idle_high is None else content.rate.idle_high,
        _METHODS.index(content.rate.method),
        len(source),
    )
    body = fixed + source
    return _CRC.pack(crc32(body)) + body


def _unpack(raw: bytes) -> PageContent | None:
    fields = _FIXED.unpack_from(raw, _CRC.size)
    length = fields[-1]
    end = _CRC.size + _FIXED.size + length
    if length > _SOURCE_LIMIT or crc32(raw[_CRC.size : end]) != _CRC.unpack_from(raw)[0]:
        return None
    source = raw[end - length : end].decode(errors="replace")
    idle_low, idle_high = (None if isnan(end) else end for end in fields[9:11])
    method = _METHODS[fields[11]]
    middle, low, high = fields[6:9]
    rate = Rate(middle, low, high, method, source, fields[0], idle_low, idle_high)
    return PageContent(
        window=fields[0],
        started_unix_ns=fields[1],
        ended_unix_ns=fields[2],
        host_nj=fields[3],
        idle_nj=fields[4],
        busy_cpu_ns=fields[5],
        rate=rate,
    )


class PageWriter:
    """The owner's end of the page; whoever holds the meter lock may open one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PAGE_NAME
        self._open()

    def _open(self) -> None:
        try:
            self._map = _open_page(self._path)
        except OSError as error:
            raise StorageFailed(
                f"cannot write the meter page {self._path} ({error.strerror}): "
                "free space there or choose another runtime folder"
            ) from error
        self._words = memoryview(self._map).cast("Q")

    def last(self) -> PageContent | None:
        """What this or a former owner published last."""
        at = _PAYLOAD_AT[self._words[1] % 2]
        return _unpack(self._map[at : at + _PAYLOAD_AT[0]]) if self._words[1] else None

    def publish(self, content: PageContent) -> None:
        """Make `content` what every reader sees from now on; a page swept away is made anew."""
        if not self._path.exists():
            self.close()
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        sequence = self._words[1] + 1
        raw = _pack(content)
        at = _PAYLOAD_AT[sequence % 2]
        self._map[at : at + len(raw)] = raw
        self._words[1] = sequence

    def close(self) -> None:
        """Unmap; the page stays for readers."""
        self._words.release()
        self._map.close()


def _open_page(path: Path) -> mmap.mmap:
    """Map the page that is there, so that readers of a former owner see ours, or a fresh one.

    A page that another version left behind is no use to readers of this one.
    """
    if not _is_ours(path):
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_bytes(struct.pack("=QQ", _MAGIC, 0).ljust(_SIZE, b"\0"))
        fresh.replace(path)
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _SIZE)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            magic = file.read(_MAGIC_WORD.size)
        return path.stat().st_size == _SIZE and magic == _MAGIC_WORD.pack(_MAGIC)
    except FileNotFoundError:
        return False


class PageReader:
    """Any process's view of the page; asking for the rate costs well under a microsecond."""

    __slots__ = ("_content", "_map", "_path", "_rate", "_sequence", "_words")

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_READ)
        self._words = memoryview(self._map).cast("Q")
        self._sequence = 0
        self._content: PageContent | None = None
        self._rate: Rate | None = None

    @classmethod
    def open(cls, folder: Path) -> "PageReader":
        """Map the page in the runtime folder.

        Raises:
            Unavailable: no owner has published one; or it is not a page of ours.
        """
        path = folder / PAGE_NAME
        try:
            reader = cls(path)
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"no meter page at {path}: start `lichen up`, or let this process own the meters"
            ) from error
        if reader._words[0] != _MAGIC:
            reader.close()
            raise Unavailable(
                f"{path} is not a meter page of this version: end the other version of lichen that "
                "owns the meters of this host, or choose another runtime folder"
            )
        return reader

    def rate(self) -> Rate:
        """The rate of the last closed window.

        Raises:
            Unavailable: no owner has published a window yet.
        """
        if self._rate is not None and self._words[1] == self._sequence:
            return self._rate
        return self.content().rate

    def content(self) -> PageContent:
        """Everything on the page.

        Raises:
            Unavailable: no owner has published a window yet.
        """
        for _ in range(_RETRIES):
            sequence = self._words[1]
            if sequence == self._sequence:
                break
            at = _PAYLOAD_AT[sequence % 2]
            content = _unpack(self._map[at : at + _PAYLOAD_AT[0]])
            if content is not None and self._words[1] == sequence:
                self._content, self._rate, self._sequence = content, content.rate, sequence
                break
        if self._content is None:
            raise Unavailable(f"{self._path} holds no window yet: try again in a second")
        return self._content

    def close(self) -> None:
        """Unmap the page."""
        self._words.release()
        self._map.close()
