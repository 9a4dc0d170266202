"""Jobs that compete for places: by a program where it is solved in time, else by the heuristic."""

from collections.abc import Sequence

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

GAP = 1e-3
"""Relative: a plan so close to the program's optimum is the optimum."""


def choose_together(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> tuple[Method, Timetable]:
    """The best timetable found, and how.

    Jobs that run on, or cannot wait, are put down first; a program decides on the others. Where it
    finds no plan that keeps every deadline, or not its optimum in time, the heuristic is tried as
    well and the better of both is taken: less lateness, then fewer grams.
    """
    found: list[Timetable] = []
    if policy.program_limit_s > 0:
        timetable, is_optimal = _by_program(needs, options, sites, policy)
        if is_optimal and timetable is not None:
            return Method.PROGRAM, timetable
        found += [timetable] if timetable is not None else []
    found.append(place_all(needs, options, sites))
    return Method.HEURISTIC, min(found, key=score)


def _by_program(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> tuple[Timetable | None, bool]:
    """A timetable by the program, if there is one, and whether it is the best there is."""
    timetable = Timetable(sites)
    urgent = [one for one in needs if one.is_fixed or one.is_late or one.is_urgent]
    for need in sorted(urgent, key=lambda one: (not one.is_fixed, one.due)):
        mine = options[need.workload.id]
        timetable.put(timetable.forced(mine[0]) if need.is_fixed else timetable.soonest(mine))
    settled = timetable.placed.keys()
    free = {one.workload.id: options[one.workload.id] for one in needs}
    free = {job: mine for job, mine in free.items() if job not in settled}
    grids = _grids(free, timetable)
    if not free:
        return timetable, _is_on_time(timetable)
    if terms_needed(free, grids) > MOST_TERMS:
        return None, False
    program = JointProgram(free, grids)
    solution = program.solve(policy.program_limit_s, GAP)
    if solution.values is None:
        return None, False
    if not put_down(program.columns, solution.values, grids, timetable):
        return None, False
    return timetable, _is_best(timetable, free, solution)


def _is_best(timetable: Timetable, free: Options, solution: Solution) -> bool:
    """Whether the timetable costs what the program says; it is improved if it does not."""
    if _cost(timetable, free) > solution.price * (1 + GAP):
        improve(timetable, free)
    is_close = _cost(timetable, free) <= solution.price * (1 + GAP)
    return solution.status is Status.OPTIMAL and is_close and _is_on_time(timetable)


def _is_on_time(timetable: Timetable) -> bool:
    """Whether only those are late that would be late alone."""
    return all(one.need.is_late or not one.late for one in timetable.placed.values())


def _cost(timetable: Timetable, free: Options) -> float:
    return sum(timetable.placed[job].planned_g for job in free)


def _grids(free: Options, timetable: Timetable) -> dict[str, Grid]:
    by_zone: dict[str, list[Option]] = {}
    for mine in free.values():
        for one in mine:
            by_zone.setdefault(one.zone, []).append(one)
    return {zone: grid_of(mine, timetable.places_in(zone)) for zone, mine in by_zone.items()}
