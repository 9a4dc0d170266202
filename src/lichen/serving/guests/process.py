"""One life of a guest: the process, the socket on which it is asked, and its end."""

import os
import select
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

from lichen.energy.counters import process_clock_ns
from lichen.serving.guests.log import GuestLog
from lichen.serving.guests.main import Head, receive_frame, send_frame

LARGEST_ANSWER = 1 << 30
"""Bytes of one answer; a guest that sends more is stopped."""
_CHUNK = 1 << 16


class GuestGone(Exception):
    """The guest ended, or had to be stopped, before it answered; the message says which."""


class GuestStuck(GuestGone):
    """It did not answer in time and was stopped."""


@dataclass(frozen=True, slots=True)
class GuestCommand:
    """How a guest is started: in `folder`, with this environment and no other variable."""

    python: Path
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    memory_bytes: int = 0


class GuestProcess:
    """A child in a session of its own.

    The kernel kills it when the thread that made it ends (prctl(2)): make it in the thread that
    attends to it.
    """

    def __init__(self, command: GuestCommand) -> None:
        """Start it.

        Raises:
            OSError: the machine has no room for a process, or there is no such interpreter.
        """
        self._ours, theirs = socket.socketpair()
        with theirs:
            numbers = [theirs.fileno(), os.getpid(), command.memory_bytes]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - an interpreter and our own script
                    [str(command.python), *command.arguments, *(str(one) for one in numbers)],
                    cwd=command.folder,
                    env=dict(command.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except BaseException:
                self._ours.close()
                raise
        self.pid = self._process.pid
        self._is_buried = False
        self._burial = Lock()

    def attend(self, log: GuestLog, on_told: Callable[[Head], None], load_seconds: float) -> None:
        """Relay what it writes until it has ended; `on_told` gets its word that it is loaded.

        It is stopped when that word does not come in time.
        """
        written = self._process.stdout
        if written is None:
            return
        ended = os.pidfd_open(self.pid)
        poller = select.poll()
        for descriptor in (ended, written.fileno(), self._ours.fileno()):
            poller.register(descriptor, select.POLLIN)
        give_up: float | None = monotonic() + load_seconds
        try:
            while True:
                wait_ms = None if give_up is None else max(0.0, give_up - monotonic()) * 1000
                found = {descriptor for descriptor, _ in poller.poll(wait_ms)}
                if not found:
                    give_up = None
                    poller.unregister(self._ours.fileno())
                    on_told({"error": {"kind": "TimeoutError", "message": _slow(load_seconds)}})
                    self.kill()
                if self._ours.fileno() in found:
                    give_up = None
                    poller.unregister(self._ours.fileno())
                    on_told(self._hear())
                if written.fileno() in found and not self._relay(written.fileno(), log):
                    poller.unregister(written.fileno())
                if ended in found:
                    break
        finally:
            os.close(ended)
        self.kill()  # whatever it left behind in its group
        self._drain(written.fileno(), log)
        log.end()

    def ask(
        self, head: Head, parts: Sequence[bytes], seconds: float
    ) -> tuple[Head, memoryview, int]:
        """Its answer, and the CPU nanoseconds of its process that the answer took (A1).

        Raises:
            GuestStuck: it did not answer in time, and was stopped.
            GuestGone: it ended before it answered, or said what is no answer and was stopped.
        """
        line = _Timed(self._ours, seconds)
        try:
            mark = process_clock_ns(self.pid)
            line.send(head, parts)
            frame = receive_frame(line, LARGEST_ANSWER)
            spent_ns = process_clock_ns(self.pid) - mark
        except TimeoutError as error:
            self.kill()
            raise GuestStuck(f"did not answer within {seconds:g} s and was stopped") from error
        except OSError as error:
            raise GuestGone("ended while it worked on this") from error
        except (ValueError, struct.error) as error:
            self.kill()
            raise GuestGone("said what is no answer and was stopped") from error
        if frame is None:
            raise GuestGone("ended while it worked on this")
        return *frame, spent_ns

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        with self._burial:
            if self._is_buried:
                return True
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return ended is not None

    def kill(self) -> None:
        """End it at once, and all that it started; when it has been buried, nothing."""
        with self._burial:
            if not self._is_buried:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> str:
        """Wait for it, so that its pid and its clock are free again; how it ended, in words."""
        with self._burial:
            code = self._process.wait()
            self._is_buried = True
        self._ours.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with code {code}"

    def _hear(self) -> Head:
        """Its first word; nothing when it ended without one."""
        try:
            frame = receive_frame(_Timed(self._ours, 1.0), 0)
        except (OSError, ValueError):
            frame = None
        if frame is None:
            self.kill()
            return {"error": {"kind": "EOFError", "message": "it ended while it was loaded"}}
        return frame[0]

    @staticmethod
    def _relay(descriptor: int, log: GuestLog) -> bool:
        written = os.read(descriptor, _CHUNK)
        log.take(written)
        return bool(written)

    def _drain(self, descriptor: int, log: GuestLog) -> None:
        """What is in the pipe still; whoever left its group may hold it open for ever."""
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            for _ in range(_CHUNK):
                if not self._relay(descriptor, log):
                    return


class _Timed:
    """A socket whose whole conversation has to end in time."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self._line = line
        self._give_up = monotonic() + seconds

    def send(self, head: Head, parts: Sequence[bytes]) -> None:
        self._line.settimeout(self._left())
        send_frame(self._line, head, parts)

    def recv(self, size: int) -> bytes:
        self._line.settimeout(self._left())
        return self._line.recv(size)

    def _left(self) -> float:
        return max(0.001, self._give_up - monotonic())


def _slow(seconds: float) -> str:
    return f"it was not loaded within {seconds:g} s"
