"""`lichen jobs`: what runs, ran and will run."""

from collections.abc import Sequence
from pathlib import Path

import click

from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.cli.receipts import receipt_line
from lichen.cli.results import result_lines
from lichen.cli.waiting import planned_line, saved_lines
from lichen.core.clock import rfc3339
from lichen.core.units import readable
from lichen.protocol.admin import Job, JobState
from lichen.protocol.segments import JobSegment


@click.group()
def jobs() -> None:
    """Jobs: train, ingest, import; each in a process of its own, with a receipt."""


@jobs.command()
@json_option
def ls(as_json: bool) -> None:  # noqa: FBT001
    """List jobs, oldest first."""
    with open_platform() as platform:
        found = platform.jobs.ls()
    if as_json:
        print_json({"jobs": found})
        return
    print_table(
        ("job", "kind", "state", "created", "energy"),
        [
            (
                job.id,
                job.kind.value,
                _state(job),
                rfc3339(job.created_at.replace(microsecond=0)),
                readable(job.receipt.energy.nj, "J") if job.receipt else None,
            )
            for job in found
        ],
    )


@jobs.command()
@click.argument("job_id", metavar="ID")
@json_option
def show(job_id: str, as_json: bool) -> None:  # noqa: FBT001
    """One job: state, progress, result, receipt."""
    with open_platform() as platform:
        job = platform.jobs.show(job_id)
    _show(job, as_json=as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@json_option
def logs(job_id: str, as_json: bool) -> None:  # noqa: FBT001
    """What the job wrote."""
    with open_platform() as platform:
        text = platform.jobs.logs(job_id)
    if as_json:
        print_json({"id": job_id, "log": text})
    else:
        click.echo(text, nl=False)


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def output(job_id: str, file: Path, as_json: bool) -> None:  # noqa: FBT001
    """Fetch the file that a batch prediction made, checked against its SHA-256."""
    with open_platform() as platform:
        platform.predictions.fetch(job_id, file)
    if as_json:
        print_json({"id": job_id, "file": str(file), "bytes": file.stat().st_size})
    else:
        click.echo(f"wrote {file}, {file.stat().st_size} bytes", err=True)


@jobs.command()
@click.argument("job_id", metavar="ID")
@json_option
def cancel(job_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Ask a job to end: SIGTERM, and after a grace SIGKILL."""
    with open_platform() as platform:
        job = platform.jobs.cancel(job_id)
    _show(job, as_json=as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@json_option
def pause(job_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Let a job stand still until `resume`: one that runs ends at its next checkpoint."""
    with open_platform() as platform:
        job = platform.jobs.pause(job_id)
    _show(job, as_json=as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@json_option
def resume(job_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Let a job that was paused go on from its last checkpoint."""
    with open_platform() as platform:
        job = platform.jobs.resume(job_id)
    _show(job, as_json=as_json)


def _state(job: Job) -> str:
    if job.pausing:
        return "pausing"
    if job.not_before is None:
        return job.state.value
    return f"waits until {rfc3339(job.not_before.replace(microsecond=0))}"


def _show(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    click.echo(f"{job.id}  {job.kind.value}  {job.state.value}{_told(job)}  attempt {job.attempt}")
    _show_standing(job)
    if job.error:
        click.echo(job.error.message)
    if job.result:
        for line in result_lines(job.result):
            click.echo(line)
    if len(job.segments) > 1 or not job.receipt:
        _show_segments(job.segments)
    if job.receipt:
        click.echo(f"receipt: {receipt_line(job.receipt)}")
    for line in saved_lines(job):
        click.echo(line)


def _show_standing(job: Job) -> None:
    """What a job does or waits for, that has not ended."""
    if job.state is JobState.PAUSED:
        click.echo(f"`lichen jobs resume {job.id}` lets it go on")
    if job.waits_for:
        click.echo(f"waits: {job.waits_for}")
    if job.planned is not None and not job.state.final:
        click.echo(planned_line(job.planned))
    if job.why and job.state is JobState.RUNNING:
        click.echo(job.why)
    if job.progress and not job.state.final:
        click.echo(f"{job.progress.stage} {job.progress.message}".rstrip())


def _told(job: Job) -> str:
    if job.cancelling and not job.state.final:
        return " (being cancelled)"
    return " (it pauses at its next checkpoint)" if job.pausing else ""


def _show_segments(segments: Sequence[JobSegment]) -> None:
    """The spans in which a job worked; they sum to its receipt."""
    for number, one in enumerate(segments, 1):
        span = " to ".join(
            rfc3339(at.replace(microsecond=0)) for at in (one.started_at, one.ended_at)
        )
        carbon = "" if one.ng is None else f", {readable(one.ng, 'g')} CO2e"
        zone = f" in {one.zone}" if one.zone else ""
        click.echo(f"segment {number}: {span}, {readable(one.nj, 'J')}{carbon}{zone}")
