"""A command and everything it starts, metered as it runs: `lichen meter run -- COMMAND`.

Its CPU time is the greatest of three sums, each of which may miss something and none of which
counts twice: what the kernel keeps of ended children plus the clocks of living ones; the last that
was seen of each look before; and the control group, where one can be made. We adopt orphans, so
that a daemon's CPU time is not lost when the one that started it ends.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lichen.carbon.tracker.prices import Tally
from lichen.carbon.tracker.span import Terms
from lichen.core.errors import NotFound, Refused
from lichen.core.figures import Receipt
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.cards.family_shares import FamilyShares
from lichen.energy.command_group import CommandGroup, own_group
from lichen.energy.counters import ProcessCounters
from lichen.energy.descendants import ended_children_ns, living, living_ns

_PR_SET_CHILD_SUBREAPER = 36
CONTROL_GROUP, CLOCKS = "control group", "process clocks"


@dataclass(frozen=True, slots=True)
class Booking:
    """As whose work, and in which platform's ledger, the command is booked."""

    account: str
    platform: str
    folder: Path


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended and what it cost.

    `exit_code` is minus the signal's number where a signal ended it; `left_running` is how many of
    its processes still run, counted up to its end; `counted_by` is who held the sum.
    """

    exit_code: int
    receipt: Receipt
    seconds: float
    cpu_ns: int
    left_running: int
    counted_by: str


class Books:
    """Counters from which a platform's ledger books the command as its own work (L1).

    They are those of this process: its own CPU time, which it charges to nobody, is overhead.
    """

    def __init__(self, booking: Booking) -> None:
        self._counters = ProcessCounters.create(booking.folder, "meter-run", booking.platform)
        self._account = self._counters.account(booking.account)
        self._cpu_ns = self._nj = self._ng = 0

    def charge(self, tally: Tally) -> None:
        """Bring the account to what was charged so far, exactly as the receipt has it (A3)."""
        spent = tally.spent()
        cpu_ns, nj = sum(one.cpu_ns for one in spent), sum(one.nj for one in spent)
        ng = sum(one.carbon().ng for one in spent)
        self._account.add(cpu_ns - self._cpu_ns, nj - self._nj, ng - self._ng, 0)
        # Charged before it is in the clock: else the owner might take it for overhead in between.
        self._counters.count_children(cpu_ns)
        self._cpu_ns, self._nj, self._ng = cpu_ns, nj, ng

    def finish(self) -> None:
        """One more command is done."""
        self._account.add(0, 0, 0, 1)
        self._counters.finish()


class MeteredCommand:
    """One command; `run` it once, from the main thread of a process that has no other children."""

    def __init__(self, terms: Terms, booking: Booking | None = None) -> None:
        self._terms = terms
        self._books = None if booking is None else Books(booking)
        self._group: CommandGroup | None = None
        self._lock = Lock()
        self._charged_ns = self._before_ns = 0

    def run(self, command: Sequence[str], started: Callable[[int], None]) -> CommandEnd:
        """Run it to its end; `started` learns its pid.

        Raises:
            NotFound: there is no such command.
            Refused: it is no program, or not ours to run.
            InvalidInput: the output cannot take rows.
            StorageFailed: the runtime folder cannot be written.
        """
        self._span = self._terms.begin()
        _adopt_orphans()
        self._before_ns = ended_children_ns()
        self._cards = FamilyShares(self._terms.folder)
        clock = self._terms.prices.clock
        began_ns = clock.monotonic_ns()
        child = _start(command)
        started(child.pid)
        self._group = CommandGroup.around(child.pid, own_group())
        self._span.session.watch(self)
        child.returncode = _wait(child.pid)
        self._span.session.unwatch(self)
        left_running = self._finish()
        return CommandEnd(
            child.returncode,
            self._span.receipt,
            (clock.monotonic_ns() - began_ns) / NANOSECONDS_PER_SECOND,
            self._span.tally.cpu_ns,
            left_running,
            CLOCKS if self._group is None else CONTROL_GROUP,
        )

    def charge_window(self) -> None:
        """Charge what was used so far (A4)."""
        with self._lock:
            if not self._span.ended:
                self._charge()
                self._span.tally.reprice()

    def _finish(self) -> int:
        """The last charge; how many of its processes still run."""
        left_running = len(living(os.getpid()))
        with self._lock:
            self._charge()
            self._span.end()
        if self._books is not None:
            self._books.finish()
        if self._group is not None:
            self._group.close()
        return left_running

    def _charge(self) -> None:
        now_ns = ended_children_ns() - self._before_ns + living_ns(os.getpid())
        if self._group is not None:
            now_ns = max(now_ns, self._group.cpu_ns())
        if now_ns > self._charged_ns:
            self._span.tally.add(now_ns - self._charged_ns)
            self._charged_ns = now_ns
        if self._books is not None:  # what cards used is `host/accelerators` in those books
            self._books.charge(self._span.tally)
            return
        card_nj = self._cards.take_nj(living(os.getpid()))
        if card_nj:
            self._span.tally.add_cards(card_nj)


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        # Whatever our own starter handed us open, such as the pipes of a parallel make, is its too.
        return subprocess.Popen(command, close_fds=False)  # noqa: S603 - what the user asked for
    except FileNotFoundError as error:
        raise NotFound(f"there is no command {command[0]!r}: check its name and PATH") from error
    except OSError as error:
        raise Refused(f"cannot run {command[0]!r}: {error.strerror}") from error


def _wait(pid: int) -> int:
    """Wait for the command, and for whatever orphan of its ends before; its exit code."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _adopt_orphans() -> None:
    """Become the parent of processes below us that lose theirs; where there is no such call, not.

    prctl(2), Linux 3.4.
    """
    try:
        prctl = ctypes.CDLL(None).prctl
    except AttributeError:
        return
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
