"""Child processes of the supervisor: started, watched for readiness, restarted, stopped."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lichen.server.inheritance import as_arguments
from lichen.server.parentage import tied_to_this_process

_log = logging.getLogger(__name__)

STEADY_SECONDS = 10.0
"""A child that lived so long died of something new: the back-off begins again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0


def pause_before_restart(deaths_in_a_row: int) -> float:
    """Seconds to wait before a child is started again: nothing at first, bounded in the end."""
    if deaths_in_a_row <= 1:
        return 0.0
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(deaths_in_a_row - 2, 16), LONGEST_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What to run: a module with the sockets that it serves; `slot` tells it from its siblings."""

    name: str
    module: str
    sockets: Mapping[str, socket.socket]
    slot: int = 0


class Child:
    """One child through all its lives."""

    def __init__(self, plan: ChildPlan, environment: Mapping[str, str]) -> None:
        self.plan = plan
        self.ready = False
        self.was_ready = False
        self.deaths_in_a_row = 0
        self.last_exit: int | None = None
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._ready_pipe: int | None = None
        self._started_at = 0.0
        self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self._process.pid if self._process else None

    def tend(self) -> bool:
        """Look after it: start it when it is due, notice that it is ready or has died.

        Returns:
            Whether anything changed.
        """
        if self._process is None:
            if time.monotonic() < self._start_at:
                return False
            self.start()
            return True
        if self._process.poll() is not None:
            self._bury()
            return True
        return self._notice_ready()

    def start(self) -> None:
        """Run it; when this machine has no room for a process, it counts as a death."""
        numbers = {name: each.fileno() for name, each in self.plan.sockets.items()}
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        arguments = as_arguments(numbers, write_end, self.plan.slot)
        command = [sys.executable, "-m", self.plan.module, *arguments]
        self._started_at = time.monotonic()
        self._ready_pipe = read_end
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                pass_fds=[*numbers.values(), write_end],
                preexec_fn=tied_to_this_process(),
                process_group=0,
            )
        except (OSError, subprocess.SubprocessError) as error:  # no room for a process now
            _log.error("the %s cannot be started and is tried again: %s", self.plan.name, error)
            self._bury()
        finally:
            os.close(write_end)

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stopped(self) -> bool:
        """Whether it has ended; it is then not started again unless tended."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _notice_ready(self) -> bool:
        if self._ready_pipe is None:
            return False
        try:
            said = os.read(self._ready_pipe, 1)
        except BlockingIOError:
            return False
        self._close_pipe()
        self.ready = self.ready or said == b"1"
        self.was_ready = self.was_ready or self.ready
        return self.ready

    def _bury(self) -> None:
        self._notice_ready()
        self._close_pipe()
        lived = time.monotonic() - self._started_at
        self.last_exit = self._process.returncode if self._process else None
        self.deaths_in_a_row = 1 if lived > STEADY_SECONDS else self.deaths_in_a_row + 1
        self._process = None
        self.ready = False
        self._start_at = time.monotonic() + pause_before_restart(self.deaths_in_a_row)

    def _close_pipe(self) -> None:
        if self._ready_pipe is not None:
            os.close(self._ready_pipe)
            self._ready_pipe = None
