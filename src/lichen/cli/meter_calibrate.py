"""`lichen meter calibrate`: fit the power model to this machine, by a wall meter or by RAPL."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from lichen.cli.arguments import Finite
from lichen.cli.output import json_option, show
from lichen.core.clock import SystemClock
from lichen.core.errors import InvalidInput, Unavailable
from lichen.energy.meter import Meter
from lichen.energy.power.calibration import Calibration, forget_calibration, write_calibration
from lichen.energy.power.learning import COUNTER_SPREAD
from lichen.energy.power.load_record import read_load, write_load
from lichen.energy.power.machine import this_machine
from lichen.energy.power.model import ModelMeter
from lichen.energy.power.parameters import MILLI, Spread
from lichen.energy.power.power_fit import PowerFit, fit_power
from lichen.energy.power.staircase import LEAST_SECONDS, Recorder, climb
from lichen.energy.power.wall_meter import read_wall_meter
from lichen.energy.readers.rapl import RaplMeter
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import load

LOAD_FILE = "calibration-load.csv"
CLEAR_LINE = "\r\x1b[2K"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was fitted and kept; `lag_s` is how far the meter's clock is ahead of this machine's."""

    calibration: Calibration
    file: str
    lag_s: float
    gaps: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The load that was made, and where it is kept."""

    file: str
    seconds: float
    readings: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Whether there was a calibration to remove."""

    file: str
    removed: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of one call."""

    file: Path | None
    record: bool
    against: str | None
    forget: bool
    load_file: Path | None
    timezone: str | None
    accuracy: float
    seconds: float
    as_json: bool


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--record",
    is_flag=True,
    help="Make load in steps and record it, while your wall meter writes down the power.",
)
@click.option(
    "--against",
    type=click.Choice(["rapl"]),
    help="Make the load and read the processor's own counters meanwhile.",
)
@click.option("--forget", is_flag=True, help="Remove the calibration.")
@click.option(
    "--load",
    "load_file",
    type=click.Path(path_type=Path),
    help=f"The record of load; {LOAD_FILE} in the home if not given.",
)
@click.option("--timezone", metavar="Z", help="The clock of the meter, where times carry none.")
@click.option(
    "--accuracy",
    type=Finite(0, 50),
    default=2.0,
    show_default=True,
    help="The meter's accuracy in per cent.",
)
@click.option(
    "--seconds",
    type=Finite(LEAST_SECONDS, 3600),
    default=180.0,
    show_default=True,
    help="How long to make load.",
)
@json_option
def calibrate(**options: object) -> None:
    """Fit watts idle and by busy thread to FILE, a CSV of a wall meter, or to RAPL.

    FILE has a column of time and one of watts, or of joules, Wh or kWh that count up, written while
    `lichen meter calibrate --record` ran.
    """
    wish = Wish(**options)  # type: ignore[arg-type] # click made them of these types
    if sum((wish.file is not None, wish.record, wish.against is not None, wish.forget)) != 1:
        raise click.UsageError(_what_to_do())
    settings = load()
    if wish.forget:
        show(wish.as_json, _forget(settings), _print_forgotten)
    elif wish.record:
        show(wish.as_json, _record(settings, wish), _print_recorded)
    elif wish.against is not None:
        show(wish.as_json, _against_rapl(settings, wish), _print_calibrated)
    else:
        show(wish.as_json, _against_wall(settings, wish), _print_calibrated)


def _what_to_do() -> str:
    return (
        "say what to calibrate against: FILE.csv of a wall meter (written while "
        "`lichen meter calibrate --record` makes load), or `--against rapl` where the processor "
        "has energy counters; `--forget` removes a calibration"
    )


def _load_file(settings: Settings, wish: Wish) -> Path:
    return wish.load_file or settings.home / LOAD_FILE


def _record(settings: Settings, wish: Wish) -> Recorded:
    recorder = _climb(ModelMeter(), wish.seconds)
    path = _load_file(settings, wish)
    made = recorder.load
    write_load(path, made)
    return Recorded(str(path), made.end_s - made.start_s, len(made.at_s))


def _climb(meter: Meter, seconds: float) -> Recorder:
    """Make the load, saying so; the meter is closed at its end."""
    threads = this_machine().threads
    click.echo(
        f"making load for {seconds:g} s, 0 to {threads} busy threads and back, at the lowest "
        "priority; leave the machine alone meanwhile",
        err=True,
    )
    recorder = Recorder(meter)
    live = sys.stderr.isatty()

    def watch(busy: int, share: float) -> None:
        if live:
            sys.stderr.write(f"{CLEAR_LINE}{share:4.0%} · {busy} busy threads")
            sys.stderr.flush()

    try:
        climb(recorder, seconds, threads, watch=watch)
    finally:
        meter.close()
        sys.stderr.write(CLEAR_LINE if live else "")
    return recorder


def _against_rapl(settings: Settings, wish: Wish) -> Calibrated:
    try:
        meter = RaplMeter(settings.energy.powercap)
    except Unavailable as absent:
        raise Unavailable(
            f"cannot calibrate against rapl: {absent}; without it, let a wall meter write down the "
            "power while `lichen meter calibrate --record` runs, then give its CSV"
        ) from absent
    recorder = _climb(meter, wish.seconds)
    fit = fit_power(recorder.spans, recorder.load, COUNTER_SPREAD, most_lag_s=0)
    return _keep(settings, fit, meter.source, gaps=0)


def _against_wall(settings: Settings, wish: Wish) -> Calibrated:
    if wish.file is None:
        raise InvalidInput(_what_to_do())
    wall = read_wall_meter(wish.file, wish.timezone)
    fit = fit_power(wall.spans, read_load(_load_file(settings, wish)), wish.accuracy / 100)
    return _keep(settings, fit, f"wall meter {wish.file.name}", gaps=wall.gaps)


def _keep(settings: Settings, fit: PowerFit, against: str, *, gaps: int) -> Calibrated:
    machine = this_machine()
    calibration = Calibration(
        machine.processor.name,
        machine.threads,
        fit.slope,
        fit.idle,
        SystemClock().now().astimezone(UTC).replace(microsecond=0),
        against,
        fit.points,
        fit.r_squared,
    )
    path = Home(settings.home).calibration
    write_calibration(path, calibration)
    return Calibrated(calibration, str(path), fit.lag_s, gaps)


def _forget(settings: Settings) -> Forgotten:
    path = Home(settings.home).calibration
    return Forgotten(str(path), forget_calibration(path))


def _print_calibrated(done: Calibrated) -> None:
    one = done.calibration
    click.echo(f"{one.processor}, {one.threads} threads, against {one.against}")
    click.echo(f"by busy thread: {_watts(one.slope)}")
    click.echo(f"idle machine:   {_watts(one.idle)}")
    click.echo(f"fit: {one.points} readings, R² {one.r_squared:.3f}, {done.gaps} gaps left out")
    if done.lag_s:
        side = "ahead of" if done.lag_s > 0 else "behind"
        click.echo(f"the meter's clock is {abs(done.lag_s):g} s {side} this machine's: allowed for")
    click.echo(f"kept in {done.file}; whoever starts metering from now on uses it")


def _watts(spread: Spread) -> str:
    return (
        f"{spread.median_mw / MILLI:.2f} W "
        f"(90 % {spread.low_mw / MILLI:.2f} to {spread.high_mw / MILLI:.2f})"
    )


def _print_recorded(done: Recorded) -> None:
    ended = datetime.now(UTC)
    click.echo(f"{done.readings} readings over {done.seconds:.0f} s in {done.file}")
    click.echo(
        f"export your wall meter's CSV up to {ended:%Y-%m-%d %H:%M} UTC, then "
        "`lichen meter calibrate FILE.csv`"
    )


def _print_forgotten(done: Forgotten) -> None:
    click.echo(
        f"removed {done.file}" if done.removed else f"there was no calibration at {done.file}"
    )
