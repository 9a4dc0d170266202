"""One job by itself, as if nobody else wanted its place: its best plan, or why it runs at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import numpy as np

from lichen.control.planning.need import Need, Spans
from lichen.control.planning.option import Option, cheapest_in_windows
from lichen.control.planning.policy import PlanPolicy


class Reason(StrEnum):
    """Why a job runs when it does."""

    CLEANER = "cleaner"
    NOW_IS_BEST = "now is best"
    LITTLE_GAIN = "little gain"
    NO_TIME = "no time"
    LATE = "late"
    FIXED = "fixed"
    UNKNOWN = "unknown"
    NO_PLACE = "no place"
    CROWDED = "crowded"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one job; `option` is None where no place can hold it."""

    need: Need
    option: Option | None
    spans: Spans
    reason: Reason


def choose_each_alone(
    needs: Sequence[Need], options: Mapping[str, Sequence[Option]], policy: PlanPolicy
) -> list[Choice]:
    """The cheapest zone and time of each job.

    Args:
        needs: the jobs.
        options: by job, the zones in which it fits; if none, it cannot be planned.
        policy: the knobs.
    """
    settled = [_settled(need, options[need.workload.id]) for need in needs]
    open_needs = [need for need, one in zip(needs, settled, strict=True) if one is None]
    every = [one for need in open_needs for one in options[need.workload.id]]
    cheapest = iter(zip(every, cheapest_in_windows(every), strict=True))
    choices = []
    for need, one in zip(needs, settled, strict=True):
        mine = options[need.workload.id]
        found = [] if one else list(islice(cheapest, len(mine)))
        choices.append(one or _chosen(need, found, policy))
    return choices


def _chosen(
    need: Need, candidates: Sequence[tuple[Option, Spans | None]], policy: PlanPolicy
) -> Choice:
    at_once = _at_once(need, [option for option, _ in candidates])
    found = [(option, spans) for option, spans in candidates if spans is not None]
    if policy.least_gain_share >= 0 or not found:
        found.append((at_once, (need.at_once,)))
    best, spans = min(found, key=lambda pair: pair[0].expected_g(pair[1]))
    if spans == (need.at_once,):
        return Choice(need, best, spans, Reason.NOW_IS_BEST)
    if not is_worth_it(best, spans, at_once, policy):
        return Choice(need, at_once, (need.at_once,), Reason.LITTLE_GAIN)
    return Choice(need, best, spans, Reason.CLEANER)


def is_worth_it(planned: Option, spans: Spans, at_once: Option, policy: PlanPolicy) -> bool:
    """Whether waiting saves enough, surely enough, to be planned at all.

    A single course is taken at its word. Over budget, any saving is worth it.
    """
    need = planned.need
    if len(planned.course.prices) == 1 or policy.least_gain_share < 0:
        return True
    before, after = at_once.grams_of((need.at_once,)), planned.grams_of(spans)
    gain, at_once_g = float(before.mean() - after.mean()), float(before.mean())
    budget = need.workload.budget_g
    if budget is not None and at_once_g > budget:
        return gain > 0
    variance = (before - after).var() if planned is at_once else before.var() + after.var()
    error = float(np.sqrt(variance / len(after)))
    return gain > max(policy.least_gain_share * at_once_g, policy.least_gain_deviations * error)


def _at_once(need: Need, options: Sequence[Option]) -> Option:
    """Where it runs if it runs at once: where it is, or where that is cheapest."""
    running = need.workload.running_in
    here = [one for one in options if one.zone == running]
    return min(here or options, key=lambda one: one.expected_g((need.at_once,)))


def _settled(need: Need, options: Sequence[Option]) -> Choice | None:
    """What is to be done where there is nothing to choose; None where there is."""
    if not options:
        return Choice(need, None, (), Reason.NO_PLACE)
    at_once = _at_once(need, options)
    reasons = {
        Reason.LATE: need.is_late,
        Reason.FIXED: need.is_fixed,
        Reason.UNKNOWN: not at_once.course.is_known,
        Reason.LITTLE_GAIN: need.workload.power_w == 0,
        Reason.NO_TIME: need.is_urgent,
    }
    reason = next((one for one, holds in reasons.items() if holds), None)
    return None if reason is None else Choice(need, at_once, (need.at_once,), reason)
