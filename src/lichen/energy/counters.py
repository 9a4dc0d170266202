"""A process's own counters of what it charged, in a mapped file that outlives a `kill -9` (A6).

The file grows by a chunk of accounts at a time, so there is no bound on accounts but the disk.
Every number is an aligned 8-byte integer written with one store by one process alone; the owner
of the meters maps the same file for reading. An account has two banks of numbers: a charge writes
the one that does not count, and then the sequence number, whose parity says which one counts. So a
charge is there whole or not at all, whoever is killed or looks. A process that runs foreign code
is written for by the one that started it, which knows what its work was for.

    page 0    header: magic, pid, start ticks, CPU clock at creation, CPU clock at the end, mode,
              accounts in use, CPU of children, nanojoules of accelerators charged, whether it
              charges them; then the process name, then its platform; then 128 lanes
    chunk n   256 accounts: first their numbers (a sequence number, a word of nothing, then twice
              CPU ns, nJ, ng, count), then their names
"""

import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from time import clock_gettime_ns, monotonic_ns

from lichen.core.errors import InvalidInput, StorageFailed

COUNTERS_FOLDER = "counters"
SUFFIX = ".counters"
MAGIC = 0x4C49_4348_4354_0002
PAGE = 4096

PID, STARTED, CREATED_CPU, FINAL_CPU, WHOLE_PROCESS, USED, CHILDREN_CPU = 1, 2, 3, 4, 5, 6, 7
ACCELERATOR, CHARGES_ACCELERATORS = 8, 9
"""Places of the header's 8-byte words; word 0 is the magic."""
NAME_AT, NAME_LIMIT = 256, 200
PLATFORM_AT, PLATFORM_LIMIT = 512, 1000
LANES_AT_WORD, LANES = 2048 // 8, 128
"""Each lane is two words: monotonic ns at which its work began (0: none), and its threads."""

CHUNK_ACCOUNTS = 256
ACCOUNT_WORDS, BANKS_AT, BANK_WORDS = 10, 2, 4
"""Of an account: all its words, where its two banks begin, and the numbers of each."""
KEY_SIZE = 480
KEYS_AT = CHUNK_ACCOUNTS * ACCOUNT_WORDS * 8
CHUNK = KEYS_AT + CHUNK_ACCOUNTS * KEY_SIZE
_KEY = struct.Struct("=H")


class Account:
    """One account's running totals in this process; `add` is safe from any thread.

    It takes no lock: an interpreter with a global lock gives it up at calls and loops only, and
    between the first sum and the last store there is neither.
    """

    __slots__ = ("_at", "_banks", "_sequence", "_words", "count", "cpu_ns", "key", "ng", "nj")

    def __init__(self, key: str, words: "memoryview[int]", at: int) -> None:
        self.key = key
        self.cpu_ns = self.nj = self.ng = self.count = 0
        self._words = words
        self._at = at
        self._banks = (at + BANKS_AT, at + BANKS_AT + BANK_WORDS)
        self._sequence = 0

    def add(self, cpu_ns: int, nj: int, ng: int, count: int = 1) -> None:
        """Charge this much; once this returns, a `kill -9` cannot lose it."""
        words, sequence = self._words, self._sequence + 1
        bank = self._banks[sequence & 1]
        words[bank] = self.cpu_ns = self.cpu_ns + cpu_ns
        words[bank + 1] = self.nj = self.nj + nj
        words[bank + 2] = self.ng = self.ng + ng
        words[bank + 3] = self.count = self.count + count
        words[self._at] = self._sequence = sequence


class Lane:
    """Work that is running now and is charged when it ends: at most one piece at a time.

    `begin` before the work, charge it, and only then `end`: so the owner never takes work in
    flight for overhead.
    """

    __slots__ = ("_at", "_words")

    def __init__(self, words: "memoryview[int]", at: int, threads: int) -> None:
        self._words = words
        self._at = at
        words[at + 1] = threads

    def begin(self) -> None:
        """Work begins now."""
        self._words[self._at] = monotonic_ns()

    def end(self) -> None:
        """The work ended and was charged."""
        self._words[self._at] = 0


