"""Close a window: every nanojoule the meter read goes to exactly one account (L1).

    meter = work + overhead + host/other + host/accelerators + in-progress + idle + rate-variance

which sums to zero.

Signs: what the meter read is negative, what it went to is positive; `in-progress` and
`rate-variance` have either sign. Pure: readings in, postings out.

For each process of ours, C is its CPU clock, Q the CPU it charged, and G an upper bound of the
CPU in flight, read in this order (C, then G, then Q). Then C - Q - G never exceeds the true
overhead, and the booked overhead O is its running maximum: never negative, never taken back, and
right within the work in flight at one border. What is left, C - Q - O, is work in progress, a
level whose change is booked and which therefore reverses itself.

What a process of ours used of accelerators by their counters is treated the same, in nanojoules:
what it charged is work, what it will charge is in progress, the rest its overhead. What others
used, or nobody is known to have used, is `host/accelerators`: a line only where there are any.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lichen.energy.meter import Window
from lichen.energy.readings import Charge, ProcessReading

METER = "meter"
IDLE = "idle"
IN_PROGRESS = "in-progress"
HOST_OTHER = "host/other"
HOST_ACCELERATORS = "host/accelerators"
RATE_VARIANCE = "rate-variance"
OVERHEAD_PREFIX = "overhead/"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a closed window.

    `ng` is what the work was charged when its receipts were issued (A3), and absent on lines that
    nobody has priced yet. `count` is how many pieces of work it holds.
    """

    account: str
    nj: int
    cpu_ns: int = 0
    ng: int | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class ProcessLevel:
    """How far one process has been booked."""

    pid: int
    started: int
    cpu_ns: int
    overhead_ns: int
    charges: tuple[Charge, ...]
    accelerator_nj: int = 0
    accelerator_overhead_nj: int = 0


@dataclass(frozen=True, slots=True)
class Levels:
    """What has been booked up to a window's end, for the next closing to start from."""

    processes: tuple[ProcessLevel, ...] = ()
    in_progress_ns: int = 0
    in_progress_nj: int = 0
    accelerator_in_progress_nj: int = 0


NOTHING_BOOKED = Levels()


def close(
    window: Window, readings: Sequence[ProcessReading], levels: Levels = NOTHING_BOOKED
) -> tuple[tuple[Posting, ...], Levels]:
    """The postings of one window, which sum to 0 nJ, and the levels for the next.

    Args:
        window: what the meter read between two moments.
        readings: our processes at the window's end; each appears once.
        levels: what the previous closing returned.
    """
    sums = _sum_up(readings, {(level.pid, level.started): level for level in levels.processes})
    rate = window.rate
    in_progress_nj = round(sums.in_progress_ns * rate.nj_per_cpu_ns)
    accelerators = sums.accelerators
    after = Levels(
        tuple(sums.processes), sums.in_progress_ns, in_progress_nj, accelerators.in_progress_nj
    )
    other_ns = window.busy_cpu_ns - sums.own_ns
    lines = [
        *sums.work.values(),
        *(
            Posting(
                OVERHEAD_PREFIX + name,
                rate.nanojoules(cpu_ns) + accelerators.overhead_nj[name],
                cpu_ns,
            )
            for name, cpu_ns in sorted(sums.overhead_ns.items())
        ),
        Posting(
            IN_PROGRESS,
            _in_progress_nj(after) - _in_progress_nj(levels),
            after.in_progress_ns - levels.in_progress_ns,
        ),
        Posting(HOST_OTHER, round(other_ns * rate.nj_per_cpu_ns), other_ns),
        *_of_others(window.accelerator_nj - accelerators.own_nj),
        Posting(IDLE, window.idle_nj),
    ]
    variance_nj = window.energy_nj - sum(line.nj for line in lines)
    meter = Posting(METER, -window.energy_nj)
    return (meter, *lines, Posting(RATE_VARIANCE, variance_nj)), after


def _in_progress_nj(levels: Levels) -> int:
    return levels.in_progress_nj + levels.accelerator_in_progress_nj


