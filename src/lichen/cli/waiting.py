"""What a verb prints of a job that was accepted, and that it does not stay for."""

import click

from lichen.cli.output import print_json
from lichen.client.admin import Jobs
from lichen.core.clock import rfc3339
from lichen.protocol.admin import Job


def show_accepted(jobs: Jobs, job: Job, *, as_json: bool) -> None:
    """Its id, until when it runs, and how to look at it."""
    accepted = jobs.show(job.id)
    if as_json:
        print_json({"job": accepted})
        return
    click.echo(f"{accepted.id} accepted{_until(accepted)}")
    click.echo(f"`lichen jobs show {accepted.id}` says how it stands, `lichen plan` when it runs")


def _until(job: Job) -> str:
    if job.schedule is None:
        return ""
    return f"; to be done by {rfc3339(job.schedule.deadline.replace(microsecond=0))}"
