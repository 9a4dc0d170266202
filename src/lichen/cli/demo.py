"""`lichen demo`: the main job on real data that ships, each step with its figure."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from lichen.cli.demo_platform import ended_like_ctrl_c, running_platform
from lichen.cli.demo_season import Season, forecast_season
from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.cli.train_options import print_search
from lichen.client.connection import Lichen
from lichen.client.jobs import train_job
from lichen.core.clock import parse_rfc3339
from lichen.core.errors import WorkFailed
from lichen.core.figures import Receipt
from lichen.core.units import readable
from lichen.data.samples import VICTORIA_2014
from lichen.protocol.admin import DataOptions, Job, Ledger
from lichen.protocol.training import ForecastTraining

MODEL = "demand"
SERVED = f"work/default/{MODEL}/"
DAYS_A_YEAR = 365
BOOKED_WITHIN_SECONDS = 10.0
LARGEST_RATE_VARIANCE = 0.02
TRAINING = ForecastTraining(
    data=VICTORIA_2014.name,
    name=MODEL,
    targets=["Demand"],
    known=["Temperature", "WorkDay"],
    horizon=48,
    start_at="00:00",
    timezone="Australia/Melbourne",
    train_until=parse_rfc3339("2014-08-31T14:00:00Z"),
    validate_until=parse_rfc3339("2014-10-31T13:00:00Z"),
)
"""Fitted on January to August, chosen on September and October; the rest is never looked at."""
FIRST_UNSEEN_DAY = parse_rfc3339("2014-10-31T13:00:00Z")
"""Midnight of 1 November in Melbourne, where summer time is UTC+11 until the year's end."""
UNSEEN_DAYS = 60


