"""Jobs that compete for places: by a program where it is solved in time, else by the heuristic."""

from collections.abc import Sequence
from typing import Any

from lichen.control.planning.heuristic import Options, place_all, score
from lichen.control.planning.need import Need
from lichen.control.planning.plan import Method
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.timetable import Timetable
from lichen.control.planning.workload import Site
from lichen.core.plugins import load_object

NEAR = 0.04
"""Relative: so close to the program's bound is good enough."""


def choose_together(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> tuple[Method, Timetable]:
    """The best timetable found, and how.

    Jobs that run on, or cannot wait, are put down first; a program decides on the others. What
    comes out within 0.1 % of the program's optimum is that optimum. Where it is more than 4 % off,
    or late, or the program is too large, jobs are put down one after the other: by what places are
    worth in the program with everything allowed to pause, and if that is late for some, without.
    The best is taken: less lateness, then fewer grams.
    """
    found: list[Timetable] = []
    contest = _contest(needs, options, sites, policy)
    if contest is not None:
        solved = contest.by_program()
        if solved is not None and solved.gap <= NEAR:
            method = Method.PROGRAM if solved.is_optimal else Method.HEURISTIC
            return method, solved.timetable
        found += [] if solved is None else [solved.timetable]
        guided = contest.guided()
        found += [] if guided is None else [guided]
    if not any(one.is_on_time for one in found):
        found.append(place_all(needs, options, sites))
    return Method.HEURISTIC, min(found, key=score)


def _contest(
    needs: Sequence[Need], options: Options, sites: Sequence[Site], policy: PlanPolicy
) -> Any:  # noqa: ANN401 - a Contest, whose module brings the solver
    """The contest as a program; None where no solver is wanted or installed."""
    if policy.program_limit_s <= 0:
        return None
    try:
        contest = load_object("lichen.control.planning.contest:Contest")
    except ModuleNotFoundError:
        return None
    return contest(needs, options, sites, policy)
