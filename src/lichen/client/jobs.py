"""Jobs for Python: what runs, ran and will run, and waiting for it."""

import time
from collections.abc import Callable

import msgspec

from lichen.client.paths import part
from lichen.client.session import Session
from lichen.core.errors import WorkFailed, named_error
from lichen.protocol.admin import Job, JobKind, JobRequest, JobState
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import TrainSpec

Watcher = Callable[[Job], None]
"""Called with the job each time it was looked at, the last time with its final state."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 0.5


class Jobs:
    """`lichen jobs`: what runs, ran and will run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ls(self, state: JobState | None = None) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._session.pages("/jobs", Job, {"state": state}))

    def show(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: there is no such job.
        """
        return self._session.get(f"/jobs/{part(job_id, 'job')}", Job)

    def logs(self, job_id: str) -> str:
        """What the job wrote."""
        return self._session.send("GET", f"/jobs/{part(job_id, 'job')}/log").text

    def submit(self, kind: JobKind, spec: object, schedule: ScheduleRequest | None = None) -> Job:
        """Accept a job: durable once this returns; it runs at once without a schedule.

        Raises:
            InvalidInput: spec or schedule cannot be; the message says why and what to do.
            QueueFull: too many jobs wait already.
        """
        request = JobRequest(
            kind=kind, spec=msgspec.to_builtins(spec, str_keys=True), schedule=schedule
        )
        return self._session.post("/jobs", lambda: msgspec.json.encode(request), Job)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end; it ends by SIGTERM, after a grace by SIGKILL."""
        return self._session.post(f"/jobs/{part(job_id, 'job')}/cancel", lambda: b"", Job)

    def pause(self, job_id: str) -> Job:
        """Let a job stand still until it is resumed: one that runs ends at its next checkpoint.

        Raises:
            Conflict: it has ended, or runs without checkpoints.
        """
        return self._session.post(f"/jobs/{part(job_id, 'job')}/pause", lambda: b"", Job)

    def resume(self, job_id: str) -> Job:
        """Let a job that was paused go on from its last checkpoint.

        Raises:
            Conflict: it has ended.
        """
        return self._session.post(f"/jobs/{part(job_id, 'job')}/resume", lambda: b"", Job)

    def wait(self, job_id: str, watcher: Watcher | None = None) -> Job:
        """The job once it has succeeded, however long that takes.

        Raises:
            LichenError: the job failed; the error has the class it had there.
            WorkFailed: the job was cancelled.
        """
        pause = FIRST_PAUSE_SECONDS
        while True:
            job = self.show(job_id)
            if watcher is not None:
                watcher(job)
            if job.state.final:
                return _succeeded(job)
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)


def train_job(jobs: Jobs, spec: TrainSpec, watcher: Watcher | None = None) -> Job:
    """Submit a training and wait for its version."""
    return jobs.wait(jobs.submit(JobKind.TRAIN, spec).id, watcher)


def _succeeded(job: Job) -> Job:
    if job.state is JobState.SUCCEEDED:
        return job
    if job.state is JobState.CANCELLED:
        raise WorkFailed(f"job {job.id} was cancelled")
    if job.error is None:
        raise WorkFailed(f"job {job.id} failed: see `lichen jobs logs {job.id}`")
    raise named_error(job.error.code, job.error.message)
