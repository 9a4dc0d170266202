"""Our processes as the owner sees them: their CPU clocks and their mapped counters (M3, A6)."""

import mmap
import os
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime_ns, monotonic_ns

from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy import counters as layout
from lichen.energy.meter import OwnCpu
from lichen.energy.readings import Charge, ProcessReading

KEEP_DEAD_NS = 10 * NANOSECONDS_PER_SECOND
"""How long the file of a dead process stays, so that whoever follows the owner reads it too."""


class Watched:
    """One process's file of counters, mapped for reading, and its CPU clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._header = mmap.mmap(file.fileno(), layout.PAGE, access=mmap.ACCESS_READ)
        self._words: memoryview[int] = memoryview(self._header).cast("q")
        if self._words[0] != layout.MAGIC:
            raise ValueError(f"{path} holds no counters of this version")
        self.pid = self._words[layout.PID]
        self.started = self._words[layout.STARTED]
        self.name = layout.read_name(self._header)
        self.platform = layout.read_name(self._header, layout.PLATFORM_AT)
        self.alive = True
        self.reported_dead_ns: int | None = None
        self._chunks: list[mmap.mmap] = []
        self._keys: list[str] = []
        self._sequences: list[list[int]] = []
        self._seen: list[Charge] = []
        self._clock_ns = self._children_ns = 0
        self._base_ns = 0
        self._base_accelerator_nj = 0
        self._base: tuple[Charge, ...] = ()

    def baseline(self, *, now: bool, whole: bool) -> int:
        """Fix where counting begins; the CPU time counted at once.

        `now` begins at this moment (what was there before the owner is not its to book), `whole`
        at the start of the process, otherwise at the making of its counters.
        """
        self.update_clock()
        if now:
            self._base_ns = self._clock_ns
            self._base = self._charges_so_far()
            self._base_accelerator_nj = self._words[layout.ACCELERATOR]
        elif not whole:
            self._base_ns = self._words[layout.CREATED_CPU]
        return self.cpu_ns

    @property
    def cpu_ns(self) -> int:
        """CPU time since its baseline."""
        return max(0, self._clock_ns - self._base_ns)

    def update_clock(self) -> int:
        """Read the CPU clock, unless the process has gone; a clock that went back is another's.

        The CPU time of children that it counts since the last look, and that was others' then.
        """
        if not self.alive:
            return 0
        children_ns = self._words[layout.CHILDREN_CPU]
        try:
            now_ns = layout.process_clock_ns(self.pid) + children_ns
        except OSError:
            self._end()
            return 0
        if now_ns < self._clock_ns:
            self._end()
            return 0
        self._clock_ns = now_ns
        adopted_ns, self._children_ns = children_ns - self._children_ns, children_ns
        return adopted_ns

    def check_alive(self) -> None:
        """Notice an end that left its clock readable: a zombie, or a reused pid."""
        if self.alive and not _runs(self.pid, self.started):
            self._end()

    def _end(self) -> None:
        """Its clock at the end: its own last word, or the last sample, and at least its charges."""
        self.alive = False
        charged_ns = sum(charge.cpu_ns for charge in self.charges())
        self._clock_ns = max(
            self._clock_ns, self._words[layout.FINAL_CPU], self._base_ns + charged_ns
        )

    def reading(self) -> ProcessReading:
        """What there is to book; the clock was read before, lanes come next, charges last (L1)."""
        in_flight_ns = self._in_flight_ns() if self.alive else 0
        return ProcessReading(
            name=self.name,
            pid=self.pid,
            started=self.started,
            cpu_ns=self.cpu_ns,
            charges=self.charges(),
            in_flight_ns=in_flight_ns,
            whole_process=bool(self._words[layout.WHOLE_PROCESS]),
            alive=self.alive,
            platform=self.platform,
            accelerator_charged_nj=self._words[layout.ACCELERATOR] - self._base_accelerator_nj,
            charges_accelerators=bool(self._words[layout.CHARGES_ACCELERATORS]),
        )

    def _in_flight_ns(self) -> int:
        now_ns = monotonic_ns()
        lanes = self._words[layout.LANES_AT_WORD : layout.LANES_AT_WORD + 2 * layout.LANES].tolist()
        return sum(
            (now_ns - began_ns) * threads
            for began_ns, threads in zip(lanes[::2], lanes[1::2], strict=True)
            if began_ns
        )

    def charges(self) -> tuple[Charge, ...]:
        """What it charged to each account since its baseline, in the order of its accounts."""
        now = self._charges_so_far()
        base = self._base
        if not base:
            return now
        return tuple(
            Charge(
                charge.account,
                charge.cpu_ns - base[index].cpu_ns,
                charge.nj - base[index].nj,
                charge.ng - base[index].ng,
                charge.count - base[index].count,
            )
            if index < len(base)
            else charge
            for index, charge in enumerate(now)
        )

    def _charges_so_far(self) -> tuple[Charge, ...]:
        """All its charges; those that did not move since the last look are the same objects."""
        used = self._words[layout.USED]
        self._map_chunks(used)
        for index, chunk in enumerate(self._chunks):
            first = index * layout.CHUNK_ACCOUNTS
            slots = min(layout.CHUNK_ACCOUNTS, used - first)
            with memoryview(chunk) as raw, raw.cast("q") as words:
                sequences = words[: slots * layout.ACCOUNT_WORDS].tolist()[:: layout.ACCOUNT_WORDS]
                before = self._sequences[index]
                for slot in range(slots):
                    if slot >= len(before) or sequences[slot] != before[slot]:
                        numbers = _whole(words, slot * layout.ACCOUNT_WORDS)
                        self._seen[first + slot] = Charge(self._keys[first + slot], *numbers)
            self._sequences[index] = sequences
        return tuple(self._seen)

    def _map_chunks(self, used: int) -> None:
        while len(self._keys) < used:
            index, slot = divmod(len(self._keys), layout.CHUNK_ACCOUNTS)
            if index == len(self._chunks):
                start = layout.PAGE + index * layout.CHUNK
                with self.path.open("rb") as file:
                    self._chunks.append(
                        mmap.mmap(
                            file.fileno(), layout.CHUNK, access=mmap.ACCESS_READ, offset=start
                        )
                    )
                self._sequences.append([])
            key = layout.read_key(self._chunks[index], slot)
            self._keys.append(key)
            self._seen.append(Charge(key, 0, 0, 0, 0))

    def close(self) -> None:
        """Unmap."""
        self._words.release()
        self._header.close()
        for chunk in self._chunks:
            chunk.close()


def _whole(words: "memoryview[int]", at: int) -> list[int]:
    """The numbers of an account that count: read again if two charges came while they were read."""
    while True:
        sequence = words[at]
        bank = at + layout.BANKS_AT + layout.BANK_WORDS * (sequence & 1)
        numbers = words[bank : bank + layout.BANK_WORDS].tolist()
        if words[at] == sequence:
            return numbers


def _runs(pid: int, started: int) -> bool:
    """Whether the process of that start still runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields = stat[stat.rindex(b")") + 2 :].split()
    return fields[0] not in (b"Z", b"X") and int(fields[19]) == started


