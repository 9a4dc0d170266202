"""`lichen schedules`: work that recurs, when it is due next, and what became of the last times."""

from datetime import datetime, timedelta

import click

from lichen.cli.output import json_option, print_json, print_table, printable
from lichen.cli.platform import open_platform
from lichen.core.clock import rfc3339
from lichen.core.durations import readable_duration
from lichen.protocol.recurring import RecurringRun, RecurringSchedule


@click.group()
def schedules() -> None:
    """Work that recurs; `--every` of train, predict and report makes it."""


@schedules.command("ls")
@json_option
def ls_schedules(as_json: bool) -> None:  # noqa: FBT001
    """List recurring work, by name."""
    with open_platform() as platform:
        found = platform.schedules.ls()
    if as_json:
        print_json({"schedules": found})
        return
    print_table(
        ("schedule", "kind", "every", "clocks of", "next due", "within", "last run"),
        [
            (
                one.name,
                one.job.kind.value,
                one.every,
                one.timezone,
                _next_due(one),
                _window(one),
                _outcome(one.runs[-1]) if one.runs else "-",
            )
            for one in found
        ],
    )


@schedules.command("show")
@click.argument("name")
@json_option
def show_schedule(name: str, as_json: bool) -> None:  # noqa: FBT001
    """NAME: what it submits, the next due moments, and what became of the last."""
    with open_platform() as platform:
        found = platform.schedules.show(name)
    if as_json:
        print_json(found)
        return
    click.echo(schedule_line(found))
    for due in found.upcoming[1:]:
        click.echo(f"  then {_shown(due)}")
    if found.runs:
        print_table(
            ("due", "outcome", "job", ""),
            [(_shown(run.due), _outcome(run), run.job, run.message) for run in found.runs],
        )


@schedules.command("pause")
@click.argument("name")
@json_option
def pause_schedule(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Let nothing of NAME be due until it is resumed."""
    with open_platform() as platform:
        changed = platform.schedules.pause(name)
    _show_changed(changed, as_json=as_json)


@schedules.command("resume")
@click.argument("name")
@json_option
def resume_schedule(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Let NAME be due again from now on; what was due in between is not made up for."""
    with open_platform() as platform:
        changed = platform.schedules.resume(name)
    _show_changed(changed, as_json=as_json)


@schedules.command("rm")
@click.argument("name")
@json_option
def rm_schedule(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Forget NAME; jobs that it made go on."""
    with open_platform() as platform:
        platform.schedules.rm(name)
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"schedule {name} is gone")


def schedule_line(one: RecurringSchedule) -> str:
    """One line on recurring work: when it is due, and how long each run may wait."""
    due = "paused" if one.paused else f"next due {_next_due(one)}"
    every = printable(one.every)
    return (
        f"schedule {one.name}: {one.job.kind} every {every} ({one.timezone}); {due}, each run "
        f"within {_window(one)}"
    )


def _show_changed(changed: RecurringSchedule, *, as_json: bool) -> None:
    if as_json:
        print_json(changed)
    else:
        click.echo(schedule_line(changed))


def _outcome(run: RecurringRun) -> str:
    outcome = run.outcome if run.state is None else run.state.value
    return f"{run.count} {outcome}" if run.count > 1 else outcome


def _next_due(one: RecurringSchedule) -> str:
    return "paused" if one.next_due is None else _shown(one.next_due)


def _window(one: RecurringSchedule) -> str:
    return readable_duration(timedelta(seconds=one.window_seconds))


def _shown(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))
