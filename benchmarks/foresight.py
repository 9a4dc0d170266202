"""What of the clairvoyant saving forecasts of the intensity reach, and what could be reached.

Run as `python benchmarks/foresight.py [--quick]`; it needs `../shared/data` beside the checkout.
The jobs are those of `scheduling.py`. Each is decided upon anew at every half-hour, by the mean
course alone: it runs if fewer of the later steps are expected to be cleaner than it needs. That
rule needs no simulator: by deadline, one table of costs to go holds the outcome of every job.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np
from run import machine
from scheduling import CASES, SCENARIOS, grid_of, jobs_of

from lichen.carbon.outlook.place import place_of
from lichen.carbon.outlook.seasons import Fading, Floats, Memories, Rows, Seasons
from lichen.control.simulation.grid import Grid
from lichen.forecasting.calendar import local_seconds, weekday
from lichen.frameworks.blas import one_blas_thread

DAY = 24
AHEAD = 8 * DAY
LIFE = 40.0
NEVER = 1e12
KNOWN_HOURS = (1, 3, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Of one scenario, in half-hours: release, deadline, work, and the start at once."""

    rows: Rows


class World:
    """A series of hours, and the jobs of every scenario in it."""

    def __init__(self, grid: Grid, hours: Floats) -> None:
        self.hours = hours
        self.halves = np.repeat(hours, 2)
        moments = np.datetime64(grid.start_s, "s") + np.arange(len(hours) + AHEAD) * 3600
        self.weekdays = weekday(local_seconds(place_of(grid.zone).timezone, moments))
        self.jobs = [Jobs(self._rows(grid, scenario)) for scenario in SCENARIOS]

    def _rows(self, grid: Grid, scenario: str) -> Rows:
        found = []
        for job in jobs_of(grid, scenario):
            begun = job.release_s if job.at_once_s is None else job.at_once_s
            moments = (job.release_s, job.deadline_s, job.duration_s + grid.start_s, begun)
            found.append([round((one - grid.start_s) / 1800) for one in moments])
        rows = np.array(found, dtype=np.int64)
        fits = (rows[:, 0] > 2) & (rows[:, 1] <= len(self.halves))
        return np.asarray(rows[fits & (rows[:, 1] - rows[:, 0] <= 2 * AHEAD)])

    def shares(self, means: Floats) -> list[float]:
        """The share of the clairvoyant saving by scenario, for forecasts `(hours, AHEAD)`."""
        cheaper = _Cheaper(means)
        return [self._share(jobs.rows, cheaper) for jobs in self.jobs]

    def _share(self, jobs: Rows, cheaper: "_Cheaper") -> float:
        total = np.concatenate([[0.0], np.cumsum(self.halves)])
        at_once = float((total[jobs[:, 3] + jobs[:, 2]] - total[jobs[:, 3]]).sum())
        best = sum(
            float(np.partition(self.halves[start:end], work - 1)[:work].sum())
            for start, end, work, _ in jobs.tolist()
        )
        reached = 0.0
        for deadline in np.unique(jobs[:, 1]).tolist():
            group = jobs[jobs[:, 1] == deadline]
            reached += self._costs(group, deadline, cheaper)
        return (at_once - reached) / (at_once - best)

    def _costs(self, group: Rows, deadline: int, cheaper: "_Cheaper") -> float:
        """What all jobs of one deadline cost."""
        first, most = int(group[:, 0].min()), int(group[:, 2].max())
        works = np.arange(most + 1)
        to_go = np.full((deadline - first + 1, most + 1), NEVER)
        to_go[-1, 0] = 0.0
        for row in range(deadline - 1, first - 1, -1):
            later = to_go[row - first + 1]
            runs = (works > cheaper.than(row, deadline)) | (works >= deadline - row)
            to_go[row - first, 0] = later[0]
            running = self.halves[row] + later[:-1]
            to_go[row - first, 1:] = np.where(runs[1:], running, later[1:])
        return float(to_go[group[:, 0] - first, group[:, 2]].sum())