def _boot_ticks() -> int:
    tick_ns = NANOSECONDS_PER_SECOND // os.sysconf("SC_CLK_TCK")
    return clock_gettime_ns(CLOCK_BOOTTIME) // tick_ns


class Processes:
    """Every process with counters in the runtime folder, followed from its appearing to its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / layout.COUNTERS_FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._watched: dict[str, Watched] = {}
        self._began_ticks = _boot_ticks()
        self._ended_ns = 0
        self._scanned_mtime_ns = 0
        self._scan(first=True)

    def sample(self, *, closing: bool = False) -> OwnCpu:
        """Read every clock; `closing` also looks for processes that ended unseen."""
        changed = self._folder_mtime_ns() != self._scanned_mtime_ns
        adopted_ns = self._scan(first=False) if changed or closing else 0
        running_ns = 0
        for process in self._watched.values():
            adopted_ns += process.update_clock()
            if closing:
                process.check_alive()
            running_ns += process.cpu_ns
        return OwnCpu(self._ended_ns + running_ns, adopted_ns)

    def _folder_mtime_ns(self) -> int:
        """When the folder last changed; one that somebody swept away is made anew."""
        try:
            return self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return 0

    def _scan(self, *, first: bool) -> int:
        """Take in files that appeared, forget those that went; CPU time adopted with the new."""
        self._scanned_mtime_ns = self._folder_mtime_ns()
        names = {path.name for path in self._folder.glob("*" + layout.SUFFIX)}
        for gone in [
            name
            for name, process in self._watched.items()
            if name not in names and process.reported_dead_ns is not None
        ]:
            process = self._watched.pop(gone)
            self._ended_ns += process.cpu_ns
            process.close()
        return sum(self._adopt(name, first=first) for name in names - self._watched.keys())

    def _adopt(self, name: str, *, first: bool) -> int:
        try:
            process = Watched(self._folder / name)
        except (OSError, ValueError):
            return 0
        self._watched[name] = process
        process.check_alive()
        adopted_ns = process.baseline(now=first, whole=process.started >= self._began_ticks)
        if first and not process.alive:
            process.reported_dead_ns = monotonic_ns()
        return adopted_ns

    def readings(self) -> tuple[ProcessReading, ...]:
        """Every process as of the last `sample`; one that ended is read one last time."""
        found = []
        for process in self._watched.values():
            if process.reported_dead_ns is None:
                found.append(process.reading())
                if not process.alive:
                    process.reported_dead_ns = monotonic_ns()
        return tuple(found)

    def sweep(self) -> None:
        """Remove the files of processes that ended and were booked some seconds ago."""
        before_ns = monotonic_ns() - KEEP_DEAD_NS
        for process in self._watched.values():
            if process.reported_dead_ns is not None and process.reported_dead_ns < before_ns:
                process.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmap everything."""
        for process in self._watched.values():
            process.close()
        self._watched.clear()


def read_counters(folder: Path) -> list[ProcessReading]:
    """Every process's counters in the runtime folder as they stand now, from its start on."""
    found = []
    for path in sorted((folder / layout.COUNTERS_FOLDER).glob("*" + layout.SUFFIX)):
        try:
            process = Watched(path)
        except (OSError, ValueError):
            continue
        process.check_alive()
        process.baseline(now=False, whole=True)
        found.append(process.reading())
        process.close()
    return found
