"""The process of a script and all that it starts: watched, bounded, and ended to the last one."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import lichen
from lichen.energy.descendants import living
from lichen.server.work.confined.footprint import Footprint, measured
from lichen.server.work.confined.kernel import adopt_orphans
from lichen.server.work.confined.launcher import Plan, written

TICK_SECONDS = 0.05
"""So long at most a script does what it may not before somebody sees it."""
END_SECONDS = 3.0
"""How long ending everything may take before the launcher itself is killed."""
_CHUNK = 1 << 16
_READS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """What a script may take: wall seconds, bytes, processes, and seconds of grace at its end."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    processes: int
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """How a script ended: its code (128 + the signal's number), and why it was ended, if it was."""

    code: int
    why: str | None


class ScriptProcess:
    """One run of a script; `attend` to it from the main thread, which it ends with."""

    def __init__(self, plan: Plan, limits: ScriptLimits, pass_fds: Sequence[int]) -> None:
        """Start it.

        Raises:
            OSError: the machine has no room for a process.
        """
        adopt_orphans()
        self._limits = limits
        self._folder = Path(plan.folder)
        ours = {"PYTHONPATH": str(Path(lichen.__file__).parents[1])}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "lichen.server.work.confined.launcher", written(plan)],
            env=ours,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._began = monotonic()
        self._why: str | None = None
        self._kill_at: float | None = None
        self._look_at = 0.0

    def attend(self, take: Callable[[bytes], None], tick: Callable[[], None]) -> ScriptEnd:
        """Relay what it prints and hold it to its limits until it has ended.

        Args:
            take: is given what it prints.
            tick: called twenty times a second.
        """
        printed = self._process.stdout
        assert printed is not None  # noqa: S101 - it was asked for
        os.set_blocking(printed.fileno(), False)
        ended = os.pidfd_open(self.pid)
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.register(printed.fileno(), select.POLLIN)
        try:
            while True:
                found = {one for one, _ in poller.poll(TICK_SECONDS * 1000)}
                if printed.fileno() in found and not _relay(printed.fileno(), take):
                    poller.unregister(printed.fileno())
                if ended in found:
                    break
                self._enforce()
                tick()
        except BaseException:  # the job itself is being ended: the script has its grace first
            self.ask_to_end(None)
            self._wait_for_end(printed.fileno(), take)
            raise
        finally:
            os.close(ended)
            self._end_now()
            _relay(printed.fileno(), take)
            printed.close()
        return ScriptEnd(self._process.returncode, self._why)

    def ask_to_end(self, why: str | None) -> None:
        """SIGTERM to the script; after the grace everything is ended. Asking again changes nothing.

        Args:
            why: said of it; None: it is not its fault.
        """
        if self._kill_at is None:
            self._why = self._why or why
            self._kill_at = monotonic() + self._limits.grace_seconds
            self._send(signal.SIGTERM)

    def _wait_for_end(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        """Let it have its grace, and hear what it says meanwhile."""
        while self._process.poll() is None and monotonic() < (self._kill_at or 0.0):
            _relay(descriptor, take)
            sleep(TICK_SECONDS)

    def _enforce(self) -> None:
        now, limits = monotonic(), self._limits
        if self._kill_at is not None and now >= self._kill_at:
            self._send(signal.SIGUSR1)
            self._kill_at = now + END_SECONDS
        if now - self._began > limits.seconds:
            self.ask_to_end(
                f"it did not end within {limits.seconds:g} s: give it more with --time-limit, or "
                "let it do less"
            )
        self._check(len(living(self.pid)), now)

    def _check(self, processes: int, now: float) -> None:
        limits = self._limits
        if processes > limits.processes:
            self._end_for(
                f"it had {processes} processes, and {limits.processes} is the limit: start fewer, "
                "or set script_processes under [limits]"
            )
        elif now >= self._look_at:
            found = measured(self.pid, self._folder, limits.memory_bytes)
            self._look_at = monotonic() + found.rest_seconds
            self._judge(found)

    def _judge(self, found: Footprint) -> None:
        limits = self._limits
        if found.memory_bytes > limits.memory_bytes:
            self._end_for(
                f"it took {found.memory_bytes >> 20} MiB of memory, and "
                f"{limits.memory_bytes >> 20} is the limit: give it more with --memory-limit, or "
                "let it hold less"
            )
        elif found.disk_bytes > limits.disk_bytes or found.is_crowded:
            self._end_for(
                f"it wrote {found.disk_bytes >> 20} MiB in {found.files} files, and "
                f"{limits.disk_bytes >> 20} MiB is the limit: give it more with --disk-limit, or "
                "let it keep less"
            )

    def _end_for(self, why: str) -> None:
        """End it at once: it took what it may not."""
        if self._why is None:
            self._why = why
            self._send(signal.SIGUSR1)
            self._kill_at = monotonic() + END_SECONDS

    def _end_now(self) -> None:
        """End the launcher with all below it, however it stands."""
        self._send(signal.SIGUSR1)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _end_orphans()

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def _relay(descriptor: int, take: Callable[[bytes], None]) -> bool:
    """Pass on what is there, but for ever; False at its end."""
    for _ in range(_READS_AT_ONCE):
        try:
            printed = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        if not printed:
            return False
        take(printed)
    return True


def _end_orphans() -> None:
    """End what the launcher left, which is ours now: there is something only if it was killed."""
    while pids := living(os.getpid()):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