_KNOWN = VICTORIA_2014.options
_OPTIONS = DataOptions(
    time=_KNOWN.time,
    timezone=_KNOWN.timezone,
    targets=list(_KNOWN.targets),
    known=list(_KNOWN.known),
    units=_KNOWN.units,
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo showed, for programs."""

    model: str
    training: Receipt | None
    season: Season
    ledger: Ledger


@click.command()
@click.option("--exit", "exits", is_flag=True, help="End by itself; exit 0 only if all worked.")
@json_option
def demo(exits: bool, as_json: bool) -> None:  # noqa: FBT001
    """Up, ingest, train, deploy, predict over HTTP, receipts: on a year of real demand data."""
    with ended_like_ctrl_c(), tempfile.TemporaryDirectory(prefix="lichen-demo-") as home:
        began = time.monotonic()
        with running_platform(Path(home)) as platform:
            where = platform.platform().addresses
            _say(as_json, f"1 up       {where.http} and {where.control}, home {home}")
            _say(as_json, f"           ready after {time.monotonic() - began:.1f} s")
            result = _journey(platform, as_json=as_json)
            if as_json:
                print_json(result)
            if not exits:
                _wait(home)


def _journey(platform: Lichen, *, as_json: bool) -> DemoResult:
    _ingest(platform, as_json=as_json)
    job = train_job(platform.jobs, TRAINING, None if as_json else ProgressLine())
    version = platform.models.made(job)
    reference = f"{version.model}@{version.version}"
    if not as_json:
        click.echo(f"3 train    {reference} on January to October")
        print_search(job)
    deployment = platform.deployments.deploy(reference, MODEL)
    _say(as_json, f"4 deploy   {deployment.name} serves {reference} ({deployment.variant})")
    season = forecast_season(platform, MODEL, FIRST_UNSEEN_DAY, UNSEEN_DAYS)
    ledger = _balanced(platform, season)
    if not as_json:
        _print_season(season)
        _print_receipts(job, season)
        _print_ledger(ledger)
    return DemoResult(reference, job.receipt, season, ledger)


def _ingest(platform: Lichen, *, as_json: bool) -> None:
    dataset = platform.data.add(VICTORIA_2014.name, VICTORIA_2014.path, options=_OPTIONS)
    _say(
        as_json,
        f"2 data     {dataset.name}@{dataset.version}: {dataset.rows} rows, every "
        f"{dataset.step_seconds} s, {len(dataset.findings)} findings\n"
        f"           source: {VICTORIA_2014.attribution}",
    )


def _print_season(season: Season) -> None:
    click.echo(f"5 predict  {season.days} days it has not seen, at midnight, 48 half-hours each")
    print_table(
        ("           ", "MAPE %", "RMSE GW", "pinball GW", "in 80 % interval"),
        [
            (
                f"           {MODEL}",
                f"{season.model.mape:.2f}",
                f"{season.model.rmse:.4f}",
                f"{season.pinball:.4f}",
                f"{season.coverage:.1f} %",
            ),
            (
                "           a week ago",
                f"{season.naive.mape:.2f}",
                f"{season.naive.rmse:.4f}",
                "",
                "",
            ),
        ],
    )


def _print_receipts(job: Job, season: Season) -> None:
    year_nj = season.total_nj * DAYS_A_YEAR // season.days
    click.echo("6 receipts")
    if job.receipt is not None:
        click.echo(f"           training      {receipt_line(job.receipt)}")
    click.echo(f"           one forecast  {receipt_line(season.last)}")
    year = f"{readable(year_nj, 'J')}"
    if season.total_ng is not None:
        year += f", {readable(season.total_ng * DAYS_A_YEAR // season.days, 'gCO2e')}"
    click.echo(f"           a year of daily forecasts  {year}")


def _balanced(platform: Lichen, season: Season) -> Ledger:
    """The ledger once it holds the season, and is known to be right (A3, L1, L2).

    Raises:
        WorkFailed: it is damaged, does not sum to zero, an overhead is negative, or the rate
            was more than 2 % off.
    """
    ledger = _holding(platform, season.total_nj)
    wrong = [*platform.verify_ledger().findings, *_laws_broken(ledger)]
    if wrong:
        raise WorkFailed(f"the demo's ledger is not right: {'; '.join(wrong)}")
    return ledger


def _laws_broken(ledger: Ledger) -> list[str]:
    held = {one.account: one.nj for one in ledger.accounts}
    total, variance = sum(held.values()), held.get("rate-variance", 0)
    dynamic = -held.get("meter", 0) - held.get("idle", 0)
    broken = [
        f"{account} is {nj} nJ"
        for account, nj in held.items()
        if account.startswith("overhead/") and nj < 0
    ]
    if total:
        broken.append(f"it sums to {total} nJ and not to 0")
    if abs(variance) > LARGEST_RATE_VARIANCE * dynamic:
        broken.append(f"rate-variance is {variance} nJ of {dynamic} nJ dynamic energy")
    return broken


def _holding(platform: Lichen, expected_nj: int) -> Ledger:
    """The ledger, when the windows of the forecasts are booked: within two seconds or so."""
    give_up = time.monotonic() + BOOKED_WITHIN_SECONDS
    while True:
        ledger = platform.ledger()
        booked = sum(one.nj for one in ledger.accounts if one.account.startswith(SERVED))
        if booked == expected_nj:
            return ledger
        if time.monotonic() > give_up:
            raise WorkFailed(
                f"the receipts of the forecasts sum to {expected_nj} nJ, the ledger holds {booked}"
            )
        time.sleep(0.2)


def _print_ledger(ledger: Ledger) -> None:
    click.echo(
        "7 ledger   sums to 0 nJ, holds what the receipts say to the nJ, and its chain is sound"
    )
    print_table(
        ("           account", "energy"),
        [
            (f"           {one.account}", readable(one.nj, "J"))
            for one in sorted(ledger.accounts, key=lambda one: one.nj)
        ],
    )


def _wait(home: str) -> None:
    click.echo(f"\nThe platform runs on. Try:  LICHEN_HOME={home} lichen predict {MODEL}")
    click.echo("Ctrl-C ends it and removes its home.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("")


def _say(as_json: bool, line: str) -> None:  # noqa: FBT001
    if not as_json:
        click.echo(line)
