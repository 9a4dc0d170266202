"""`lichen plan`: when jobs that can wait are to run, and what that saves, at a glance."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from lichen.cli.output import json_option, print_json, print_table, printable
from lichen.cli.platform import open_platform
from lichen.cli.timeline import Band, drawn
from lichen.cli.waiting import against
from lichen.client.connection import Lichen
from lichen.core.durations import readable_duration
from lichen.core.errors import LichenError
from lichen.core.units import readable
from lichen.protocol.outlook import ZoneOutlook
from lichen.protocol.plans import DueRun, JobPlan, StandingPlan

MOST_SHOWN = 24
"""Jobs of the table and the timeline."""
SHOWN_DUE = 10
"""Runs of recurring work that a terminal shows."""


class Clocks(click.ParamType[ZoneInfo]):
    """An IANA time zone."""

    name = "Z"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        """The zone, or a usage error that shows the form."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(str(value))
        except (ValueError, OSError, KeyError):
            self.fail(f"{value!r} is no time zone: take an IANA name, as Europe/Berlin", param, ctx)


@click.command()
@click.argument("job_id", metavar="[ID]", required=False)
@click.option(
    "--timezone", "clocks", type=Clocks(), default="UTC", help="Show times of this zone. [UTC]"
)
@click.option(
    "--hours", type=click.IntRange(6, 96), default=48, show_default=True, help="Of the timeline."
)
@json_option
def plan(job_id: str | None, clocks: ZoneInfo, hours: int, as_json: bool) -> None:  # noqa: FBT001
    """What the scheduler intends: when each job that can wait runs, for how many grams, and why."""
    with open_platform() as platform:
        if job_id is not None:
            one = platform.plans.show(job_id)
            print_json(one) if as_json else _show_one(one, clocks)
            return
        standing = platform.plans.standing(hours)
        outlook = _outlook(platform, standing.zone, hours)
    if as_json:
        print_json({"plan": standing, "outlook": outlook})
        return
    _show(standing, clocks)
    if standing.items:
        _draw(_soonest(standing.items), outlook, clocks, hours)


def _outlook(platform: Lichen, zone: str, hours: int) -> ZoneOutlook | None:
    """What is expected of the zone; None where nobody says."""
    try:
        return platform.outlook(zone, hours)
    except LichenError:
        return None


def _show(standing: StandingPlan, clocks: ZoneInfo) -> None:
    if not standing.items:
        click.echo("no job waits for a cleaner grid; `--deadline 12h` lets one wait")
    else:
        click.echo(_head(standing, clocks))
        shown = _soonest(standing.items)
        print_table(
            ("job", "what", "runs", "for", "by", "CO2e", "at once", "saved"),
            [_row(one, clocks) for one in shown],
        )
        for one in shown:
            click.echo(f"{one.job}: {printable(one.why)}")
        if len(shown) < len(standing.items):
            click.echo(f"and {len(standing.items) - len(shown)} later ones: --json shows them all")
    if standing.due:
        _show_due(standing.due, clocks)
    for remark in standing.remarks if standing.items else ():
        click.echo(f"note: {printable(remark)}")
    cost = _cost(standing)
    if cost:
        click.echo(cost)


def _soonest(items: Sequence[JobPlan]) -> Sequence[JobPlan]:
    """As many as a terminal holds, those first that run first."""
    ordered = sorted(items, key=lambda one: one.segments[0].start if one.segments else one.deadline)
    return ordered[:MOST_SHOWN]


def _show_due(due: Sequence[DueRun], clocks: ZoneInfo) -> None:
    print_table(
        ("recurs", "what", "due", "by"),
        [
            (one.schedule, one.kind, _moment(one.due, clocks), _moment(one.deadline, clocks))
            for one in due[:SHOWN_DUE]
        ],
    )
    if len(due) > SHOWN_DUE:
        click.echo(f"and {len(due) - SHOWN_DUE} more; `lichen schedules ls` lists what recurs")


