"""One attempt at a job as the worker sees it: a process group of its own with a log."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from lichen.control.transitions import JobRecord
from lichen.core.errors import StorageFailed
from lichen.server.home import Home
from lichen.server.parentage import tied_to_this_process
from lichen.store.failures import storage_failures

LOG = "log"
PROGRESS = "progress.json"
CHECKPOINTS = "checkpoint"
STOP = "stop"
"""A file in the job's folder: it is to end at its next checkpoint."""
FETCHED = "fetched"
"""A folder of what a pull fetches."""
WORKING_FOLDERS = (CHECKPOINTS, "input", "scratch", FETCHED)
"""What of a job's folder nobody needs once it has ended; its log stays."""


class Attempt:
    """The process that runs a job under one fence; it is killed when the worker ends."""

    def __init__(self, home: Home, job: JobRecord) -> None:
        self.job_id = job.id
        self.fence = job.fence
        self._kill_at: float | None = None
        self._is_stopping = self._was_asked_to_stop = False
        self._folder = folder = home.job(job.id)
        with storage_failures(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / STOP).unlink(missing_ok=True)
            log = (folder / LOG).open("ab")
        with log:
            why = f"{job.why}\n" if job.why else ""
            log.write(f"-- attempt {job.attempt} --\n{why}".encode())
            log.flush()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "lichen.server.work.job", job.id, str(job.fence)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=tied_to_this_process(),
                start_new_session=True,
            )

    @property
    def pgid(self) -> int:
        """Its process group."""
        return self._process.pid

    @property
    def was_told_to_end(self) -> bool:
        """Whether the worker itself ended it, so that what it kept is all but the last moments."""
        return self._kill_at is not None

    @property
    def has_stopped(self) -> bool:
        """Whether it ended of itself after it was asked to stop at a checkpoint."""
        code = self._process.poll()
        return self._was_asked_to_stop and code is not None and code >= 0

    def ended(self) -> str | None:
        """How the process ended, in words; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        self._signal(signal.SIGKILL)  # whatever it left behind in its group
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with code {code}"

    def cancel(self, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL after the grace; asking again changes nothing."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace_seconds
            self._signal(signal.SIGTERM)

    def stop_at_checkpoint(self) -> None:
        """Let it end when it has saved what it did; asking again changes nothing.

        Raises:
            StorageFailed: the disk does not take the word.
        """
        if not self._is_stopping:
            with storage_failures(self._folder):
                (self._folder / STOP).touch()
            self._is_stopping = self._was_asked_to_stop = True

    def go_on(self) -> None:
        """Take back that it is to stop, if it has not done so yet.

        Raises:
            StorageFailed: the disk does not take the word.
        """
        if self._is_stopping:
            with storage_failures(self._folder):
                (self._folder / STOP).unlink(missing_ok=True)
            self._is_stopping = False

    def enforce(self) -> None:
        """Kill it if its grace has passed."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pgid, number)


def end_stray(job: JobRecord) -> None:
    """Kill the process group of an earlier life's attempt, if it is still that job's.

    It died with its worker, unless somebody changed how the kernel ties the two.
    """
    if job.pgid is None:
        return
    try:
        command = Path(f"/proc/{job.pgid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return
    if job.id.encode() in command:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pgid, signal.SIGKILL)


def clear_away(home: Home, job_id: str) -> None:
    """Remove what a job that has ended worked with: a killed one cannot do so itself."""
    for name in WORKING_FOLDERS:
        shutil.rmtree(home.job(job_id) / name, ignore_errors=True)


def log_of(home: Home, job_id: str, limit_bytes: int) -> str:
    """The end of what a job wrote, at most `limit_bytes` of it; empty before it started.

    Raises:
        StorageFailed: the log cannot be read.
    """
    path = home.job(job_id) / LOG
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit_bytes))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StorageFailed(f"the log {path} cannot be read: {error.strerror}") from error
