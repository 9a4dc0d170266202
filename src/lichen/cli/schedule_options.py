"""Options of every verb whose job can wait: until when, and whether for a cleaner grid."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from lichen.cli.arguments import Names
from lichen.protocol.scheduling import ScheduleRequest

Function = Callable[..., Any]


def schedule_options(function: Function) -> Function:
    """Give a command `--deadline`, `--earliest`, `--green`, `--interruptible` and their kin.

    It is called with `schedule`, None where the job runs at once, and with `wait`: whether the
    verb stays until the job has ended.
    """

    @wraps(function)
    def scheduled(**options: Any) -> Any:  # noqa: ANN401 - click passes what options there are
        schedule = _request(**{name: options.pop(name) for name in _NAMES})
        is_waited_for = options.pop("wait")
        wait = schedule is None if is_waited_for is None else is_waited_for
        return function(schedule=schedule, wait=wait, **options)

    command: Function = scheduled
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_NAMES = ("deadline", "earliest", "green", "interruptible", "priority", "zones")
_OPTIONS = (
    click.option(
        "--deadline",
        metavar="6h|TIME",
        help="Be done by then: it may wait for a cleaner grid until it must start.",
    ),
    click.option("--earliest", metavar="2h|TIME", help="Do not start before."),
    click.option(
        "--green/--no-green",
        default=None,
        help="Wait for a cleaner grid, or not. [with a deadline it waits; --green alone: 24 h]",
    ),
    click.option(
        "--interruptible", is_flag=True, help="It may pause at a checkpoint while the grid is bad."
    ),
    click.option(
        "--priority",
        metavar="N",
        type=int,
        default=0,
        show_default=True,
        help="-9 to 9; of two jobs that want one place the higher gets it.",
    ),
    click.option("--zones", metavar="Z,Z", type=Names(), default="", help="Run in these alone."),
    click.option(
        "--wait/--no-wait",
        default=None,
        help="Stay until it has ended. [without a deadline it stays]",
    ),
)


def _request(
    deadline: str | None,
    earliest: str | None,
    green: bool | None,  # noqa: FBT001 - click names it
    interruptible: bool,  # noqa: FBT001
    priority: int,
    zones: list[str],
) -> ScheduleRequest | None:
    asked = ScheduleRequest(
        deadline=deadline,
        earliest=earliest,
        green=green,
        interruptible=interruptible,
        priority=priority,
        zones=zones,
    )
    return None if asked in (ScheduleRequest(), ScheduleRequest(green=False)) else asked