class ProcessCounters:
    """A process's file of counters: make one at its start with `create`, and `finish` it."""

    def __init__(self, path: Path, name: str, platform: str = "", pid: int | None = None) -> None:
        self.path = path
        self.name = name
        self.pid = os.getpid() if pid is None else pid
        self._accounts: dict[str, Account] = {}
        self._chunks: list[tuple[mmap.mmap, memoryview[int]]] = []
        self._lanes = 0
        self._lock = Lock()
        _create(path, name, platform, self.pid)
        self._header = _map(path, 0, PAGE)
        self.platform = read_name(self._header, PLATFORM_AT)
        """As every reader of the file sees it."""
        self._words: memoryview[int] = memoryview(self._header).cast("q")
        self._lane = self.lane()

    @classmethod
    def create(
        cls, folder: Path, name: str, platform: str = "", pid: int | None = None
    ) -> "ProcessCounters":
        """Counters for a process in `folder`/counters.

        Args:
            folder: the host's runtime folder.
            name: what the process is: `dataplane`.
            platform: whose ledger books it, by its home; to every other platform on this host
                it is `host/other`.
            pid: a child of this process, which writes on its behalf; None: this process itself.

        Raises:
            StorageFailed: the folder cannot be written or is full.
            ProcessLookupError: there is no such child.
        """
        of = os.getpid() if pid is None else pid
        path = folder / COUNTERS_FOLDER / f"{of}-{start_ticks(of)}{SUFFIX}"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(path, name, platform, of)
        except ProcessLookupError:
            raise
        except OSError as error:
            raise _storage_failed(path, error) from error

    def account(self, key: str) -> Account:
        """The running account `work/<tenant>/<deployment or job>/<model@version>/<variant>`.

        Raises:
            InvalidInput: the key is longer than 478 bytes.
            StorageFailed: there is no room to grow.
        """
        known = self._accounts.get(key)
        if known is not None:
            return known
        raw = key.encode()
        if len(raw) > KEY_SIZE - _KEY.size:
            raise InvalidInput(
                f"account {key[:40]!r}... is longer than 478 bytes: shorten its names"
            )
        with self._lock:
            return self._accounts.get(key) or self._add_account(key, raw)

    def _add_account(self, key: str, raw: bytes) -> Account:
        number = len(self._accounts)
        index, slot = divmod(number, CHUNK_ACCOUNTS)
        if index == len(self._chunks):
            self._grow(index)
        chunk, words = self._chunks[index]
        at = KEYS_AT + slot * KEY_SIZE
        chunk[at : at + _KEY.size + len(raw)] = _KEY.pack(len(raw)) + raw
        account = self._accounts[key] = Account(key, words, slot * ACCOUNT_WORDS)
        self._words[USED] = number + 1
        return account

    def _grow(self, index: int) -> None:
        start = PAGE + index * CHUNK
        try:
            chunk = _map(self.path, start, CHUNK)
        except OSError as error:
            raise _storage_failed(self.path, error) from error
        self._chunks.append((chunk, memoryview(chunk).cast("q")))

    def lane(self, threads: int = 1) -> Lane:
        """A lane of its own for one replica or thread; `threads` bounds its CPU per second.

        Raises:
            InvalidInput: the process has its 128 lanes already.
        """
        with self._lock:
            if self._lanes == LANES:
                raise InvalidInput(f"a process has at most {LANES} lanes: share one per thread")
            self._lanes += 1
            return Lane(self._words, LANES_AT_WORD + 2 * (self._lanes - 1), threads)

    def clock_ns(self) -> int:
        """CPU nanoseconds of the process, all its threads.

        Raises:
            OSError: it is a child that has been waited for already.
        """
        return process_clock_ns(self.pid)

    def begin(self) -> None:
        """Work begins in this process's first lane."""
        self._lane.begin()

    def end(self) -> None:
        """The first lane's work ended and was charged."""
        self._lane.end()

    def charge_whole_process(self) -> None:
        """Say that all CPU of this process is work of one account, charged as time goes by (A4)."""
        self._words[WHOLE_PROCESS] = 1

    def count_children(self, cpu_ns: int) -> None:
        """Say that children without counters of their own have used this much so far; charge first.

        It is CPU of this process from then on, where it was somebody else's before.
        """
        self._words[CHILDREN_CPU] = cpu_ns

    def charge_accelerators(self) -> None:
        """Say that what this process uses of accelerators will be charged, if later (A1)."""
        self._words[CHARGES_ACCELERATORS] = 1

    def accelerator_charged(self, nj: int) -> None:
        """Say that so much of what was just charged is energy of accelerators (A1)."""
        self._words[ACCELERATOR] += nj

    def finish(self) -> None:
        """Write the final CPU clock; the owner books the rest and removes the file.

        A child that has ended keeps its clock until somebody has waited for it.

        Raises:
            OSError: the child has been waited for already.
        """
        for number in range(self._lanes):
            self._words[LANES_AT_WORD + 2 * number] = 0
        self._words[FINAL_CPU] = self.clock_ns() + self._words[CHILDREN_CPU]


def _create(path: Path, name: str, platform: str, pid: int) -> None:
    """Make the file whole under another name first, so that no reader sees half a header."""
    fresh = path.with_suffix(".new")
    raw_name = name.encode()[:NAME_LIMIT]
    raw_platform = platform.encode(errors="surrogateescape")[-PLATFORM_LIMIT:]
    header = struct.pack(
        "=10q", MAGIC, pid, start_ticks(pid), process_clock_ns(pid), 0, 0, 0, 0, 0, 0
    ).ljust(NAME_AT, b"\0")
    header = (header + _KEY.pack(len(raw_name)) + raw_name).ljust(PLATFORM_AT, b"\0")
    header += _KEY.pack(len(raw_platform)) + raw_platform
    fresh.write_bytes(header.ljust(PAGE, b"\0"))
    fresh.replace(path)


def _map(path: Path, start: int, length: int) -> mmap.mmap:
    """Room first, so that a full disk is an error here and not a signal at some later store."""
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), start, length)
        return mmap.mmap(file.fileno(), length, offset=start)


def _storage_failed(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"cannot keep energy counters in {path} ({error.strerror}): free space there, "
        "or choose another runtime folder"
    )


def start_ticks(pid: int) -> int:
    """When the process began, in clock ticks since boot; tells a reused pid from the first.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError as error:
        raise ProcessLookupError(f"no process {pid}") from error
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def process_clock_ns(pid: int, clock: Callable[[int], int] = clock_gettime_ns) -> int:
    """CPU nanoseconds of another process, all its threads, to the nanosecond.

    The kernel numbers process clocks `(~pid << 3) | 2` (Linux, posix-timers.h).

    Raises:
        OSError: there is no such process.
    """
    return clock((~pid << 3) | 2)


def read_key(chunk: mmap.mmap, slot: int) -> str:
    """The account name in one slot of a chunk."""
    at = KEYS_AT + slot * KEY_SIZE
    (length,) = _KEY.unpack_from(chunk, at)
    return chunk[at + _KEY.size : at + _KEY.size + length].decode()


def read_name(header: mmap.mmap, at: int = NAME_AT) -> str:
    """The process name in a header; its platform at `PLATFORM_AT`."""
    (length,) = _KEY.unpack_from(header, at)
    return header[at + _KEY.size : at + _KEY.size + length].decode(errors="replace")
