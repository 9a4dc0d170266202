"""`lichen zones`: what is known of a zone's grid, which source answers now, and what is to come."""

from pathlib import Path

import click

from lichen.cli.output import json_option, print_json, print_table, show
from lichen.cli.platform import open_platform
from lichen.protocol.admin import ZoneIntensity, ZoneSource
from lichen.protocol.outlook import HistorySeeded, ZoneOutlook

LOOK = "look"


class ZoneVerbs(click.Group):
    """A group whose first word is a verb or a zone; no zone is called as a verb is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`lichen zones ES` is `lichen zones look ES`."""
        words = [word for word in args if not word.startswith("-")]
        asks_for_help = "--help" in args and not words
        if not asks_for_help and (not words or words[0] not in self.commands):
            args = [LOOK, *args]
        return super().parse_args(ctx, args)


@click.group(cls=ZoneVerbs)
def zones() -> None:
    """A zone's grid: its intensity now by source, what is expected of it, and its history.

    `lichen zones [ZONE] [--outlook HOURS]` looks at a zone (this platform's when left out).
    """


@zones.command(LOOK)
@click.argument("zone", required=False)
@click.option("--all", "every", is_flag=True, help="List the zones with their yearly averages.")
@click.option(
    "--outlook", "hours", type=click.IntRange(1, 96), help="What is expected, so many hours ahead."
)
@json_option
def look(zone: str | None, every: bool, hours: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Each source's intensity of ZONE, first asked first; or what is to come."""
    if every and (zone is not None or hours is not None):
        raise click.UsageError("give a zone or --all, not both")
    if every:
        _list(as_json=as_json)
        return
    with open_platform() as platform:
        code = zone or platform.platform().zone
        said: ZoneIntensity | ZoneOutlook = (
            platform.zone(code) if hours is None else platform.outlook(code, hours)
        )
    show(as_json, said, _show if hours is None else _show_outlook)


@zones.command("seed")
@click.argument("zone")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--column", help="The column of gCO2e/kWh; the second when left out.")
@json_option
def seed(zone: str, file: Path, column: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Give ZONE a history: FILE is CSV or Parquet, first column time, then gCO2e/kWh."""
    with open_platform() as platform:
        done = platform.seed_history(zone, file, column)
    show(as_json, done, _show_seeded)


def _list(*, as_json: bool) -> None:
    with open_platform() as platform:
        rows = list(platform.zones())
    if as_json:
        print_json(rows)
        return
    print_table(
        ("zone", "name", "g/kWh", "year", "source"),
        [(one.zone, one.name, one.g_per_kwh, one.year, one.source) for one in rows],
    )


def _show_outlook(said: ZoneOutlook) -> None:
    low, high = said.quantile_levels[0], said.quantile_levels[-1]
    print_table(
        ("from (UTC)", "g/kWh", "median", f"{high - low:.0%}"),
        [
            (
                f"{one.start:%a %d %b %H:%M}",
                f"{one.g_per_kwh:.0f}",
                f"{one.g_per_kwh_median:.0f}",
                f"{one.quantiles[0]:.0f} to {one.quantiles[-1]:.0f}",
            )
            for one in said.steps
        ],
    )
    click.echo(f"{said.zone}: {said.method} by {said.source} ({said.signal}, {said.scope})")
    for remark in said.remarks:
        click.echo(f"note: {remark}")


def _show_seeded(done: HistorySeeded) -> None:
    click.echo(
        f"{done.zone}: {done.kept} values kept, {done.first:%Y-%m-%d %H:%M}Z to "
        f"{done.last:%Y-%m-%d %H:%M}Z, {done.missing_hours} hours missing in between"
    )
    if done.left_out:
        click.echo(f"left out: {done.left_out} values of over 400 days ago, or of times to come")


def _show(said: ZoneIntensity) -> None:
    print_table(
        ("source", "g/kWh", "90 %", "kind", "signal", "scope", "every", "says"),
        [_row(one) for one in said.sources],
    )
    for one in said.sources:
        for refused in one.refused:
            click.echo(f"{one.name} refused: {refused}")
    click.echo(f"in force for {said.zone}: {said.answered_by or 'nothing'}")


def _row(one: ZoneSource) -> tuple[object, ...]:
    if one.g_per_kwh is None:
        return (one.name, None, None, None, None, None, None, one.reason)
    interval = f"{one.g_per_kwh_low:.0f} to {one.g_per_kwh_high:.0f}"
    return (
        one.name,
        f"{one.g_per_kwh:.1f}",
        interval,
        one.kind,
        one.signal,
        one.scope,
        _span(one.resolution_seconds or 0),
        one.problem or one.source,
    )


def _span(seconds: int) -> str:
    if seconds >= 300 * 86400:
        return "year"
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
