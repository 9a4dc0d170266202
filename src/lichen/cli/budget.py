"""`lichen budget`: what may be spent, by whom, and how much of it is left."""

import math
from typing import TypedDict, Unpack

import click

from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.core.clock import rfc3339
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_JOULE, readable
from lichen.protocol.budgets import Budget, BudgetAlert, BudgetRequest, JobsChoice, Unit

_SYMBOLS: dict[Unit, str] = {"nj": "J", "ng": "g"}


class _Options(TypedDict):
    """Those of `budget set` that go to the platform as they are."""

    scope: str
    per: str
    degrade_from: float | None
    jobs: JobsChoice
    tenant: str | None


class Share(click.ParamType[float]):
    """A share of a whole: `80%` or `0.8`."""

    name = "SHARE"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The share from 0 to below 1, or a usage error that shows the form."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 <= share < 1:
            self.fail(f"{text!r} is no share: write it as 80% or 0.8, below 100%", param, ctx)
        return share


@click.group()
def budget() -> None:
    """Limits on joules or grams: for a tenant, a deployment, an alias, or a kind of job."""


@budget.command("set")
@click.argument("name")
@click.option("--joules", metavar="J", type=float, help="Energy that may be spent in a period.")
@click.option("--grams", metavar="G", type=float, help="CO2e that may be spent in a period.")
@click.option("--per", metavar="PERIOD", required=True, help="hour, day, month (UTC), 90m, 6h, 7d.")
@click.option(
    "--for",
    "scope",
    metavar="SCOPE",
    required=True,
    help="tenant:T, deployment:D, alias:MODEL@ALIAS or jobs:KIND (such as jobs:train).",
)
@click.option(
    "--degrade-from",
    metavar="SHARE",
    type=Share(),
    help="From here on answer by the cheaper deployment, where one is named. [never]",
)
@click.option(
    "--jobs",
    type=click.Choice(["defer", "refuse"]),
    default="defer",
    show_default=True,
    help="A job that does not fit waits for the next period, or is refused.",
)
@click.option("--tenant", metavar="T", help="Whose alias or jobs. [yours]")
@json_option
def set_budget(
    name: str,
    joules: float | None,
    grams: float | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[_Options],
) -> None:
    """Set budget NAME, in place of the one of this name."""
    unit, limit = _limit(joules, grams)
    request = BudgetRequest(unit=unit, limit=limit, **options)
    with open_platform() as platform:
        made = platform.budgets.set(name, request)
    if as_json:
        print_json(made)
    else:
        click.echo(_line(made))


@budget.command("ls")
@json_option
def ls_budgets(as_json: bool) -> None:  # noqa: FBT001
    """List budgets: limit, what is used and left, when it comes back, alerts of the period."""
    with open_platform() as platform:
        found = platform.budgets.ls()
    if as_json:
        print_json({"budgets": found})
        return
    print_table(
        ("budget", "for", "limit", "per", "used", "left", "back from", "alerts"),
        [_row(one) for one in found],
    )
    for one in found:
        if one.problem:
            click.echo(f"{one.name}: {one.problem}")


@budget.command("rm")
@click.argument("name")
@json_option
def rm_budget(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Forget budget NAME: what it limited is free again."""
    with open_platform() as platform:
        platform.budgets.rm(name)
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"budget {name} is gone")


def _limit(joules: float | None, grams: float | None) -> tuple[Unit, int]:
    """The limit in its nano-unit; what is too small or too large the platform refuses."""
    if (joules is None) == (grams is None):
        raise click.UsageError("give a limit: either --joules or --grams")
    given, scale = (joules, NANOJOULES_PER_JOULE) if grams is None else (grams, NANOGRAMS_PER_GRAM)
    if given is None or not math.isfinite(given):
        raise click.UsageError(f"{given} is no limit: give a number above 0")
    return ("nj" if grams is None else "ng"), round(given * scale)


def _row(one: Budget) -> tuple[object, ...]:
    symbol = _SYMBOLS[one.unit]
    limit = readable(one.limit, symbol)
    if one.standing is None:
        return one.name, one.scope, limit, one.per, None, None, None, None
    return (
        one.name,
        one.scope,
        limit,
        one.per,
        f"{readable(one.standing.committed, symbol)} ({_percent(one)} %)",
        readable(one.standing.remaining, symbol),
        rfc3339(one.standing.resets_at.replace(microsecond=0)),
        _alerts(one.alerts),
    )


def _line(one: Budget) -> str:
    symbol = _SYMBOLS[one.unit]
    what = f"{one.name}: {readable(one.limit, symbol)} per {one.per} for {one.scope}"
    if one.standing is None:
        return f"{what} ({one.problem})"
    left = readable(one.standing.remaining, symbol)
    back = rfc3339(one.standing.resets_at.replace(microsecond=0))
    return f"{what}, {left} left, back from {back} on"


def _alerts(alerts: list[BudgetAlert]) -> str:
    """Which levels were reached in this period, and since when the highest."""
    if not alerts:
        return "-"
    last = alerts[-1]
    levels = ", ".join(f"{one.percent} %" for one in alerts)
    return f"{levels} since {rfc3339(last.at.replace(microsecond=0))}"


def _percent(one: Budget) -> int:
    return 0 if one.standing is None else 100 * one.standing.committed // one.limit
