"""A job's progress on one line of a terminal: how far, which stage, how many joules so far."""

import shutil
import sys
import time

from lichen.core.clock import rfc3339
from lichen.core.units import readable
from lichen.protocol.admin import Job, JobState

SHOWN_AFTER_SECONDS = 1.0
BAR_CELLS = 24
CLEAR_LINE = "\r\x1b[2K"


class ProgressLine:
    """Draws a job each time it was looked at.

    Where nobody watches a terminal it is silent, but for what a job waits for: that may take long.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()
        self._drawn = False
        self._waited_for: str | None = None

    def __call__(self, job: Job) -> None:
        """Draw the job's state over the last drawing, and wipe it when the job has ended."""
        waits_for = _waits_for(job)
        if waits_for is not None and waits_for != self._waited_for:
            sys.stderr.write(f"{CLEAR_LINE if self._drawn else ''}{job.id} {waits_for}\n")
            sys.stderr.flush()
        self._waited_for = waits_for
        waited = time.monotonic() - self._began
        if not self._live or waited < SHOWN_AFTER_SECONDS:
            return
        if job.state.final:
            sys.stderr.write(CLEAR_LINE if self._drawn else "")
        else:
            room = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be wiped
            sys.stderr.write(CLEAR_LINE + drawing(job, waited)[:room])
            self._drawn = True
        sys.stderr.flush()


def _waits_for(job: Job) -> str | None:
    if job.state is JobState.PAUSED:
        return f"is paused: `lichen jobs resume {job.id}` lets it go on"
    return job.waits_for


def drawing(job: Job, waited_seconds: float) -> str:
    """One line: bar, share, stage, energy so far."""
    progress = job.progress
    if job.state is JobState.PAUSED:
        return f"{job.kind.value} paused: `lichen jobs resume {job.id}` · {waited_seconds:.0f} s"
    if job.not_before is not None:
        until = rfc3339(job.not_before.replace(microsecond=0))
        return f"{job.kind.value} waits until {until} · {waited_seconds:.0f} s"
    if progress is None:
        return f"{job.kind.value} {job.state.value} · {waited_seconds:.0f} s"
    bar = ""
    if progress.fraction is not None:
        filled = round(BAR_CELLS * min(1.0, max(0.0, progress.fraction)))
        bar = f"[{'#' * filled}{'.' * (BAR_CELLS - filled)}] {progress.fraction:4.0%} · "
    energy = f" · {readable(progress.nj, 'J')}" if progress.nj is not None else ""
    return f"{bar}{progress.stage} {progress.message}".rstrip() + energy
