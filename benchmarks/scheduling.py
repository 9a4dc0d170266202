"""The scheduler: how much of the clairvoyant saving it reaches on recorded grids.

Run as `python benchmarks/scheduling.py`; it needs `../shared/data` beside the checkout. With
`--write` the tables go to docs/explanation/scheduling-figures.md as well. Jobs are those of
`jobs_of_wiesner.py` without its longer windows: released in office hours of working days, 4 h to
90 h, interruptible, due when somebody looks at them next or twice a week; and nightly ones of half
an hour, 8 h sooner or later; all by the grid's standard time. Grids whose file says so are of
life-cycle emissions.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
from jobs_of_wiesner import DAY, HALF_HOUR, POWER_W, Job, ml_jobs, nightly_jobs
from run import machine

from lichen.carbon.outlook.place import place_of
from lichen.control.simulation.grid import Grid
from lichen.control.simulation.grid_file import Reading, read_grid
from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.outcome import Totals
from lichen.control.simulation.simulate import Options, simulate
from lichen.control.simulation.window import Outside
from lichen.frameworks.blas import one_blas_thread

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "explanation" / "scheduling-figures.md"
LIFECYCLE = "gCO2eq_per_kWh_lca"
CORE_W = 3.8
"""One hardware thread of a server at full load (SPECpower median): what a small job draws."""
YEAR_JOBS = 10_000
LEAST_OF_PLANNING = 0.01
SCENARIOS = ("next-workday", "twice-a-week", "nightly +-8 h")


@dataclass(frozen=True, slots=True)
class Case:
    """One series, and the share wanted in each scenario; None where no goal speaks of it."""

    name: str
    zone: str
    file: str
    column: str
    goals: tuple[float, float, float] | None = None


CASES = (
    Case(
        "Germany 2021-22",
        "DE",
        "em_DE_20211008_20221206_irregular.csv",
        "gCO2eq_per_kWh",
        (0.78, 0.78, 0.80),
    ),
    Case("Spain 2022", "ES", "em_ES_2022_hourly.csv", LIFECYCLE),
    Case(
        "California 2021",
        "US-CAL-CISO",
        "em_US-CAL-CISO_2021_hourly.csv",
        LIFECYCLE,
        (0.92, 0.92, 0.97),
    ),
    Case(
        "California 2022",
        "US-CAL-CISO",
        "em_US-CAL-CISO_2022_hourly.csv",
        LIFECYCLE,
        (0.92, 0.92, 0.97),
    ),
)
WAYS = (
    ("perfect, planned once", Options(forecast="perfect", replans=False)),
    ("noise:0.05, planned once", Options(forecast="noise:0.05", replans=False)),
    ("outlook", Options(forecast="outlook")),
    ("outlook, planned once", Options(forecast="outlook", replans=False)),
    ("persistence", Options(forecast="persistence")),
)


class Report:
    """What is printed, and written down when asked for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def say(self, line: str = "") -> None:
        """Print a line as it comes."""
        self.lines.append(line)
        print(line, flush=True)

    def promise(self, name: str, *, met: bool) -> None:
        """Say whether one promise holds."""
        self.say(f"  {'met   ' if met else 'MISSED'} {name}")
        if not met:
            self.missed.append(name)


def grid_of(case: Case) -> Grid:
    """A series in regular hours: the German file is out of order, and has hours missing."""
    return read_grid(DATA / case.file, case.zone, Reading(column=case.column, repair=True)).grid


def standard_time(zone: str) -> timezone:
    """A zone's clocks without daylight saving: office hours and nights are those of its people."""
    january = datetime(2022, 1, 15, tzinfo=ZoneInfo(place_of(zone).timezone))
    return timezone(january.utcoffset() or timedelta(0))


def jobs_of(grid: Grid, scenario: str) -> list[SimulatedJob]:
    """The jobs of a scenario over the whole days of a series."""
    clocks = standard_time(grid.zone)
    start, end = (datetime.fromtimestamp(one, clocks) for one in (grid.start_s, grid.end_s))
    first = start.replace(hour=0) + (DAY if start.hour else timedelta(0))
    last = end.replace(hour=0)
    if scenario == SCENARIOS[2]:  # a start eight hours later is one of them
        longer = (
            replace(job, deadline=job.deadline + HALF_HOUR) for job in nightly_jobs(first, last, 8)
        )
        return [simulated(job) for job in longer]
    return [simulated(job) for job in ml_jobs(first, last, scenario)]


def simulated(job: Job) -> SimulatedJob:
    """A job as the simulator takes it."""
    return SimulatedJob(
        id=job.id,
        where="jobs_of_wiesner",
        release_s=job.release.timestamp(),
        deadline_s=job.deadline.timestamp(),
        duration_s=job.duration.total_seconds(),
        power_w=POWER_W,
        interruptible=job.interruptible,
        at_once_s=job.start.timestamp(),
    )


def scores(grid: Grid, scenario: str) -> Iterator[tuple[str, Totals]]:
    """The totals by way of planning."""
    jobs = jobs_of(grid, scenario)
    for name, options in WAYS:
        options = replace(options, outside=Outside.DROP)
        yield name, simulate(jobs, {grid.zone: grid}, options).totals


