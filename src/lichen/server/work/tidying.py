"""What is left over of jobs, and when it goes: uploads, and what they worked with."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lichen.control.transitions import JobRecord
from lichen.server.home import Home
from lichen.server.work.attempt import clear_away

STALE_UPLOAD_SECONDS = 3600.0


def tidy(home: Home, job: JobRecord) -> None:
    """Remove what a job that has ended worked with, and its upload."""
    if not job.state.final:
        return
    clear_away(home, job.id)
    file = job.spec.get("file")
    if isinstance(file, dict):
        with suppress(OSError):  # a read-only disk; the sweep tries again
            (home.uploads / Path(str(file.get("upload"))).name).unlink(missing_ok=True)


def sweep(home: Home, unfinished: Sequence[JobRecord], now: datetime) -> None:
    """Remove uploads that no open job names and what ended jobs left, where nobody did so."""
    running = {job.id for job in unfinished}
    for folder in home.jobs.iterdir():
        if folder.name not in running:
            clear_away(home, folder.name)
    wanted = {str(job.spec["file"]["upload"]) for job in unfinished if "file" in job.spec}
    oldest = now.timestamp() - STALE_UPLOAD_SECONDS
    for path in home.uploads.iterdir():
        with suppress(OSError):  # gone meanwhile, or a read-only disk
            if path.name not in wanted and path.stat().st_mtime < oldest:
                path.unlink()
