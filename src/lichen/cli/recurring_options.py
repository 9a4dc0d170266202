"""Options of every verb whose work can recur: how often, by whose clocks, under which name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from lichen.cli.output import print_json
from lichen.cli.platform import open_platform
from lichen.cli.schedules import schedule_line
from lichen.client.schedules import recurring_job
from lichen.protocol.admin import JobKind
from lichen.protocol.recurring import NewRecurringSchedule
from lichen.protocol.scheduling import ScheduleRequest

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Recurring:
    """How often, by whose clocks, and under which name, where one was given."""

    every: str
    timezone: str
    name: str | None
    green: bool | None


def recurring_options(function: Function) -> Function:
    """Give a command `--every`, `--every-timezone`, `--schedule`; stands above `schedule_options`.

    It is called with `recurring`, None where the work is done once.
    """

    @wraps(function)
    def recurred(**options: Any) -> Any:  # noqa: ANN401 - click passes what options there are
        every, timezone = options.pop("every"), options.pop("every_timezone")
        name = options.pop("schedule_name")
        recurring = None
        if every is not None:
            recurring = Recurring(every, timezone, name, options.get("green"))
        elif name is not None or timezone != "UTC":
            raise click.UsageError("--schedule and --every-timezone go with --every")
        return function(recurring=recurring, **options)

    command: Function = recurred
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--every",
        metavar="day|week|CRON",
        help="Again and again: hour, day, week, month, or a cron expression. A --deadline then "
        "counts from each due moment. [three quarters of the period]",
    ),
    click.option(
        "--every-timezone",
        metavar="Z",
        default="UTC",
        show_default=True,
        help="By whose clocks, such as Europe/Berlin.",
    ),
    click.option(
        "--schedule", "schedule_name", metavar="NAME", help="Name of what recurs. [by the work]"
    ),
)


def let_recur(
    recurring: Recurring,
    default_name: str,
    job: tuple[JobKind, object],
    schedule: ScheduleRequest | None,
    *,
    as_json: bool,
    file: Path | None = None,
) -> None:
    """Keep recurring work, of a file where one is given, and print when it is due."""
    asked = schedule or ScheduleRequest()
    if recurring.green is not None:
        asked = msgspec.structs.replace(asked, green=recurring.green)
    kind, spec = job
    request = NewRecurringSchedule(
        name=recurring.name or default_name,
        every=recurring.every,
        timezone=recurring.timezone,
        job=recurring_job(kind, spec, asked),
    )
    with open_platform() as platform:
        if file is None:
            made = platform.schedules.keep(request)
        else:
            made = platform.schedules.predict_file(request, file)
    if as_json:
        print_json({"schedule": made})
        return
    click.echo(schedule_line(made))
