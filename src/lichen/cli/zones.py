"""`lichen zones`: what is known of a zone's grid, and which source answers now."""

import click

from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.protocol.admin import ZoneIntensity, ZoneSource


@click.command()
@click.argument("zone", required=False)
@click.option("--all", "every", is_flag=True, help="List the zones with their yearly averages.")
@json_option
def zones(zone: str | None, every: bool, as_json: bool) -> None:  # noqa: FBT001
    """Each source's intensity of ZONE (this platform's when left out), first asked first."""
    if every and zone is not None:
        raise click.UsageError("give a zone or --all, not both")
    with open_platform() as platform:
        if every:
            rows = list(platform.zones())
        else:
            said = platform.zone(zone or platform.platform().zone)
    if as_json:
        print_json(rows if every else said)
    elif every:
        print_table(
            ("zone", "name", "g/kWh", "year", "source"),
            [(one.zone, one.name, one.g_per_kwh, one.year, one.source) for one in rows],
        )
    else:
        _show(said)


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
