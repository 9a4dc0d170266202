"""One contest for places, as a program: loaded by name, since it brings the solver."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from lichen.control.planning.grid import Grid, grid_of
from lichen.control.planning.heuristic import Options, improve, place_guided
from lichen.control.planning.joint import TERMS_PER_S, JointProgram, terms_needed
from lichen.control.planning.need import Need
from lichen.control.planning.option import Option
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.realise import put_down
from lichen.control.planning.timetable import Timetable
from lichen.control.planning.workload import Site
from lichen.optimise.program import Solution, Status

GAP = 1e-3
"""Relative: so close to the program's bound is its optimum."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What came of the program, and how far above its bound; infinitely if somebody is late."""

    timetable: Timetable
    gap: float

    @property
    def is_optimal(self) -> bool:
        """Whether it is the optimum, as closely as anybody asks."""
        return self.gap <= GAP


class Contest:
    """Jobs in one contest for places: those that are free to move, and the grid they move on."""

    def __init__(
        self, needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
    ) -> None:
        self._needs, self._options, self._sites = needs, options, sites
        self._limit_s = policy.program_limit_s
        self._most_terms = TERMS_PER_S * policy.program_limit_s
        self._timetable = Timetable(sites)
        self._put_urgent()
        settled = self._timetable.placed.keys()
        free = {one.workload.id: options[one.workload.id] for one in needs}
        self._free: Options = {job: mine for job, mine in free.items() if job not in settled}
        self._grids = self._gridded()
        if self._amounts() > 2 * policy.fine_variables:
            self._free = {job: [one.on_grid() for one in mine] for job, mine in self._free.items()}
            self._grids = self._gridded()

    def by_program(self) -> Solved | None:
        """A timetable by the program; None where it is too large, or has no solution in time."""
        timetable = self._timetable
        if not self._free:
            return Solved(timetable, 0.0 if timetable.is_on_time else math.inf)
        if terms_needed(self._free, self._grids) > self._most_terms:
            return None
        program = JointProgram(self._free, self._grids)
        solution = program.solve(self._limit_s, GAP)
        if solution.values is None:
            return None
        put_down(program.columns, solution.values, self._grids, timetable)
        if self._gap(solution) > GAP or program.holds_whole_pieces:
            improve(timetable, self._free)
        return Solved(timetable, self._gap(solution))

    def guided(self) -> Timetable | None:
        """A timetable by what places are worth if all may pause; None where that is not known."""
        if not self._free or self._amounts() > self._most_terms:
            return None
        program = JointProgram(self._free, self._grids, is_relaxed=True)
        solution = program.solve(self._limit_s, GAP)
        if solution.status is not Status.OPTIMAL:
            return None
        guided = {
            job: [
                one.dearer(self._grids[one.zone].edges, program.worth(one, solution))
                if job in self._free
                else one
                for one in mine
            ]
            for job, mine in self._options.items()
        }
        return place_guided(self._needs, guided, self._options, self._sites)

    def _put_urgent(self) -> None:
        urgent = [one for one in self._needs if one.is_fixed or not self._can_wait(one)]
        for need in sorted(urgent, key=lambda one: (not one.is_fixed, one.due)):
            mine = self._options[need.workload.id]
            is_fixed, table = need.is_fixed, self._timetable
            table.put(table.forced(mine[0]) if is_fixed else table.soonest(mine))

    def _can_wait(self, need: Need) -> bool:
        """Whether it has a choice of times; none begins after all that is foreseen, for one."""
        mine = self._options[need.workload.id]
        in_time = not (need.is_late or need.is_urgent)
        return in_time and all(one.window.room >= need.work for one in mine)

    def _amounts(self) -> int:
        """Terms of the relaxed program, each amount in the work of a job and in a place."""
        windows = ((one.window, self._grids[one.zone]) for one in self._every())
        ends = ((grid, int(one.starts[0]), int(one.ends[-1])) for one, grid in windows)
        return sum(2 * int(np.diff(grid.between(start, end))[0]) for grid, start, end in ends)

    def _every(self) -> Iterator[Option]:
        return chain.from_iterable(self._free.values())

    def _gridded(self) -> dict[str, Grid]:
        by_zone: dict[str, list[Option]] = {}
        for one in self._every():
            by_zone.setdefault(one.zone, []).append(one)
        places = self._timetable.places_in
        return {zone: grid_of(mine, places(zone)) for zone, mine in by_zone.items()}

    def _gap(self, solution: Solution) -> float:
        """How far above the bound it is, relative to it; 0 where both are nothing."""
        if not self._timetable.is_on_time:
            return math.inf
        bound = solution.price if solution.status is Status.OPTIMAL else solution.bound
        over = sum(self._timetable.placed[job].planned_g for job in self._free) - bound
        if over <= 0:
            return 0.0
        return over / bound if bound > 0 else math.inf
