"""All jobs in limited places together, as a linear or mixed-integer program.

A job that pauses takes an amount of each piece of time, at most its length; one that cannot takes
one of the borders to start or to end at. In each piece the cores and the memory in use may not
exceed what is free. Time is cut at the borders of steps and wherever a job may begin or has to end,
so no time is lost. A piece in which a job that cannot pause runs in part is held for it whole, and
pauses are taken to cost nothing here: what that gives away is won back by putting each job in turn
where it is cheapest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.control.planning.course import Floats, Whole
from lichen.control.planning.grid import HOUR, Grid
from lichen.control.planning.option import Option
from lichen.optimise.program import Effort, Limits, Program, Solution, Terms

Options = Mapping[str, Sequence[Option]]
TERMS_PER_S = 250_000
"""A program with more is not begun: it would not be done in time."""
OVER_BUDGET = 1e3
"""A gram over a job's budget counts as so many."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The variables of one job in one zone.

    Attributes:
        option: the job in the zone.
        variables: amounts in hours of the pieces from `first` on, or starts taken or not.
        prices: grams of a unit of each.
        first: the first piece; with `starts` without meaning.
        starts: microseconds from now; None for amounts.
    """

    option: Option
    variables: Whole
    prices: Floats
    first: int
    starts: Whole | None = None


def terms_needed(options: Options, grids: Mapping[str, Grid]) -> int:
    """About how many terms a program of these jobs has."""
    total = 0
    for mine in options.values():
        for one in mine:
            grid = grids[one.zone]
            first, stop = grid.between(int(one.window.starts[0]), int(one.window.ends[-1]))
            share = one.need.work / max(1, int(grid.edges[stop] - grid.edges[first]))
            pieces = stop - first
            total += 2 * pieces if one.need.workload.interruptible else round(2 * pieces**2 * share)
    return total


class JointProgram:
    """The program of all jobs that are free to move.

    Relaxed, every job may pause for nothing and be in several zones at a time: no plan is cheaper
    than that, and what places are worth in it is a guide.
    """

    def __init__(
        self, options: Options, grids: Mapping[str, Grid], *, is_relaxed: bool = False
    ) -> None:
        self._program = Program()
        self._is_relaxed = is_relaxed
        self._places: dict[str, list[Whole]] = {zone: [] for zone in grids}
        self._grids = grids
        self._terms: dict[str, list[tuple[Whole, Whole, Floats, Option]]] = {z: [] for z in grids}
        self.columns: dict[str, list[Columns]] = {}
        for job, choices in options.items():
            mine = [self._columns(one) for one in choices]
            self.columns[job] = mine
            self._require_work(job, mine)
            self._require_budget(job, mine)
        for zone in grids:
            self._require_places(zone)

    def solve(self, limit_s: float, relative_gap: float) -> Solution:
        """The cheapest amounts and starts; half the time is given to one with whole numbers."""
        whole = any(len(mine) > 1 or mine[0].starts is not None for mine in self.columns.values())
        whole = whole and not self._is_relaxed
        limit_s = limit_s / 2 if whole else limit_s
        effort = Effort(limit_s=limit_s, relative_gap=relative_gap, presolves=whole, explains=False)
        return self._program.solve(effort)

    @property
    def holds_whole_pieces(self) -> bool:
        """Whether jobs that cannot pause hold pieces in which they run in part.

        Its price is no bound then: jobs may fit side by side into a piece that it gave to one.
        """
        return any(one.starts is not None for mine in self.columns.values() for one in mine)

    def worth(self, option: Option, solution: Solution) -> Floats:
        """What the job's place is worth to others, in grams an hour of each piece of its zone."""
        total = np.zeros(len(self._grids[option.zone].hours))
        limits = self._grids[option.zone].limits()
        for rows, (_, held) in zip(self._places[option.zone], limits, strict=False):
            total -= held(option.need) * np.minimum(solution.marginal[rows], 0.0)
        return total

    def _columns(self, option: Option) -> Columns:
        grid = self._grids[option.zone]
        if option.need.workload.interruptible or self._is_relaxed:
            return self._amounts(option, grid)
        return self._starts(option, grid)

    def _amounts(self, option: Option, grid: Grid) -> Columns:
        window = option.window
        first, stop = grid.between(int(window.starts[0]), int(window.ends[-1]))
        step = np.searchsorted(window.starts, grid.edges[first:stop], side="right") - 1
        prices = window.prices[step] * option.need.workload.power_w * HOUR
        variables = self._program.variables(prices, upper=grid.hours[first:stop])
        pieces = np.arange(first, stop, dtype=np.int64)
        self._terms[option.zone].append((pieces, variables, np.ones(len(pieces)), option))
        return Columns(option, variables, prices, first)

    def _starts(self, option: Option, grid: Grid) -> Columns:
        starts, costs = option.starts(grid.edges)
        prices = costs * option.need.workload.power_w
        variables = self._program.variables(prices, upper=1.0, whole=True)
        first, stop = grid.touched(starts, option.need.work)
        count = stop - first
        ahead = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        pieces = np.repeat(first, count) + ahead
        terms = (pieces, np.repeat(variables, count), grid.hours[pieces], option)
        self._terms[option.zone].append(terms)
        return Columns(option, variables, prices, 0, starts)

    def _require_work(self, job: str, mine: Sequence[Columns]) -> None:
        """So much of it is run, in one zone."""
        need = mine[0].option.need
        everything = np.concatenate([one.variables for one in mine])
        if mine[0].starts is not None:
            self._program.require(f"{job} starts", everything, Limits(1.0, 1.0))
            return
        hours = need.work / HOUR
        self._program.require(f"{job} is done", everything, Limits(hours, hours))
        if len(mine) == 1 or self._is_relaxed:
            return
        zones = self._program.variables(np.zeros(len(mine)), upper=1.0, whole=True)
        self._program.require(f"{job} has one zone", zones, Limits(1.0, 1.0))
        for zone, one in zip(zones, mine, strict=True):
            variables = np.append(one.variables, zone)
            coefficients = np.append(np.ones(len(one.variables)), -hours)
            terms = Terms(np.zeros_like(variables), variables, coefficients)
            self._program.require_all([f"{job} in {one.option.zone}"], terms, Limits(at_most=0.0))

    def _require_budget(self, job: str, mine: Sequence[Columns]) -> None:
        budget = mine[0].option.need.workload.budget_g
        if budget is None:
            return
        variables = np.concatenate([one.variables for one in mine])
        prices = np.concatenate([one.prices for one in mine])
        terms = Terms(np.zeros_like(variables), variables, prices)
        limits = Limits(at_most=budget, slack_price=OVER_BUDGET)
        self._program.require_all([f"{job} within its budget"], terms, limits)

    def _require_places(self, zone: str) -> None:
        grid, terms = self._grids[zone], self._terms[zone]
        if not terms:
            return
        of = np.concatenate([pieces for pieces, *_ in terms])
        variables = np.concatenate([one for _, one, *_ in terms])
        for free, held in grid.limits():
            coefficients = np.concatenate([hours * held(one.need) for *_, hours, one in terms])
            names = [f"{zone} piece {piece}" for piece in range(len(grid.hours))]
            rows = self._program.require_all(
                names, Terms(of, variables, coefficients), Limits(at_most=free * grid.hours)
            )
            self._places[zone].append(rows)
