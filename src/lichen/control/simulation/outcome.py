"""What came of a simulation: each job beside running at once and the best there was, and totals."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RanSegment:
    """A span in which a job ran without a pause, and where."""

    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How one job fared.

    Attributes:
        id: of the job.
        segments: when and where it ran.
        grams: gCO2e of it, its pauses counted.
        grams_at_once: gCO2e of running when nobody plans it, without a pause.
        grams_clairvoyant: gCO2e of the best it could have done alone, knowing all.
        nj: nanojoules, its pauses counted.
        late_s: seconds after its deadline at which it ended; 0 in time.
    """

    id: str
    segments: tuple[RanSegment, ...]
    grams: float
    grams_at_once: float
    grams_clairvoyant: float
    nj: int
    late_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerEffort:
    """What planning took itself, modelled from CPU time (M2).

    Attributes:
        plans: how many plans were made.
        methods: how many of them by which method.
        cpu_seconds: of foreseeing and planning.
        nj: nanojoules of that, by the model's median watts for a busy thread.
        grams: gCO2e of that, at the intensity of the simulated moments.
        share_of_saving: of the grams that were saved; None where nothing was.
    """

    plans: int
    methods: dict[str, int]
    cpu_seconds: float
    nj: int
    grams: float
    share_of_saving: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all jobs.

    Attributes:
        jobs: how many.
        late: how many ended after their deadline.
        grams: gCO2e as planned.
        grams_at_once: gCO2e of running at once.
        grams_clairvoyant: gCO2e of the best; a bound where places are limited.
        saved_percent: of `grams_at_once`.
        share: of the clairvoyant saving that was reached; None where there was nothing to save.
        share_low: with `share_high` its 90 % interval, by a bootstrap over weeks of release; None
            of one week.
        share_high: see `share_low`.
        nj: nanojoules of all jobs, their pauses counted.
        pauses: how many there were.
        planner: what planning took.
    """

    jobs: int
    late: int
    grams: float
    grams_at_once: float
    grams_clairvoyant: float
    saved_percent: float | None
    share: float | None
    share_low: float | None
    share_high: float | None
    nj: int
    pauses: int
    planner: PlannerEffort


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """All of it: each job in the order of the file, the totals, and what the reader should know."""

    forecast: str
    jobs: tuple[JobOutcome, ...]
    totals: Totals
    remarks: tuple[str, ...]
