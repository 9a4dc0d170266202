"""Jobs that compete for places: by a program where it is solved in time, else by the heuristic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lichen.control.planning.grid import Grid, grid_of
from lichen.control.planning.heuristic import Options, improve, place_all, score
from lichen.control.planning.joint import MOST_TERMS, JointProgram, terms_needed
from lichen.control.planning.need import Need
from lichen.control.planning.option import Option
from lichen.control.planning.plan import Method
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.realise import put_down
from lichen.control.planning.timetable import Timetable
from lichen.control.planning.workload import Site
from lichen.optimise.program import Solution, Status

GAP, NEAR = 1e-3, 0.05
"""Relative: so close to the program's bound is its optimum; and is good enough."""


@dataclass(frozen=True, slots=True)
class _Solved:
    """What came of the program, and how far above its bound; infinitely if somebody is late."""

    timetable: Timetable
    gap: float


def choose_together(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> tuple[Method, Timetable]:
    """The best timetable found, and how.

    Jobs that run on, or cannot wait, are put down first; a program decides on the others. What
    comes out within 0.1 % of the program's optimum is that optimum. Where it is more than 5 % off,
    or late, the heuristic is tried as well and the better of both is taken: less lateness, then
    fewer grams.
    """
    by_program = None
    if policy.program_limit_s > 0:
        by_program = _by_program(needs, options, sites, policy)
    if by_program is not None and by_program.gap <= GAP:
        return Method.PROGRAM, by_program.timetable
    if by_program is not None and by_program.gap <= NEAR:
        return Method.HEURISTIC, by_program.timetable
    placed = place_all(needs, options, sites)
    if by_program is not None:
        placed = min(by_program.timetable, placed, key=score)
    return Method.HEURISTIC, placed


def _by_program(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> _Solved | None:
    """A timetable by the program; None where that is too large, or has no solution in time."""
    timetable = Timetable(sites)
    urgent = [one for one in needs if one.is_fixed or one.is_late or one.is_urgent]
    for need in sorted(urgent, key=lambda one: (not one.is_fixed, one.due)):
        mine = options[need.workload.id]
        timetable.put(timetable.forced(mine[0]) if need.is_fixed else timetable.soonest(mine))
    settled = timetable.placed.keys()
    free = {one.workload.id: options[one.workload.id] for one in needs}
    free = {job: mine for job, mine in free.items() if job not in settled}
    if not free:
        return _Solved(timetable, 0.0 if _is_on_time(timetable) else math.inf)
    grids = _grids(free, timetable)
    if terms_needed(free, grids) > policy.fine_terms:
        free = {job: [one.on_grid() for one in mine] for job, mine in free.items()}
        grids = _grids(free, timetable)
    if terms_needed(free, grids) > MOST_TERMS:
        return None
    program = JointProgram(free, grids)
    solution = program.solve(policy.program_limit_s, GAP)
    if solution.values is None:
        return None
    put_down(program.columns, solution.values, grids, timetable)
    if _gap(timetable, free, solution) > GAP:
        improve(timetable, free)
    return _Solved(timetable, _gap(timetable, free, solution))


def _gap(timetable: Timetable, free: Options, solution: Solution) -> float:
    """How far above the bound it is, relative to it; 0 where both are nothing."""
    if not _is_on_time(timetable):
        return math.inf
    bound = solution.price if solution.status is Status.OPTIMAL else solution.bound
    over = sum(timetable.placed[job].planned_g for job in free) - bound
    if over <= 0:
        return 0.0
    return over / bound if bound > 0 else math.inf


def _is_on_time(timetable: Timetable) -> bool:
    """Whether only those are late that would be late alone."""
    return all(one.need.is_late or not one.late for one in timetable.placed.values())


def _grids(free: Options, timetable: Timetable) -> dict[str, Grid]:
    by_zone: dict[str, list[Option]] = {}
    for mine in free.values():
        for one in mine:
            by_zone.setdefault(one.zone, []).append(one)
    return {zone: grid_of(mine, timetable.places_in(zone)) for zone, mine in by_zone.items()}