def _head(standing: StandingPlan, clocks: ZoneInfo) -> str:
    made = "" if standing.made_at is None else f", planned {_moment(standing.made_at, clocks)}"
    known = [one for one in standing.items if one.saved_ng is not None]
    total = ""
    if known:
        expected = readable(sum(one.expected_ng or 0 for one in known), "g")
        total = f": {expected} CO2e expected, {against(sum(one.saved_ng or 0 for one in known))}"
    count = len(standing.items)
    return f"{count} job{'s' if count > 1 else ''} in {standing.zone}{made} ({clocks.key}){total}"


def _cost(standing: StandingPlan) -> str:
    planner = standing.planner
    if not planner.plans:
        return ""
    said = f"planning cost {readable(planner.nj, 'J')}, {readable(planner.ng, 'g')} so far"
    if planner.share_of_saved is None:
        return said
    saved = readable(planner.saved_ng, "g")
    return f"{said}, {planner.share_of_saved:.2%} of the {saved} that {planner.jobs} jobs saved"


def _row(one: JobPlan, clocks: ZoneInfo) -> tuple[object, ...]:
    work = sum((span.end - span.start for span in one.segments), timedelta(0))
    return (
        one.job,
        f"{one.kind.value} {one.name}",
        _runs(one, clocks),
        readable_duration(work),
        _moment(one.deadline, clocks) + (" late" if one.is_late else ""),
        _grams(one.expected_ng),
        _grams(one.at_once_ng),
        _grams(one.saved_ng),
    )


def _runs(one: JobPlan, clocks: ZoneInfo) -> str:
    if not one.segments:
        return "at no time"
    first = f"{_moment(one.segments[0].start, clocks)} to {_moment(one.segments[-1].end, clocks)}"
    pauses = len(one.segments) - 1
    return first if not pauses else f"{first}, {pauses} pause{'s' if pauses > 1 else ''}"


def _show_one(one: JobPlan, clocks: ZoneInfo) -> None:
    click.echo(f"{one.job}  {one.kind.value} {printable(one.name)}  {one.state.value}")
    for span in one.segments:
        click.echo(f"runs {_moment(span.start, clocks)} to {_moment(span.end, clocks)}")
    click.echo(f"why: {printable(one.why)}")
    click.echo(
        f"to be done by {_moment(one.deadline, clocks)}; whatever the plan, it runs from "
        f"{_moment(one.must_start_by, clocks)} on"
    )
    seconds = (one.seconds.low, one.seconds.high)
    low, high = (readable_duration(timedelta(seconds=end)) for end in seconds)
    took = readable_duration(timedelta(seconds=one.seconds.median))
    click.echo(
        f"takes {took} ({low} to {high}), {readable(one.nj.median, 'J')} "
        f"({readable(one.nj.low, 'J')} to {readable(one.nj.high, 'J')}): {one.basis}"
    )
    if one.expected_ng is None or one.at_once_ng is None or one.saved_ng is None:
        click.echo("grams: nobody foresees the grid")
        return
    least, most = _grams(one.expected_ng_low), _grams(one.expected_ng_high)
    click.echo(
        f"{_grams(one.expected_ng)} CO2e expected ({least} to {most}), {_grams(one.at_once_ng)} at "
        f"once: saves {_grams(one.saved_ng)}"
    )


def _draw(
    items: Sequence[JobPlan], outlook: ZoneOutlook | None, clocks: ZoneInfo, hours: int
) -> None:
    moments = [one.made_at for one in items]
    start = max(moments) if outlook is None else outlook.steps[0].start
    start = start.replace(minute=0, second=0, microsecond=0)
    bands = [
        Band(one.job, one.release, one.deadline, [(span.start, span.end) for span in one.segments])
        for one in items
    ]
    values = [] if outlook is None else [step.g_per_kwh for step in outlook.steps]
    click.echo("")
    for line in drawn(bands, values, start, hours, clocks):
        click.echo(line)
    if outlook is not None:
        click.echo(f"{outlook.zone}: {outlook.method} by {outlook.source}; █ runs, · may run")


def _moment(moment: datetime, clocks: ZoneInfo) -> str:
    return f"{moment.astimezone(clocks):%a %d %b %H:%M}"


def _grams(nanograms: int | None) -> str | None:
    return None if nanograms is None else readable(nanograms, "g")
