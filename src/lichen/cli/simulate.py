"""`lichen simulate`: the scheduler on a simulated clock, over recorded intensities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import click

from lichen.carbon.intensity import WORLD, checked_zone
from lichen.cli.arguments import Finite
from lichen.cli.output import json_option, show
from lichen.cli.simulated import SimulationBar, show_simulation, table_of
from lichen.control.simulation.grid import Grid, aligned
from lichen.control.simulation.grid_file import Reading, read_grid
from lichen.control.simulation.jobs_file import read_jobs
from lichen.control.simulation.simulate import RESERVE, Options
from lichen.control.simulation.simulate import simulate as simulated
from lichen.control.simulation.window import Outside
from lichen.core.errors import InvalidInput
from lichen.store.whole_files import replace_file

FILE = click.Path(path_type=Path, dir_okay=False)


class SimulateOptions(TypedDict):
    """The options that say how it is simulated."""

    zone: str | None
    column: str | None
    repair: bool
    forecast: str
    capacity: tuple[str, ...]
    reserve: float
    replan: str
    window_steps_beyond: int
    outside: str
    seed: int
    repeat: int


@click.command()
@click.argument("jobs", type=FILE)
@click.option(
    "--intensity",
    "files",
    metavar="[ZONE=]FILE",
    required=True,
    multiple=True,
    help="Time, then gCO2e/kWh, in regular steps: CSV or Parquet. Once for each zone.",
)
@click.option("--zone", metavar="Z", help="Whose FILE is; of several, where jobs run unplanned.")
@click.option(
    "--forecast",
    metavar="F",
    default="outlook",
    help="perfect, outlook, persistence or noise:SHARE. [outlook]",
)
@click.option(
    "--capacity",
    metavar="[ZONE=]N",
    multiple=True,
    help="Cores of a zone; without ZONE of each. No limit unless said.",
)
@click.option(
    "--reserve",
    metavar="SHARE",
    type=Finite(0, 1),
    default=RESERVE,
    help=f"Of the time to spare, kept free for jobs to come where capacity binds. [{RESERVE}]",
)
@click.option(
    "--replan",
    type=click.Choice(["step", "once"]),
    default="step",
    help="Plan again at each step, or at a job's release alone. [step]",
)
@click.option(
    "--window-steps-beyond",
    metavar="N",
    type=click.IntRange(0, 10_000),
    default=0,
    help="Let windows end N steps after the deadline, as some published work does. [0]",
)
@click.option(
    "--outside",
    type=click.Choice([one.value for one in Outside]),
    default=Outside.REFUSE.value,
    help="Jobs outside of the series' time: refuse, drop them, or cut what runs after it. [refuse]",
)
@click.option("--column", metavar="NAME", help="Of gCO2e/kWh in FILE; the second unless said.")
@click.option("--repair", is_flag=True, help="Sort FILE by time, and fill gaps over 3 h too.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the noise. [0]")
@click.option(
    "--repeat", type=click.IntRange(1, 1000), default=1, help="Average over N draws of noise. [1]"
)
@click.option("--output", metavar="FILE", type=FILE, help="Write the table of jobs as CSV.")
@json_option
def simulate(
    jobs: Path,
    files: tuple[str, ...],
    output: Path | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[SimulateOptions],
) -> None:
    """What the jobs of JOBS would have cost, run when the planner says, beside the best there was.

    JOBS is a CSV with the columns id, release, deadline, duration_s, power_w, interruptible and,
    if need be, pause_cost_j, start, cores, priority, zones.
    """
    read = read_jobs(jobs)
    grids, remarks = _grids(files, options)
    with SimulationBar() as bar:
        done = simulated(read.jobs, grids, _options(options, list(grids)), bar.draw)
    done = replace(done, remarks=(*read.remarks, *remarks, *done.remarks))
    if output is not None:
        replace_file(output, table_of(done.jobs).encode())
    show(as_json, done, show_simulation)
    if output is not None and not as_json:
        click.echo(f"{output}: {len(done.jobs)} jobs")


def _grids(files: Sequence[str], options: SimulateOptions) -> tuple[dict[str, Grid], list[str]]:
    """The grids by zone, of one step and time, and what to know of the files."""
    reading = Reading(column=options["column"], repair=options["repair"])
    grids: dict[str, Grid] = {}
    remarks: list[str] = []
    for said in files:
        name, path = _zone_and_file(said, options["zone"], alone=len(files) == 1)
        if name in grids:
            raise InvalidInput(f"--intensity gives zone {name} twice: give one file a zone")
        read = read_grid(path, name, reading)
        grids[name] = read.grid
        remarks += read.remarks
    return {grid.zone: grid for grid in aligned(list(grids.values()))}, remarks


def _zone_and_file(said: str, zone: str | None, *, alone: bool) -> tuple[str, Path]:
    name, equals, rest = said.partition("=")
    if equals and not Path(said).exists():
        return checked_zone(name), Path(rest)
    if not alone:
        raise InvalidInput(f"--intensity {said!r} does not say whose it is: write ZONE={said}")
    return (WORLD if zone is None else checked_zone(zone)), Path(said)


def _options(said: SimulateOptions, zones: Sequence[str]) -> Options:
    zone = said["zone"]
    return Options(
        forecast=said["forecast"],
        home="" if zone is None else checked_zone(zone),
        cores=_cores(said["capacity"], zones),
        reserve=said["reserve"],
        replans=said["replan"] == "step",
        steps_beyond=said["window_steps_beyond"],
        outside=Outside(said["outside"]),
        seed=said["seed"],
        repeat=said["repeat"],
    )


def _cores(said: Sequence[str], zones: Sequence[str]) -> Mapping[str, int]:
    cores: dict[str, int] = {}
    for one in said:
        name, equals, number = one.rpartition("=")
        if not number.isdecimal() or int(number) < 1:
            raise InvalidInput(f"--capacity {one!r} is no number of cores: write 8 or DE=8")
        for zone in [checked_zone(name)] if equals else zones:
            cores[zone] = int(number)
    return cores
