"""`lichen predict` of a large file, or with a deadline: a job answers its rows."""

import sys
import tempfile
from pathlib import Path

import click
import msgspec

from lichen.cli.output import print_json
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.cli.waiting import show_accepted
from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput
from lichen.core.units import readable
from lichen.protocol.admin import Job, JobKind
from lichen.protocol.predicting import OnError, PredictResult, PredictSpec
from lichen.protocol.scheduling import ScheduleRequest

LARGE_BYTES = 4 * 2**20
"""A CSV of more than this is a job's."""
TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_PARQUET = (".parquet", ".pq")


def is_for_job(file: Path | None, data: str | None, schedule: ScheduleRequest | None) -> bool:
    """Whether a job answers: at a deadline, of Parquet, of a dataset, or of a large file.

    Raises:
        InvalidInput: the file is no table, and a job is asked for.
    """
    if file is None:
        return data is not None or schedule is not None
    suffix = file.suffix.lower()
    if schedule is not None and suffix not in TABLES:
        raise InvalidInput(
            f"{file} is no table: a job with a deadline takes CSV (.csv) or Parquet (.parquet)"
        )
    if suffix in _PARQUET or schedule is not None:
        return True
    return suffix in TABLES and file.is_file() and file.stat().st_size > LARGE_BYTES


def submitted(
    platform: Lichen,
    spec: PredictSpec,
    file: Path | None,
    schedule: ScheduleRequest | None,
    on_error: OnError,
) -> Job:
    """The job that was accepted for a file, a dataset, or the newest rows."""
    if file is not None:
        return platform.predictions.submit(
            spec.deployment, file, schedule, on_error=on_error, batch_rows=spec.batch_rows
        )
    return platform.jobs.submit(JobKind.PREDICT, spec, schedule)


def show_submitted(platform: Lichen, job: Job, output: Path | None, *, as_json: bool) -> None:
    """Its id, how to look, and how to fetch what it makes."""
    show_accepted(platform.jobs, job, as_json=as_json)
    if not as_json:
        click.echo(f"`lichen jobs output {job.id} {output or 'FILE'}` fetches what it made")


def wait_and_write(platform: Lichen, job: Job, output: Path | None, *, as_json: bool) -> None:
    """Stay until the job has ended; write its output to a file, or a CSV to standard output."""
    ended = platform.jobs.wait(job.id, ProgressLine())
    made = msgspec.convert(ended.result, PredictResult)
    if output is not None:
        platform.predictions.fetch(ended.id, output)
    if as_json:
        print_json({"job": ended, "file": None if output is None else str(output)})
        return
    if output is None and made.media_type == "text/csv":
        _to_standard_output(platform, ended.id)
    show_made(ended, made, output)


def show_made(job: Job, made: PredictResult, output: Path | None) -> None:
    """How many rows were answered, where they are, and what one cost."""
    missing = f", {made.failed_rows} of them without an answer" if made.failed_rows else ""
    click.echo(f"{made.rows} rows by {made.model}@{made.version}{missing}", err=True)
    where = f"wrote {output}" if output else f"`lichen jobs output {job.id} FILE` fetches them"
    click.echo(where, err=True)
    if made.nj_per_row is not None:
        cost = readable(made.nj_per_row, "J")
        click.echo(f"{cost} a row, {made.batch_rows} rows at once", err=True)
    if job.receipt is not None:
        click.echo(f"receipt: {receipt_line(job.receipt)}", err=True)


def _to_standard_output(platform: Lichen, job_id: str) -> None:
    with tempfile.TemporaryDirectory(prefix="lichen-predict-") as folder:
        fetched = platform.predictions.fetch(job_id, Path(folder, "output"))
        with fetched.open(encoding="utf-8", newline="") as file:
            for line in file:
                sys.stdout.write(line)