def shown(totals: Totals) -> str:
    """A share with its interval."""
    if totals.share_low is None:
        return f"{totals.share:.3f}"
    return f"{totals.share:.3f} ({totals.share_low:.3f} to {totals.share_high:.3f})"


def report_case(report: Report, case: Case, grid: Grid) -> None:
    """The table of one series."""
    for place, scenario in enumerate(SCENARIOS):
        found = dict(scores(grid, scenario))
        best = found["perfect, planned once"]
        report.say(
            f"\n{case.name}, {scenario}: {best.jobs} jobs, at best {best.saved_percent:.2f} % less"
        )
        report.say(f"  {'forecast':26}{'share (90 % interval)':28}{'saved':>9}{'pauses':>9}")
        for name, totals in found.items():
            report.say(
                f"  {name:26}{shown(totals):28}{totals.saved_percent:7.2f} %{totals.pauses:9d}"
            )
        promises(report, f"{case.name}, {scenario}", found, case.goals and case.goals[place])


def promises(report: Report, where: str, found: dict[str, Totals], goal: float | None) -> None:
    """What was promised of one cell."""
    outlook, perfect = found["outlook"], found["perfect, planned once"]
    assert outlook.share is not None  # noqa: S101 - there is something to save in each
    assert perfect.share is not None  # noqa: S101 - likewise
    if goal is not None:
        report.promise(
            f"{where}: outlook >= {goal:.2f}: {outlook.share:.3f}", met=outlook.share >= goal
        )
    report.promise(f"{where}: not worse than at once", met=outlook.share >= 0)
    off = abs(perfect.grams / perfect.grams_clairvoyant - 1)
    report.promise(f"{where}: perfect is the clairvoyant to 0.01 %: {off:.1e}", met=off <= 1e-4)
    report.promise(f"{where}: no deadline missed", met=all(one.late == 0 for one in found.values()))
    share = outlook.planner.share_of_saving
    if share is not None:
        of_a_core = share * POWER_W / CORE_W
        report.promise(
            f"{where}: planning costs under 1 % of what it saves: {share:.1e} of jobs of "
            f"{POWER_W} W, {of_a_core:.1e} of jobs of one core",
            met=of_a_core < LEAST_OF_PLANNING,
        )


def year_of_jobs(grid: Grid) -> list[SimulatedJob]:
    """10,000 jobs of every kind, all their deadlines apart."""
    random = np.random.default_rng(0)
    steps = len(grid.values)
    jobs = []
    for number in range(YEAR_JOBS):
        length, slack = int(random.integers(8, 181)), int(random.integers(1, 97))
        release = int(random.integers(0, steps - length - slack))
        begin = float(grid.start_s + release * grid.step_s)
        jobs.append(
            SimulatedJob(
                id=str(number),
                where="year",
                release_s=begin,
                deadline_s=begin + (length + slack) * grid.step_s,
                duration_s=float(length * grid.step_s),
                power_w=POWER_W,
                interruptible=bool(random.random() < 0.8),
                at_once_s=begin,
            )
        )
    return jobs


def report_year(report: Report, grid: Grid) -> None:
    """How long a year of 10,000 jobs takes, replanned at each half-hour."""
    halves = Grid(grid.zone, grid.start_s, 1800, np.repeat(grid.values, 2), grid.name)
    jobs = year_of_jobs(halves)
    began = process_time()
    totals = simulate(jobs, {halves.zone: halves}, Options(forecast="outlook")).totals
    took = process_time() - began
    report.say(
        f"\nA year of {len(jobs)} jobs in half-hours, replanned at each: {took:.0f} CPU-s, of "
        f"which {totals.planner.cpu_seconds:.0f} foresee and plan ({totals.planner.plans} plans); "
        f"{shown(totals)} of the clairvoyant saving"
    )
    report.promise(f"within three minutes: {took:.0f} CPU-s", met=took <= 180)


def page(report: Report) -> str:
    """The figures as a page of the documentation."""
    return "\n".join(
        (
            "# What the scheduler saves: figures",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, by `make bench ARGS=scheduling` "
            f"(`python benchmarks/scheduling.py --write`) on {machine()}, NumPy {np.__version__}.",
            "Shares are of the saving that a clairvoyant would have made against running at once; "
            "intervals are of 90 %, by a bootstrap over weeks of release.",
            "How they come about: [simulate](../reference/simulate.md).",
            "",
            "```",
            *report.lines,
            "```",
            "",
        )
    )


def main(arguments: list[str]) -> int:
    """All series; the exit code is 1 when a promise is missed."""
    if not DATA.exists():
        print(f"needs {DATA}: nothing to simulate on")
        return 0
    report = Report()
    with one_blas_thread():
        for case in CASES:
            report_case(report, case, grid_of(case))
        report_year(report, grid_of(CASES[1]))
    report.say(f"\n{process_time():.0f} CPU-s in all")
    report.say("MISSED: " + "; ".join(report.missed) if report.missed else "all met")
    if "--write" in arguments:
        PAGE.write_text(page(report), encoding="utf-8")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
