"""Options of every verb that trains, how such a job is submitted, and what is printed of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from lichen.cli.models import show_version
from lichen.cli.network_options import NETWORK_NAMES, NETWORK_OPTIONS, network_of
from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.cli.recurring_options import Recurring, let_recur, recurring_options
from lichen.cli.results import metric_lines, print_candidates
from lichen.cli.schedule_options import schedule_options
from lichen.cli.waiting import show_accepted
from lichen.protocol.admin import Job, JobKind
from lichen.protocol.portfolios import PORTFOLIOS
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import TrainSpec

Function = Callable[..., Any]
_NANO = 10**9
_AMOUNTS = {
    "--budget-joules": ("budget", "joules"),
    "--budget-grams": ("budget", "grams"),
    "--price": ("price", "joules"),
}


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How a training is to be run and shown, whatever its task."""

    recurring: Recurring | None
    schedule: ScheduleRequest | None
    wait: bool
    as_json: bool

    def submit(self, spec: TrainSpec) -> None:
        """Train, or let it recur; wait where that was asked for, and print what came of it."""
        if self.recurring is not None:
            name = f"train-{spec.name or spec.data}"
            work = (JobKind.TRAIN, spec)
            let_recur(self.recurring, name, work, self.schedule, as_json=self.as_json)
            return
        with open_platform() as platform:
            job = platform.jobs.submit(JobKind.TRAIN, spec, self.schedule)
            if not self.wait:
                show_accepted(platform.jobs, job, as_json=self.as_json)
                return
            job = platform.jobs.wait(job.id, ProgressLine())
            version = platform.models.made(job)
        if self.as_json:
            print_json({"job": job, "version": version})
            return
        print_search(job)
        show_version(version, as_json=False)


def print_search(job: Job) -> None:
    """What was tried and what each costs, why one was chosen, then what the whole job cost."""
    print_candidates(job.result or {})
    for line in metric_lines(job.result or {}):
        click.echo(line)
    if job.receipt:
        click.echo(f"training: {receipt_line(job.receipt)}")


def training_options(
    task: str | None = None, *, is_searched: bool = True, has_network: bool = False
) -> Callable[[Function], Function]:
    """Give a command the options that every training has; stands closest to the function.

    It is called with `common`, fields of its message by name, and with `run`, whose `submit` does
    the rest.

    Args:
        task: whose algorithms the help names; None: there is no choice.
        is_searched: whether its message is a `SearchedTraining`.
        has_network: whether an algorithm is a neural network, whose structure can be asked for.
    """
    options = [*_DATA, *([_algorithm(task)] if task else [])]
    options += [*(_SEARCH if is_searched else ()), *_BUDGET]
    options += NETWORK_OPTIONS if has_network else ()

    def decorate(function: Function) -> Function:
        @wraps(function)
        def trained(**given: Any) -> Any:  # noqa: ANN401 - click passes what options there are
            run = TrainingRun(
                recurring=given.pop("recurring"),
                schedule=given.pop("schedule"),
                wait=given.pop("wait"),
                as_json=given.pop("as_json"),
            )
            names = [name for name in _NAMES if name in given]
            common = _common({name: given.pop(name) for name in names})
            if has_network:
                said = {name: given.pop(name) for name in NETWORK_NAMES}
                common["network"] = network_of(**said)
            return function(common=common, run=run, **given)

        command = recurring_options(schedule_options(json_option(trained)))
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_NAMES = (
    "data",
    "name",
    "algorithm",
    "seed",
    "search",
    "cv",
    "price",
    "budget_joules",
    "budget_grams",
)
_DATA = (
    click.option("--data", "data", metavar="NAME[@V]", required=True, help="The dataset."),
    click.option("--name", metavar="M", help="Name of the model. [the dataset's]"),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Of whatever draws at random.",
    ),
)
_SEARCH = (
    click.option("--search", metavar="N", type=int, help="Trials at most. [the task chooses]"),
    click.option(
        "--cv", metavar="K", type=int, help="Folds of cross-validation. [the task chooses]"
    ),
    click.option(
        "--price",
        metavar="J",
        type=click.FloatRange(min=0),
        help="Joules that a further tenth of a per cent of the score may cost; the search stops "
        "when it would cost more. [the task's own]",
    ),
)
_BUDGET = (
    click.option("--budget-joules", metavar="J", type=float, help="Energy the search may spend."),
    click.option("--budget-grams", metavar="G", type=float, help="CO2e the search may spend."),
)


def _algorithm(task: str) -> Function:
    return click.option(
        "--algorithm",
        metavar="auto|NAME",
        default="auto",
        show_default=True,
        help=f"{', '.join(PORTFOLIOS[task])}, or the best worth its joules.",
    )


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message that the shared options say."""
    fields = dict(given)
    dataset, _, version = fields.pop("data").partition("@")
    if version and not version.isdigit():
        raise click.BadParameter(f"{given['data']!r} names no version: write NAME or NAME@2")
    fields["data"] = dataset
    fields["data_version"] = int(version) if version else None
    fields["budget_nj"] = _nano(fields.pop("budget_joules"), "--budget-joules")
    fields["budget_ng"] = _nano(fields.pop("budget_grams"), "--budget-grams")
    if "price" in fields:
        fields["tenth_nj"] = _nano(fields.pop("price"), "--price")
    return fields


def _nano(amount: float | None, option: str) -> int | None:
    if amount is not None and not math.isfinite(amount):
        what, unit = _AMOUNTS[option]
        raise click.BadParameter(f"{option} {amount} is no {what}: give a number of {unit}")
    return None if amount is None else round(amount * _NANO)
