"""Simulate jobs over recorded grids: run the clock, score what came of it, say what to know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from lichen.control.simulation.foresight import foresight
from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.outcome import JobOutcome, Simulation
from lichen.control.simulation.run import Clockwork, Effort, Progress
from lichen.control.simulation.scoring import outcome, totals
from lichen.control.simulation.window import Outside, fitting
from lichen.control.simulation.world import World
from lichen.core.errors import InvalidInput

RESERVE = 0.25
"""Of a job's time to spare: of 400 jobs due twice a week, on 40 cores, 34 waited until they were
late without it, and none with it (Spain, 2022); run at once they need 30."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to simulate.

    Attributes:
        forecast: what each plan stands on, as `--forecast` names it.
        home: the zone in which a job runs that nobody plans; the first unless said.
        cores: of the zones that have so many and no more.
        replans: whether jobs are planned again at each step, or at their release alone.
        steps_beyond: by how many steps a window is longer than the deadline says.
        outside: what becomes of jobs whose window does not lie within the grids' time.
        reserve: the share of a job's time to spare that is kept free before its deadline where
            cores are limited: jobs come that nobody knows of yet.
        seed: of the errors of `noise`.
        repeat: over how many draws of them the grams are averaged.
    """

    forecast: str = "outlook"
    home: str = ""
    cores: Mapping[str, int] = field(default_factory=dict)
    replans: bool = True
    steps_beyond: int = 0
    outside: Outside = Outside.REFUSE
    reserve: float = RESERVE
    seed: int = 0
    repeat: int = 1


def simulate(
    jobs: Sequence[SimulatedJob],
    grids: Mapping[str, Grid],
    options: Options,
    progress: Progress = lambda _share: None,
) -> Simulation:
    """What would have come of these jobs, were they planned like this.

    Args:
        jobs: in any order; the answer keeps it.
        grids: by zone, of one step and one time.
        options: how.
        progress: is told the share that is done.

    Raises:
        InvalidInput: an option cannot be, or a job cannot run in this world; the message names it.
    """
    _check(options, grids)
    worlds = [_world(grids, options, options.seed + turn) for turn in range(options.repeat)]
    fit = fitting(jobs, worlds[0], options.outside)
    clockworks = [Clockwork(world, fit.run) for world in worlds]
    runs = [
        clockwork.run(partial(_tell, progress, turn, len(worlds)))
        for turn, clockwork in enumerate(clockworks)
    ]
    outcomes = tuple(
        outcome(worlds[0], job, [run.get(job.id, []) for run in runs]) for job in fit.counted
    )
    effort = clockworks[0].effort
    return Simulation(
        forecast=options.forecast,
        jobs=outcomes,
        totals=totals(fit.counted, outcomes, effort),
        remarks=(
            *fit.remarks,
            *_remarks(options, effort, outcomes),
            *_beyond(worlds[0], outcomes),
        ),
    )


def _check(options: Options, grids: Mapping[str, Grid]) -> None:
    unknown = sorted({*options.cores, *([options.home] if options.home else [])} - set(grids))
    if unknown:
        raise InvalidInput(
            f"there is no intensity of zone {', '.join(unknown)}: there is {', '.join(grids)}"
        )
    if options.cores and not options.replans:
        raise InvalidInput("a plan made once cannot keep to a capacity: leave one of the two out")
    if not 0 <= options.reserve <= 1:
        raise InvalidInput(f"a reserve of {options.reserve:g} cannot be: give a share, 0 to 1")
    if options.repeat < 1 or options.steps_beyond < 0:
        raise InvalidInput("a simulation is run once at least, and no window ends before its time")


def _world(grids: Mapping[str, Grid], options: Options, seed: int) -> World:
    return World(
        grids=grids,
        home=options.home or next(iter(grids)),
        foresight={zone: foresight(options.forecast, grid, seed) for zone, grid in grids.items()},
        cores=options.cores,
        replans=options.replans,
        steps_beyond=options.steps_beyond,
        reserve=options.reserve if options.cores else 0.0,
        counts_beyond=options.outside is not Outside.CUT,
    )


def _tell(progress: Progress, turn: int, turns: int, share: float) -> None:
    progress((turn + share) / turns)


def _remarks(options: Options, effort: Effort, outcomes: Sequence[JobOutcome]) -> Iterator[str]:
    if options.steps_beyond:
        yield (
            f"windows are {options.steps_beyond} steps longer than the deadlines say, so jobs may "
            "end so much after them"
        )
    late = sum(one.late_s > 0 for one in outcomes)
    if late and options.cores:
        yield f"{late} jobs ended after their deadline: there was no place for them in time"
    if options.cores:
        yield (
            "grams at once and the clairvoyant's know no capacity: the share is of a bound that "
            "may be out of reach"
        )
    if effort.blind:
        yield (
            f"{effort.blind} of {effort.plans} plans foresaw nothing of a zone: what may run "
            "there alone ran at once"
        )
    if effort.forced:
        yield f"{effort.forced} times a job was started to keep its deadline, against its plan"


def _beyond(world: World, outcomes: Sequence[JobOutcome]) -> Iterator[str]:
    end_s = world.clock.end_s
    last_s = [one.segments[-1].end.timestamp() for one in outcomes if one.segments]
    beyond = sum(one > end_s + 1 for one in last_s)
    if beyond and world.counts_beyond:
        yield (
            f"{beyond} jobs found no place before the end of the intensities: what ran after it is "
            "counted at the last value"
        )
