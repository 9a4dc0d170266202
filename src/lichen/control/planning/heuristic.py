"""All jobs in limited places, one after the other: bounded, feasible first, then clean.

Two timetables are begun: one in which each job in turn, the one with the least time to spare first,
takes the cleanest time that is left; and one in which each runs as soon as it can, the earliest
deadline first; where that is late for some, these go first the next time. Of them the one with
less lateness is taken, the most important jobs first, then the one of fewer grams. It is improved
by taking jobs up one by one and putting each back where it is cheapest, which can always be where
it was: a job on time stays on time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lichen.control.planning.need import Need
from lichen.control.planning.option import Option
from lichen.control.planning.timetable import Placed, Timetable
from lichen.control.planning.workload import Site

PASSES = 4
"""How often each job may be put elsewhere."""
MOST_ROUNDS, MOST_INSERTED = 10, 400
"""How often those that come out late are put first instead, and with how many insertions."""
LEAST_GAIN, LEAST_PASS_GAIN = 1e-9, 1e-3
"""Relative: below it a move is rounding, and another pass is not worth its time."""
Options = Mapping[str, Sequence[Option]]
Score = tuple[tuple[int, ...], float]


def place_all(needs: Sequence[Need], options: Options, sites: Sequence[Site]) -> Timetable:
    """The best timetable found; every job is in it."""
    first = _filled(sorted(needs, key=_spare), options, sites, _cheapest_or_soonest)
    second = _repaired(sorted(needs, key=_due), options, sites)
    attempts = [first, second]
    if _late(first) and _late(second):
        ranked = sorted(needs, key=lambda one: (-one.workload.priority, one.due))
        attempts.append(_filled(ranked, options, sites, _soonest))
    best = min(attempts, key=score)
    improve(best, options)
    return best


def improve(timetable: Timetable, options: Options) -> None:
    """Take up each job and put it where it is cheapest, until nothing is gained by it."""
    for _ in range(PASSES):
        before = sum(one.planned_g for one in timetable.placed.values())
        moved = [_moved(timetable, timetable.placed[job], options) for job in options]
        after = sum(one.planned_g for one in timetable.placed.values())
        if not any(moved) or before - after <= LEAST_PASS_GAIN * before:
            return


def score(timetable: Timetable) -> Score:
    """What is to be as small as can be: lateness by priority, the highest first; then grams."""
    late: dict[int, int] = {}
    for one in timetable.placed.values():
        priority = one.need.workload.priority
        late[priority] = late.get(priority, 0) + one.late
    lateness = tuple(late[priority] for priority in sorted(late, reverse=True))
    return lateness, sum(one.planned_g for one in timetable.placed.values())


def place_guided(
    needs: Sequence[Need], guided: Options, options: Options, sites: Sequence[Site]
) -> Timetable:
    """One timetable: each job where it is cheapest at guiding prices, improved at its own."""
    timetable = _filled(sorted(needs, key=_spare), guided, sites, _cheapest_or_soonest)
    for job, placed in timetable.placed.items():
        own = next(one for one in options[job] if one.zone == placed.option.zone)
        repriced = replace(placed, option=own, planned_g=own.planned_g(placed.spans))
        timetable.placed[job] = repriced
    improve(timetable, options)
    return timetable


def _repaired(needs: Sequence[Need], options: Options, sites: Sequence[Site]) -> Timetable:
    """As soon as possible in this order; whoever is late goes first the next time, a few times."""
    best = _filled(needs, options, sites, _soonest)
    order, current = list(needs), best
    for _ in range(max(1, min(MOST_ROUNDS, MOST_INSERTED // len(needs)))):
        late = _late(current)
        if not late:
            break
        order.sort(key=lambda one: one.workload.id not in late)
        current = _filled(order, options, sites, _soonest)
        best = min(best, current, key=score)
    return best


def _late(timetable: Timetable) -> set[str]:
    """The jobs that are late, and would not be alone."""
    return {job for job, one in timetable.placed.items() if one.late and not one.need.is_late}


def _filled(
    needs: Sequence[Need],
    options: Options,
    sites: Sequence[Site],
    put: Callable[[Timetable, Sequence[Option]], Placed],
) -> Timetable:
    timetable = Timetable(sites)
    for need in needs:
        if need.is_fixed:
            timetable.put(timetable.forced(options[need.workload.id][0]))
    for need in needs:
        if not need.is_fixed:
            timetable.put(put(timetable, options[need.workload.id]))
    return timetable


def _moved(timetable: Timetable, placed: Placed, options: Options) -> bool:
    """Put one job where it is cheaper, or less late."""
    if placed.need.is_fixed:
        return False
    timetable.take_up(placed)
    found = _cheapest_or_soonest(timetable, options[placed.need.workload.id])
    gained = placed.planned_g - found.planned_g > LEAST_GAIN * placed.planned_g
    better = found.late < placed.late or (found.late == placed.late and gained)
    timetable.put(found if better else placed)
    return better


def _cheapest_or_soonest(timetable: Timetable, options: Sequence[Option]) -> Placed:
    return timetable.cheapest(options) or timetable.soonest(options)


def _soonest(timetable: Timetable, options: Sequence[Option]) -> Placed:
    return timetable.soonest(options)


def _spare(need: Need) -> int:
    return need.end - need.release - need.work


def _due(need: Need) -> int:
    return need.due
