"""What each of many jobs does until the next step: the plan's first decision, without the rest.

A simulated year asks at every step for every waiting job. Jobs that pause freely in one zone and
end alike share one sort of the courses; the others are planned one by one, as `plan` does it. The
answer is that of `plan` where places do not bind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.alone import Choice, choose_each_alone
from lichen.control.planning.course import Course, Floats, Whole, course_of
from lichen.control.planning.need import MICROSECOND, Need, Span, need_of
from lichen.control.planning.option import option_of
from lichen.control.planning.pieces import Pieces, pieces_of
from lichen.control.planning.plan import Segment
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.waiting import Prospect
from lichen.control.planning.workload import Workload


def first_segments(
    workloads: Sequence[Workload],
    outlooks: Mapping[str, Ensemble],
    now: datetime,
    policy: PlanPolicy,
) -> tuple[Segment | None, ...]:
    """What each job runs before the current step is over, as if nobody else wanted its place.

    A job that cannot pause gets its whole run, if that begins in this step. None waits. A job of
    which no zone is known runs at once.

    Args:
        workloads: what is left of each; empty `zones` means all that have an outlook.
        outlooks: by zone.
        now: the moment.
        policy: the knobs.
    """
    needs = [need_of(one, now) for one in workloads]
    longest = max((max(one.due, one.at_once[1]) for one in needs), default=0)
    until = now + longest * MICROSECOND
    step = _Step({zone: course_of(one, now, until) for zone, one in outlooks.items()}, policy)
    spans = step.spans(needs)
    return tuple(None if one is None else _segment(one, now) for one in spans)


@dataclass(slots=True)
class _Step:
    """One moment: the courses as seen from it, and what jobs share."""

    courses: Mapping[str, Course]
    policy: PlanPolicy
    prospects: dict[str, dict[int, Prospect]] = field(default_factory=dict)

    def spans(self, needs: Sequence[Need]) -> list[Span | None]:
        found: list[Span | None] = [None] * len(needs)
        alike: dict[tuple[str, int], list[int]] = {}
        others: dict[int, list[str]] = {}
        for index, need in enumerate(needs):
            zones = [one for one in need.workload.zones or self.courses if one in self.courses]
            if len(zones) == 1 and self._is_plain(need, self.courses[zones[0]]):
                alike.setdefault((zones[0], need.end), []).append(index)
            else:
                others[index] = zones
        each = self._each_by_itself([(needs[index], zones) for index, zones in others.items()])
        for index, span in zip(others, each, strict=True):
            found[index] = span
        for (zone, end), indices in alike.items():
            chosen = self._alike(self.courses[zone], end, [needs[index] for index in indices])
            for index, span in zip(indices, chosen, strict=True):
                found[index] = span
        return found

    def _is_plain(self, need: Need, course: Course) -> bool:
        workload = need.workload
        return (
            workload.interruptible
            and need.release == 0
            and not need.is_urgent
            and workload.pause_cost_j == 0
            and workload.power_w > 0
            and workload.running_in in (None, course.zone)
            and need.end <= course.planned_until
            and self.policy.least_gain_deviations == 0
        )

    def _each_by_itself(self, jobs: Sequence[tuple[Need, Sequence[str]]]) -> list[Span | None]:
        options = {
            need.workload.id: [
                option_of(
                    need, self.courses[zone], self.policy, self.prospects.setdefault(zone, {})
                )
                for zone in zones
            ]
            for need, zones in jobs
        }
        needs = [need for need, _ in jobs]
        return [_first(one) for one in choose_each_alone(needs, options, self.policy)]

    def _alike(self, course: Course, end: int, needs: Sequence[Need]) -> list[Span | None]:
        """Jobs that pause freely and end at one moment."""
        works = np.array([one.work for one in needs], dtype=np.int64)
        pieces = pieces_of(course, 0, end)
        known = self.prospects.setdefault(course.zone, {})
        discount = np.zeros(len(needs))
        if len(course.prices) > 1 and len(pieces.starts) > 1:
            if end not in known:
                known[end] = Prospect(course, end)
            discount = known[end].discount(works.astype(np.float64), self.policy.foresight_weight)
        shares = _Shares(pieces)
        amounts = shares.now(works, pieces.prices[0] - discount)
        at_once = shares.at_once_g(works)
        gains = at_once - shares.planned_g(works, amounts)
        worth = self._are_worth_it(gains, at_once, needs, len(course.prices))
        first = int(pieces.lengths[0])
        amounts = np.where(worth, amounts, np.minimum(works, first))
        at_end = worth & shares.goes_on(works, amounts)
        starts = np.where(at_end, first - amounts, 0)
        return [
            (start, start + amount) if amount else None
            for start, amount in zip(starts.tolist(), amounts.tolist(), strict=True)
        ]

    def _are_worth_it(
        self, gains: Floats, at_once: Floats, needs: Sequence[Need], members: int
    ) -> NDArray[np.bool_]:
        """As `alone.is_worth_it`, for many; grams for 1 W."""
        if members == 1 or self.policy.least_gain_share < 0:
            return np.ones(len(needs), dtype=bool)
        worth: NDArray[np.bool_] = gains > self.policy.least_gain_share * at_once
        for index, need in enumerate(needs):
            budget = need.workload.budget_g
            if budget is not None and at_once[index] * need.workload.power_w > budget:
                worth[index] = gains[index] > 0
        return worth


class _Shares:
    """The later pieces of a window, the cheapest first, with their running sums."""

    def __init__(self, pieces: Pieces) -> None:
        lengths = pieces.lengths
        order = np.argsort(pieces.prices[1:], kind="stable") + 1
        self._first = int(lengths[0])
        self._first_price = float(pieces.prices[0])
        self._sorted = pieces.prices[order]
        self._room = np.concatenate([[0], np.cumsum(lengths[order])])
        self._grams = np.concatenate([[0.0], np.cumsum(self._sorted * lengths[order])])
        self._borders = np.append(pieces.starts, pieces.ends[-1])
        self._running = np.concatenate([[0.0], np.cumsum(pieces.prices * lengths)])
        ranks = np.flatnonzero(order == 1)
        self._next_from = int(self._room[ranks[0]]) if len(ranks) else int(self._room[-1])

    def now(self, works: Whole, prices: Floats) -> Whole:
        """How much of the first piece is run, if it is taken for that price."""
        cheaper = self._room[np.searchsorted(self._sorted, prices, side="left")]
        return np.asarray(np.clip(works - cheaper, 0, np.minimum(self._first, works)))

    def at_once_g(self, works: Whole) -> Floats:
        """Grams of running through from now on."""
        return np.asarray(np.interp(works, self._borders, self._running))

    def planned_g(self, works: Whole, amounts: Whole) -> Floats:
        """Grams of so much now and the rest in the cheapest later pieces."""
        later = np.interp(works - amounts, self._room, self._grams)
        return np.asarray(amounts * self._first_price + later)

    def goes_on(self, works: Whole, amounts: Whole) -> NDArray[np.bool_]:
        """Whether the second piece is run as well."""
        return np.asarray(works - amounts > self._next_from)


def _first(choice: Choice) -> Span | None:
    """What is run of it before the current step is over."""
    need, option = choice.need, choice.option
    if option is None:  # nothing is known of any of its zones
        return need.at_once if need.release == 0 else None
    start, end = choice.spans[0]
    over = int(option.course.edges[1])
    if start >= over:
        return None
    return (start, min(end, over) if need.workload.interruptible else end)


def _segment(span: Span, now: datetime) -> Segment:
    return Segment(now + span[0] * MICROSECOND, now + span[1] * MICROSECOND)
