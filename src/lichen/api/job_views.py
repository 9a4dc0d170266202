"""A job as its tenant sees it, with its progress, its plan, and what waiting brought."""

import msgspec

from lichen.api.admin_routes import Plane
from lichen.api.admin_savings import saving_view
from lichen.api.admin_views import job_view
from lichen.api.plan_views import run_view
from lichen.control.dispatch import AWAKE, Verdict, order
from lichen.control.intentions import Intentions
from lichen.control.transitions import JobRecord
from lichen.core.errors import LichenError
from lichen.protocol.admin import Job, JobState
from lichen.protocol.savings import LeverSaving

SOURCE = "source"
"""Of a script's spec: up to half a megabyte, and a page has many jobs."""


def viewed(plane: Plane, job: JobRecord, *, with_saving: bool = False) -> Job:
    """A job with its progress while it runs, and what is planned of one that can wait.

    Args:
        plane: what the handlers act on.
        job: the job.
        with_saving: whether the ledger is asked what an ended one saved: it takes a moment.
    """
    if job.state.final:
        return job_view(job) if not with_saving else _ended(plane, job)
    if job.state is JobState.RUNNING:
        return _planned(plane, job, job_view(job, plane.job_progress(job.id)))
    return _planned(plane, job, job_view(job))


def listed(plane: Plane, job: JobRecord) -> Job:
    """A job as one of a page: without the source of a script, which the job by its id has."""
    shown = viewed(plane, job)
    if SOURCE not in shown.spec:
        return shown
    spec = {name: one for name, one in shown.spec.items() if name != SOURCE}
    return msgspec.structs.replace(shown, spec=spec)


def _planned(plane: Plane, job: JobRecord, shown: Job) -> Job:
    """The same with what is intended, and with what it waits for now."""
    if job.schedule is None:
        return shown
    row = Intentions(plane.documents).of(job.id)
    shown = msgspec.structs.replace(shown, planned=None if row is None else run_view(row))
    if job.state is not JobState.QUEUED or job.not_before is not None:
        return shown
    found = order(job, row, plane.jobs.now(), AWAKE)
    if found.verdict is not Verdict.WAIT:
        return shown
    return msgspec.structs.replace(shown, not_before=found.until, waits_for=found.says)


def _ended(plane: Plane, job: JobRecord) -> Job:
    return msgspec.structs.replace(job_view(job), saved=_saved(plane, job))


def _saved(plane: Plane, job: JobRecord) -> LeverSaving | None:
    """What waiting brought; None where the ledger does not hold its end yet, or is damaged."""
    try:
        saving = plane.levers.saved_by(job)
    except LichenError:
        return None
    return None if saving is None else saving_view(saving)