class _Cheaper:
    """How many of the later half-hours are expected to be cleaner than the present one."""

    def __init__(self, means: Floats) -> None:
        self._means = means

    def than(self, row: int, deadline: int) -> int:
        course = self._means[row // 2]
        whole = (deadline - 2 * (row // 2)) // 2
        below = course[1:whole] < course[0]
        return int(2 * below.sum()) + (deadline % 2) * int(course[whole] < course[0])


def two_weeks(world: World) -> Floats:
    """The mean of the last 14 days by hour; the anomaly of 3 hours fades with a life of 24."""
    means = _persistent(world)
    fades = np.exp(-(np.arange(AHEAD) + 1) / 24.0)
    for row in range(DAY, len(world.hours)):
        days = min(14, row // DAY)
        profile = world.hours[row - days * DAY : row].reshape(days, DAY).mean(axis=0)
        anomaly = world.hours[row - 3 : row].mean() - profile[-3:].mean()
        means[row] = np.tile(profile, AHEAD // DAY) + anomaly * fades
    return means


def seasons(
    world: World, memories: Memories, life: float = LIFE, *, knows_week: bool = True
) -> Floats:
    """What the platform's courses are the mean of."""
    means = _persistent(world)
    weekdays = world.weekdays if knows_week else np.zeros_like(world.weekdays)
    made = Seasons(world.hours, DAY, weekdays, memories)
    for place in range(DAY):
        rows = np.arange(DAY + place, len(world.hours), DAY)
        means[rows] = made.means(rows, AHEAD, Fading(1, life))
    return np.maximum(means, 0.0)


def foreseen(world: World, means: Floats, hours: int) -> Floats:
    """The truth of the next hours, and after them what would be said when they are over."""
    known = means.copy()
    for row in range(len(means) - hours):
        known[row, hours:] = means[row + hours, :-hours]
        known[row, :hours] = world.hours[row : row + hours]
    return known


def made_up(grid: Grid, seed: int) -> tuple[World, Floats]:
    """A grid of known days, with anomalies that only fade, and the best forecast of it.

    The days are those of the real one, averaged over four weeks; the anomalies have their size and
    their life, by the correlation of one day with the next, and are normal.
    """
    hours = len(grid.values)
    days = np.empty(hours)
    for place in range(DAY):
        around = np.pad(grid.values[place::DAY], (14, 14), "edge")
        days[place::DAY] = np.convolve(around, np.ones(29) / 29, "valid")
    apart = grid.values - days
    left = float(np.corrcoef(apart[DAY:], apart[:-DAY])[0, 1]) ** (1 / DAY)
    drawn = np.random.default_rng(seed).normal(0.0, apart.std(), hours)
    anomalies = drawn.copy()
    for row in range(1, hours):
        anomalies[row] = left * anomalies[row - 1] + np.sqrt(1 - left**2) * drawn[row]
    world = World(grid, np.maximum(days + anomalies, 1.0))
    means = _persistent(world)
    longer = np.concatenate([days, np.tile(days[-DAY:], AHEAD // DAY)])
    fades = left ** (np.arange(AHEAD) + 1)
    for row in range(1, hours):
        anomaly = world.hours[row - 1] - days[row - 1]
        means[row] = longer[row : row + AHEAD] + anomaly * fades
    return world, means


def _persistent(world: World) -> Floats:
    before = np.concatenate([world.hours[:1], world.hours[:-1]])
    return np.repeat(before[:, None], AHEAD, axis=1)


def ways(world: World, *, quick: bool) -> Iterator[tuple[str, Floats]]:
    """Forecasts by name."""
    usual = seasons(world, Memories())
    yield "14 days, anomaly of 24 h", two_weeks(world)
    yield "the platform's courses", usual
    if not quick:
        for level in (7.0, 80.0):
            yield f"  level of {level:g} days", seasons(world, Memories(level=level))
        yield "  shape of 28 days", seasons(world, Memories(shapes=(28.0,)))
        yield "  weekends like other days", seasons(world, Memories(), knows_week=False)
        for life in (20.0, 80.0):
            yield f"  anomaly of {life:g} h", seasons(world, Memories(), life)
    for hours in KNOWN_HOURS:
        yield f"with {hours} h of truth", foreseen(world, usual, hours)


def _say(name: str, shares: list[float]) -> None:
    print(f"  {name:<28}" + "".join(f"{share:>16.3f}" for share in shares), flush=True)


def main(arguments: list[str]) -> None:
    """Print the table of each series."""
    begun = process_time()
    quick = "--quick" in arguments
    with one_blas_thread():
        for case in CASES:
            grid = grid_of(case)
            print(f"{case.name:<30}" + "".join(f"{scenario:>16}" for scenario in SCENARIOS))
            world = World(grid, grid.values)
            for name, means in ways(world, quick=quick):
                _say(name, world.shares(means))
            imagined, best = made_up(grid, 0)
            _say("made-up grid: courses", imagined.shares(seasons(imagined, Memories())))
            _say("made-up grid: best forecast", imagined.shares(best))
    print(f"{process_time() - begun:.0f} CPU-s; {machine()}")


if __name__ == "__main__":
    main(sys.argv[1:])
