"""What a simulation takes place in: grids, places to run, foresight, how often it is planned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from lichen.carbon.outlook.ensemble import EnsembleSource
from lichen.control.planning.planner import DEFAULT_POLICY
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.workload import Site
from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import SimulatedJob

UNLIMITED_CORES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where and how jobs are simulated.

    Attributes:
        grids: by zone, of one step and one time.
        home: the zone in which a job runs that nobody plans.
        foresight: by zone, what is foreseen at each moment.
        cores: of the zones that have so many and no more.
        replans: whether a job is planned again at each step, or at its release alone.
        steps_beyond: by how many steps a job's window is longer than its deadline says.
        reserve: the share of a job's time to spare that is kept free before its deadline, for jobs
            that nobody knows of yet; asked only where cores are limited.
        counts_beyond: whether what finds no place before the grids' end counts all the same, at
            their last value.
        policy: the planner's knobs.
    """

    grids: Mapping[str, Grid]
    home: str
    foresight: Mapping[str, EnsembleSource]
    cores: Mapping[str, int] = field(default_factory=dict)
    replans: bool = True
    steps_beyond: int = 0
    reserve: float = 0.0
    counts_beyond: bool = True
    policy: PlanPolicy = DEFAULT_POLICY

    @property
    def clock(self) -> Grid:
        """The grid whose steps the simulated clock takes; all have the same."""
        return self.grids[self.home]

    @property
    def step(self) -> timedelta:
        """How long a step is."""
        return timedelta(seconds=self.clock.step_s)

    @property
    def sites(self) -> list[Site]:
        """The places, one a zone."""
        return [Site(zone, self.cores.get(zone, UNLIMITED_CORES)) for zone in self.grids]

    def zones_of(self, job: SimulatedJob) -> tuple[str, ...]:
        """Where a job may run, the zone in which it runs unplanned first."""
        allowed = job.zones or tuple(self.grids)
        home = self.home if self.home in allowed else allowed[0]
        return (home, *(zone for zone in allowed if zone != home))

    def end_of(self, job: SimulatedJob) -> float:
        """The end of a job's window, seconds since 1970; never after the grids' end."""
        beyond = self.steps_beyond * self.clock.step_s
        return min(job.deadline_s + beyond, float(self.clock.end_s))