def _of_others(accelerator_nj: int) -> tuple[Posting, ...]:
    return (Posting(HOST_ACCELERATORS, accelerator_nj),) if accelerator_nj else ()


@dataclass(slots=True)
class _Accelerators:
    """What our processes used of accelerators in one window, and how far each is booked."""

    own_nj: int = 0
    in_progress_nj: int = 0
    overhead_nj: Counter[str] = field(default_factory=Counter)

    def add(self, reading: ProcessReading, old: ProcessLevel, new: ProcessLevel) -> None:
        """Take in one process."""
        self.own_nj += new.accelerator_nj - old.accelerator_nj
        self.overhead_nj[reading.name] += new.accelerator_overhead_nj - old.accelerator_overhead_nj
        if reading.alive:
            uncharged_nj = reading.accelerator_nj - reading.accelerator_charged_nj
            self.in_progress_nj += uncharged_nj - new.accelerator_overhead_nj


@dataclass(slots=True)
class _Sums:
    """What all processes did in one window, and how far each is booked at its end."""

    processes: list[ProcessLevel] = field(default_factory=list)
    work: dict[str, Posting] = field(default_factory=dict)
    overhead_ns: Counter[str] = field(default_factory=Counter)
    own_ns: int = 0
    in_progress_ns: int = 0
    accelerators: _Accelerators = field(default_factory=_Accelerators)


def _sum_up(
    readings: Sequence[ProcessReading], before: Mapping[tuple[int, int], ProcessLevel]
) -> _Sums:
    sums = _Sums()
    for reading in readings:
        old = before.get((reading.pid, reading.started)) or _unbooked(reading)
        new = _level(reading, old)
        sums.own_ns += reading.cpu_ns - old.cpu_ns
        sums.overhead_ns[reading.name] += new.overhead_ns - old.overhead_ns
        _add_work(sums.work, reading.charges, old.charges)
        sums.accelerators.add(reading, old, new)
        if reading.alive:
            sums.processes.append(new)
            sums.in_progress_ns += reading.cpu_ns - reading.charged_ns - new.overhead_ns
    return sums


def _unbooked(reading: ProcessReading) -> ProcessLevel:
    return ProcessLevel(reading.pid, reading.started, 0, 0, ())


def _level(reading: ProcessReading, old: ProcessLevel) -> ProcessLevel:
    """The running maximum of C - Q - G, from 0."""
    uncharged_ns = reading.cpu_ns - reading.charged_ns
    in_flight_ns = 0
    if reading.alive:
        in_flight_ns = uncharged_ns if reading.whole_process else reading.in_flight_ns
    overhead_ns = max(old.overhead_ns, uncharged_ns - in_flight_ns)
    return ProcessLevel(
        reading.pid,
        reading.started,
        reading.cpu_ns,
        overhead_ns,
        reading.charges,
        reading.accelerator_nj,
        _accelerator_overhead_nj(reading, old),
    )


def _accelerator_overhead_nj(reading: ProcessReading, old: ProcessLevel) -> int:
    """What a process used and will not charge; one that charges all has none while it lives."""
    uncharged_nj = reading.accelerator_nj - reading.accelerator_charged_nj
    if reading.alive and reading.charges_accelerators:
        return old.accelerator_overhead_nj
    return max(old.accelerator_overhead_nj, uncharged_nj)


def _add_work(work: dict[str, Posting], now: Sequence[Charge], booked: Sequence[Charge]) -> None:
    """Add what was charged since; accounts keep their place in a process, new ones come last."""
    for index, charge in enumerate(now):
        old = booked[index] if index < len(booked) else Charge(charge.account, 0, 0, 0, 0)
        if charge is old or charge == old:
            continue
        line = work.get(charge.account) or Posting(charge.account, 0, 0, 0, 0)
        work[charge.account] = Posting(
            charge.account,
            line.nj + charge.nj - old.nj,
            line.cpu_ns + charge.cpu_ns - old.cpu_ns,
            (line.ng or 0) + charge.ng - old.ng,
            line.count + charge.count - old.count,
        )
