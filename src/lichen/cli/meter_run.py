"""`lichen meter run -- COMMAND`: run it, meter it and all that it starts, pass on how it ended."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

import click
import msgspec

from lichen.carbon.tracker.emissions_csv import EmissionsFile
from lichen.carbon.tracker.meter_session import close_sessions
from lichen.carbon.tracker.metered_command import Booking, CommandEnd, MeteredCommand
from lichen.carbon.tracker.prices import Prices
from lichen.carbon.tracker.span import Terms
from lichen.cli.command_signals import CommandSignals, end_like
from lichen.cli.output import printable
from lichen.cli.receipts import receipt_line
from lichen.core.clock import SystemClock
from lichen.core.errors import InvalidInput, NotFound, Refused, StorageFailed, Unavailable
from lichen.core.figures import Receipt
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.closing import HOST_OTHER
from lichen.energy.probe import best_meter
from lichen.energy.processes import read_counters
from lichen.server.home import Home
from lichen.server.meter_choice import meter_choice
from lichen.server.pricing import pricing
from lichen.server.sections import Settings
from lichen.server.settings import load
from lichen.store.whole_files import replace_file

_NO_SUCH_COMMAND, _NOT_RUNNABLE = 127, 126
"""As the shell and `env` say it, so that scripts around the command go on working."""


class RunOptions(TypedDict):
    """The options of `lichen meter run`."""

    zone: str | None
    name: str | None
    output: Path | None
    receipt: Path | None
    account: str | None
    tenant: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a metered command did and cost, as `--json` writes it; grams are in the receipt.

    `exit_code` is minus the signal's number where a signal ended it; `booked` is the account in
    the ledger of a platform here: `host/other` where it is nobody's work, None without a platform.
    """

    name: str
    command: tuple[str, ...]
    exit_code: int
    seconds: float
    cpu_ns: int
    counted_by: str
    left_running: int
    booked: str | None
    receipt: Receipt


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--zone", metavar="Z", help="Whose grid feeds this machine. [the setting's]")
@click.option("--name", metavar="N", help="What to call the run. [the command's name]")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Add a row with the columns of CodeCarbon's emissions.csv.",
)
@click.option(
    "--receipt",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the JSON document to FILE too.",
)
@click.option("--account", metavar="A", help="Book it as work in the ledger of the platform here.")
@click.option("--tenant", metavar="T", default="default", help="Whose work it is. [default]")
@click.option(
    "--json", "as_json", is_flag=True, help="The receipt as one JSON document on standard error."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def meter_run(command: tuple[str, ...], **options: Unpack[RunOptions]) -> int:
    """Run COMMAND; its energy and carbon go to standard error, its exit code is ours."""
    settings = load({"zone": options["zone"]})
    booking = _booking(settings, options)
    name = options["name"] or Path(command[0]).name
    terms = Terms(
        name,
        _prices(settings),
        settings.runtime,
        _output(options["output"]),
        partial(best_meter, meter_choice(settings)),
    )
    try:
        with CommandSignals() as signals, _warnings_as_sentences():
            end = MeteredCommand(terms, booking).run(command, signals.started)
    except (NotFound, Refused) as error:
        click.echo(f"lichen: {error}", err=True)
        return _NO_SUCH_COMMAND if isinstance(error, NotFound) else _NOT_RUNNABLE
    _tell(_report(command, end, name, _booked(settings, booking)), options)
    if end.exit_code < 0:
        close_sessions()
        end_like(-end.exit_code)
    return end.exit_code


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Say warnings as all else is said; Python would show them with lines of our source."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for one in told:
        click.echo(f"lichen: {one.message}", err=True)


def _prices(settings: Settings) -> Prices:
    found = pricing(settings.carbon, Home(settings.home).intensities)
    return Prices(found.zone, found.chain, found.embodied, SystemClock(), found.pue)


def _output(path: Path | None) -> EmissionsFile | None:
    return None if path is None else EmissionsFile(path)


def _booking(settings: Settings, options: RunOptions) -> Booking | None:
    """Whose work the command is; None where it is nobody's.

    Raises:
        InvalidInput: the account or the tenant is no name.
        Unavailable: no platform of this home runs here, so there is no ledger to book it.
    """
    account, tenant = options["account"], options["tenant"]
    if account is None:
        return None
    for said in (account, tenant):
        if not said or "/" in said or said != said.strip() or not said.isprintable():
            raise InvalidInput(
                f"{said!r} is no name of an account: give printable signs, without a slash"
            )
    if str(settings.home) not in _platforms(settings):
        raise Unavailable(
            f"no platform of {settings.home} runs on this host, so nothing books --account: "
            "`lichen up` starts one"
        )
    return Booking(f"work/{tenant}/{account}/command/run", str(settings.home), settings.runtime)


def _platforms(settings: Settings) -> set[str]:
    """The homes of the platforms that run on this host and book what its meters read."""
    return {
        reading.platform
        for reading in read_counters(settings.runtime)
        if reading.alive and reading.name == "supervisor"
    }


def _booked(settings: Settings, booking: Booking | None) -> str | None:
    if booking is not None:
        return booking.account
    return HOST_OTHER if _platforms(settings) else None


def _report(command: tuple[str, ...], end: CommandEnd, name: str, booked: str | None) -> RunReport:
    return RunReport(
        name=name,
        command=command,
        exit_code=end.exit_code,
        seconds=end.seconds,
        cpu_ns=end.cpu_ns,
        counted_by=end.counted_by,
        left_running=end.left_running,
        booked=booked,
        receipt=end.receipt,
    )


def _tell(report: RunReport, options: RunOptions) -> None:
    """Say what it cost; a file that cannot be written is told and changes nothing else."""
    document = msgspec.json.format(msgspec.json.encode(report), indent=2)
    if options["as_json"]:
        click.echo(document.decode(), err=True)
    else:
        click.echo(_line(report), err=True)
    path = options["receipt"]
    if path is not None:
        try:
            replace_file(path, document + b"\n")
        except StorageFailed as error:
            click.echo(f"lichen: {error}", err=True)


def _line(report: RunReport) -> str:
    cpu_s = report.cpu_ns / NANOSECONDS_PER_SECOND
    line = (
        f"lichen: {printable(report.name)}: {receipt_line(report.receipt)}, "
        f"{cpu_s:.3g} CPU-s in {report.seconds:.3g} s"
    )
    if report.booked is not None:
        line += f", booked as {report.booked}"
    if report.left_running:
        line += f"; {report.left_running} of its processes still run, counted up to now"
    return line
