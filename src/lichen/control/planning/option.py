"""A job in one zone: what its time costs there, and the cheapest spans of any free time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lichen.control.planning.cheapest import cheapest_block, cheapest_spread
from lichen.control.planning.course import Course, Floats, Whole, merged
from lichen.control.planning.need import Need, Spans
from lichen.control.planning.pieces import Pieces, cut_at, pieces_of
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.runs import cheapest_runs
from lichen.control.planning.table import Pausing
from lichen.control.planning.waiting import Prospect, block_discount

US_PER_S, US_PER_HOUR = 1e6, 3.6e9
SPARE_STEPS = 8
"""Steps to spare with which a job can do without parts of steps."""


@dataclass(frozen=True, slots=True)
class Option:
    """A job in one zone.

    Attributes:
        need: the job.
        course: of the zone.
        window: the time it may have there without danger to its deadline, at the prices for 1 W it
            is planned with; empty where it cannot wait.
    """

    need: Need
    course: Course
    window: Pieces

    @property
    def zone(self) -> str:
        """Which zone."""
        return self.course.zone

    @property
    def pausing(self) -> Pausing | None:
        """What its pauses cost; None where they cost nothing, or it cannot pause."""
        workload = self.need.workload
        if not (workload.interruptible and workload.pause_cost_j and workload.power_w):
            return None
        microseconds = workload.pause_cost_j / workload.power_w * US_PER_S
        running = workload.running_in
        is_fresh = running is None and not workload.has_begun
        return Pausing(microseconds, running == self.zone, is_fresh)

    def cheapest(self, free: Pieces) -> Spans | None:
        """The cheapest way through the job in this free time; None where there is too little."""
        pausing = self.pausing
        if pausing is not None:
            return cheapest_runs([(free, self.need.work, pausing)])[0]
        if self.need.workload.interruptible:
            return cheapest_spread(free, self.need.work)
        block = cheapest_block(free, self.need.work)
        return None if block is None else (block,)

    def dearer(self, edges: Whole, by: Floats) -> "Option":
        """The same, at prices raised by so many grams an hour between these borders."""
        pieces = cut_at(self.window, edges) if len(self.window.starts) else self.window
        power = self.need.workload.power_w
        if len(pieces.starts) == 0 or power == 0:
            return self
        index = np.searchsorted(edges, pieces.starts, side="right") - 1
        raised = by[np.clip(index, 0, len(by) - 1)] / (power * US_PER_HOUR)
        return replace(self, window=replace(pieces, prices=pieces.prices + raised))

    def on_grid(self) -> "Option":
        """The same, its window without the parts of steps at its ends if it has time to spare."""
        pieces, step = self.window, self.course.step
        spare = pieces.room - self.need.work
        if spare < SPARE_STEPS * step:
            return self
        chosen = np.ones(len(pieces.starts), dtype=np.bool_)
        chosen[0] = pieces.starts[0] in self.course.edges
        chosen[-1] = pieces.ends[-1] in self.course.edges
        return replace(self, window=pieces.where(np.flatnonzero(chosen)))

    def starts(self, borders: Whole) -> tuple[Whole, Floats]:
        """Of a job that cannot pause: starts and ends on these borders, and their costs for 1 W."""
        window = self.window
        earliest, latest = int(window.starts[0]), int(window.ends[-1]) - self.need.work
        starts = merged(borders, borders - self.need.work)
        starts = starts[(starts >= earliest) & (starts <= latest)]
        edges = np.append(window.starts, window.ends[-1])
        grams = np.concatenate([[0.0], np.cumsum(window.prices * window.lengths)])
        costs = np.interp(starts + self.need.work, edges, grams) - np.interp(starts, edges, grams)
        return starts, costs - window.head_start * (starts < window.first_step)

    def grams_of(self, spans: Spans) -> Floats:
        """Grams of these spans with the pauses between them, by member `(members,)`."""
        workload = self.need.workload
        grams = workload.power_w * self.course.grams_of(spans)
        resumed = self.resumed_at(spans)
        if workload.pause_cost_j and resumed:
            prices = self.course.prices_at(np.array(resumed, dtype=np.int64))
            grams = grams + workload.pause_cost_j * US_PER_S * prices.sum(axis=1)
        return grams

    def expected_g(self, spans: Spans) -> float:
        """The mean of `grams_of`."""
        workload = self.need.workload
        grams = workload.power_w * self.course.mean_grams_of(spans)
        for moment in self.resumed_at(spans) if workload.pause_cost_j else ():
            price = self.course.mean[np.searchsorted(self.course.edges, moment, side="right") - 1]
            grams += workload.pause_cost_j * US_PER_S * float(price)
        return grams

    def planned_g(self, spans: Spans) -> float:
        """Expected grams, less what waiting is not worth: what is minimised."""
        window, bonus = self.window, 0.0
        if len(window.starts) and spans[0][0] < window.first_step:
            bonus = window.head_start
        if self.need.workload.interruptible and len(window.starts) and window.starts[0] == 0:
            ahead = [min(end, window.first_step) - start for start, end in spans]
            early = sum(one for one in ahead if one > 0)
            bonus = early * float(self.course.mean[0] - window.prices[0])
        return self.expected_g(spans) - self.need.workload.power_w * bonus

    def resumed_at(self, spans: Spans) -> list[int]:
        """Where it goes on after a pause; the first start of all is none."""
        running = self.need.workload.running_in
        starts = [start for start, _ in spans]
        if running is None:
            return starts if self.need.workload.has_begun else starts[1:]
        return [start for start in starts if start > 0 or running != self.zone]


def cheapest_in_windows(options: Sequence[Option]) -> list[Spans | None]:
    """The cheapest spans of each in its own window: those whose pauses cost something together."""
    costly = [one for one in options if one.pausing is not None]
    requests = [(one.window, one.need.work, one.pausing) for one in costly if one.pausing]
    runs = iter(cheapest_runs(requests))
    return [one.cheapest(one.window) if one.pausing is None else next(runs) for one in options]


def option_of(
    need: Need, course: Course, policy: PlanPolicy, prospects: dict[int, Prospect]
) -> Option:
    """A job in the zone of a course; `prospects` are the course's own, by where they end."""
    end = min(need.end, course.planned_until)
    pieces = pieces_of(course, need.release, max(end, need.release))
    pieces = replace(pieces, first_step=int(course.edges[1]))
    if need.release == 0 and len(course.prices) > 1 and len(pieces.starts) > 1:
        pieces = _discounted(pieces, need, course, policy.foresight_weight, prospects)
    return Option(need, course, pieces)


def _discounted(
    pieces: Pieces, need: Need, course: Course, weight: float, prospects: dict[int, Prospect]
) -> Pieces:
    """The first step at the price that is held against the mean of the later ones."""
    end = int(pieces.ends[-1])
    if not need.workload.interruptible:
        return replace(pieces, head_start=block_discount(course, need.work, end, weight))
    if end not in prospects:
        prospects[end] = Prospect(course, end)
    discount = prospects[end].discount(np.array([need.work], dtype=np.float64), weight)
    prices = pieces.prices.copy()
    prices[0] -= float(discount[0])
    return replace(pieces, prices=prices)
