"""What a verb prints of a job that was accepted, and that it does not stay for."""

import time
from datetime import datetime

import click

from lichen.cli.output import print_json, printable
from lichen.client.jobs import Jobs
from lichen.core.clock import rfc3339
from lichen.core.units import readable
from lichen.protocol.admin import Job, JobState
from lichen.protocol.scheduling import PlannedRun

PLANNED_WITHIN_SECONDS = 12.0
"""The planner speaks of a new job within a second or two; the first time it loads its solver."""
_PAUSE_SECONDS = 0.2


def show_accepted(jobs: Jobs, job: Job, *, as_json: bool) -> None:
    """Its id, when it is intended to run and for how many grams, and how to look at it."""
    planned = planned_soon(jobs, job)
    if as_json:
        print_json({"job": planned})
        return
    for line in accepted_lines(planned):
        click.echo(line)


def planned_soon(jobs: Jobs, job: Job) -> Job:
    """The job once something is planned for it, it runs, or the planner stays silent."""
    give_up = time.monotonic() + PLANNED_WITHIN_SECONDS
    while True:
        found = jobs.show(job.id)
        waits = found.state is JobState.QUEUED and found.planned is None
        is_green = found.schedule is not None and found.schedule.green
        if not (waits and is_green) or time.monotonic() > give_up:
            return found
        time.sleep(_PAUSE_SECONDS)


def accepted_lines(job: Job) -> list[str]:
    """For people: what was accepted, the plan of it, and what to call next."""
    lines = [f"{job.id} accepted{_until(job)}"]
    if job.planned is not None:
        lines += [planned_line(job.planned), f"why: {printable(job.planned.why)}"]
    elif job.schedule is not None and job.schedule.green:
        lines.append("nothing is planned for it yet; if the planner stays silent, it runs at once")
    lines.append(f"`lichen jobs show {job.id}` says how it stands, `lichen plan` when jobs run")
    return lines


def planned_line(planned: PlannedRun) -> str:
    """When a job is to run, and what that is expected to save."""
    said = f"planned from {_moment(planned.starts_at)} to {_moment(planned.ends_at)}"
    if planned.expected_ng is None or planned.saved_ng is None:
        return said
    expected = readable(planned.expected_ng, "g")
    return f"{said}: {expected} CO2e expected, {against(planned.saved_ng)}"


def saved_lines(job: Job) -> list[str]:
    """What waiting brought a job that has ended, by the ledger."""
    saved = job.saved
    if saved is None:
        return []
    if saved.ng is None:
        return [f"waiting saved: not known: {saved.absent}"]
    return [f"waiting: {against(saved.ng)} ({saved.baseline})"]


def against(saved_ng: int) -> str:
    """A saving in words, also a negative one."""
    compared = "less" if saved_ng >= 0 else "more"
    return f"{readable(abs(saved_ng), 'g')} {compared} than at once"


def _until(job: Job) -> str:
    return "" if job.schedule is None else f"; to be done by {_moment(job.schedule.deadline)}"


def _moment(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))
