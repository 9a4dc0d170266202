"""`lichen train`: fit a model on a dataset and register it as a version."""

import math
from typing import Any

import click

from lichen.cli.arguments import Moment, Names
from lichen.cli.models import show_version
from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.cli.recurring_options import Recurring, let_recur, recurring_options
from lichen.cli.results import candidate_lines
from lichen.cli.schedule_options import schedule_options
from lichen.cli.waiting import show_accepted
from lichen.protocol.admin import Job, JobKind
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import ForecastTraining

_NANO = 10**9


@click.group()
def train() -> None:
    """Train a model; the job runs in a process of its own and is metered throughout."""


@train.command(short_help="Train a forecaster of one or several columns.")
@click.option("--data", "data", metavar="NAME[@V]", required=True, help="The dataset.")
@click.option("--target", type=Names(), required=True, help="Columns to forecast.")
@click.option("--horizon", metavar="STEPS", type=int, required=True, help="Steps to forecast.")
@click.option("--known", type=Names(), default="", help="Columns known ahead over the horizon.")
@click.option("--series", metavar="COL", help="Column that names the series of a panel.")
@click.option("--context", metavar="N", type=int, help="Rows of history taken. [searched]")
@click.option("--train-until", type=Moment(), help="Rows from here on are not fitted on.")
@click.option("--validate-until", type=Moment(), help="Rows from here on are never looked at.")
@click.option("--test-until", type=Moment(), help="... except up to here, to score the result.")
@click.option(
    "--refit",
    type=click.Choice(["never", "weekly"]),
    default="never",
    show_default=True,
    help="Fit closed-form models anew as truth arrives.",
)
@click.option(
    "--start-at", metavar="HH:MM", help="Local time every forecast starts, or any. [00:00]"
)
@click.option("--timezone", metavar="Z", help="Zone whose calendar counts. [the dataset's]")
@click.option(
    "--algorithm",
    metavar="auto|NAME",
    default="auto",
    show_default=True,
    help="naive-day, naive-week, ridge, ridge-calendar, lightgbm, or the best worth its joules.",
)
@click.option("--budget-joules", metavar="J", type=float, help="Energy the search may spend.")
@click.option("--budget-grams", metavar="G", type=float, help="CO2e the search may spend.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of whatever draws at random.")
@click.option("--name", metavar="M", help="Name of the model. [the dataset's]")
@recurring_options
@schedule_options
@json_option
def forecast(
    as_json: bool,  # noqa: FBT001
    recurring: Recurring | None,
    schedule: ScheduleRequest | None,
    wait: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Train a forecaster: the cheapest algorithm that a dearer one does not beat by enough.

    With a deadline it is accepted, and runs when the grid is clean; `lichen plan` says when. With
    --every that happens again and again, on the dataset's newest version; see `lichen schedules`.
    """
    spec = _spec(**options)
    if recurring is not None:
        name = f"train-{spec.name or spec.data}"
        let_recur(recurring, name, (JobKind.TRAIN, spec), schedule, as_json=as_json)
        return
    with open_platform() as platform:
        job = platform.jobs.submit(JobKind.TRAIN, spec, schedule)
        if not wait:
            show_accepted(platform.jobs, job, as_json=as_json)
            return
        job = platform.jobs.wait(job.id, ProgressLine())
        version = platform.models.made(job)
    if as_json:
        print_json({"job": job, "version": version})
        return
    print_search(job)
    show_version(version, as_json=False)


def print_search(job: Job) -> None:
    """What was tried and why each was or was not chosen, then what the whole job cost."""
    for line in candidate_lines(job.result or {}):
        click.echo(line)
    if job.receipt:
        click.echo(f"training: {receipt_line(job.receipt)}")


def _spec(
    data: str,
    target: list[str],
    budget_joules: float | None,
    budget_grams: float | None,
    **options: Any,  # noqa: ANN401
) -> ForecastTraining:
    dataset, _, version = data.partition("@")
    if version and not version.isdigit():
        raise click.BadParameter(f"{data!r} names no version: write NAME or NAME@2")
    return ForecastTraining(
        data=dataset,
        data_version=int(version) if version else None,
        targets=target,
        budget_nj=_nano(budget_joules, "joules"),
        budget_ng=_nano(budget_grams, "grams"),
        **options,
    )


def _nano(amount: float | None, unit: str) -> int | None:
    if amount is not None and not math.isfinite(amount):
        raise click.BadParameter(f"--budget-{unit} {amount} is no budget: give a number of {unit}")
    return None if amount is None else round(amount * _NANO)
