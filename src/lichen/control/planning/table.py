"""Dynamic programming over steps, whole steps run and a part run, on or off: many jobs at once.

The arrays hold all cases side by side, padded to the longest, since a pass over a week's steps
costs as much for one job as for thirty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.control.planning.course import Floats, Whole
from lichen.control.planning.need import Span, Spans, joined
from lichen.control.planning.pieces import Pieces

NOTHING, WHOLE, PART_FIRST, PART_LAST = range(4)
"""What is run of a step: the part lies at its beginning, or at its end."""
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pausing:
    """What pauses cost.

    Attributes:
        microseconds: of running that cost as much as one pause and resume.
        is_running: whether it runs now in this zone, so that not to go on is a pause.
        is_fresh: whether it has not run yet, so that its first start resumes nothing.
    """

    microseconds: float
    is_running: bool = False
    is_fresh: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One job, with it settled which of the outer steps it uses whole.

    Attributes:
        pieces: its window: steps of one length, but for the first and the last.
        pausing: what pauses cost.
        outer: whether the first, and the last, is used whole as one that is shorter than the rest.
        whole: how many whole steps are run besides.
        part: how much of one more.
    """

    pieces: Pieces
    pausing: Pausing
    outer: tuple[bool, bool]
    whole: int
    part: int


class Table:
    """The costs of all cases: `off[i]` and `on[i]` before step `i`, `(cases, 2, whole + 1)`."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        count = max(len(one.pieces.starts) for one in cases)
        size = (len(cases), count)
        self._full, self._part, self._resume = (np.full(size, np.inf) for _ in range(3))
        self._forced = np.full(size, np.nan)
        for row, one in enumerate(cases):
            self._fill(row, one)
        states = (count + 1, len(cases), 2, max(one.whole for one in cases) + 1)
        self._off, self._on = np.full(states, np.inf), np.full(states, np.inf)
        self._row = np.arange(len(cases))
        self._unstarted = np.array([0 if one.part else 1 for one in cases])
        running = np.array([one.pausing.is_running for one in cases])
        self._on[0, self._row[running], self._unstarted[running], 0] = 0.0
        self._off[0, self._row[~running], self._unstarted[~running], 0] = 0.0
        self._free_start = [np.array([one.pausing.is_fresh for one in cases])]
        later = np.array([not one.outer[0] for one in cases])
        self._free_start.append(self._free_start[0] & later)

    def best(self) -> list[tuple[float, Spans]]:
        """For each case the least cost and the spans that have it; infinite if there is no way."""
        for index in range(self._full.shape[1]):
            self._advance(index)
        whole = np.array([one.whole for one in self._cases])
        off = self._off[-1, self._row, 1, whole]
        on = self._on[-1, self._row, 1, whole]
        runs = self._traced(whole, on < off)
        costs = np.minimum(off, on).tolist()
        return [
            (cost, self._spans(row, runs[:, row])) if np.isfinite(cost) else (cost, ())
            for row, cost in enumerate(costs)
        ]

    def _fill(self, row: int, case: Case) -> None:
        prices, lengths = case.pieces.prices, case.pieces.lengths
        count = len(prices)
        costs = prices * lengths
        self._full[row, :count] = np.where(lengths == lengths.max(), costs, np.inf)
        fits = (lengths >= case.part) & (case.part > 0)
        self._part[row, :count] = np.where(fits, prices * case.part, np.inf)
        self._resume[row, :count] = prices * case.pausing.microseconds
        for is_used, index in zip(case.outer, (0, count - 1), strict=True):
            if is_used:
                self._forced[row, index] = costs[index]
                self._full[row, index] = self._part[row, index] = np.inf

    def _advance(self, index: int) -> None:
        off, on = self._off[index], self._on[index]
        next_off, next_on = self._off[index + 1], self._on[index + 1]
        started = self._started(index)
        running = np.minimum(on, started)
        np.minimum(off, on, out=next_off)
        full, part = self._full[:, index, None, None], self._part[:, index, None]
        np.add(running[:, :, :-1], full, out=next_on[:, :, 1:])
        again = np.minimum(started[:, 0], on[:, 0] + self._resume[:, index, None])
        np.minimum(next_off[:, 1], on[:, 0] + part, out=next_off[:, 1])
        np.minimum(next_on[:, 1], again + part, out=next_on[:, 1])
        forced = np.flatnonzero(~np.isnan(self._forced[:, index]))
        if len(forced):
            next_off[forced] = np.inf
            next_on[forced] = running[forced] + self._forced[forced, index, None, None]

    def _started(self, index: int) -> Floats:
        """The costs of those that are off, once they are on again; a first start is free."""
        off = self._off[index]
        started = off + self._resume[:, index, None, None]
        free = self._row[self._free_start[index > 0]]
        started[free, self._unstarted[free], 0] = off[free, self._unstarted[free], 0]
        return np.asarray(started, dtype=np.float64)

    def _traced(self, whole: Whole, is_on: Truths) -> Whole:
        """What is run of each step on the cheapest way to the end `(steps, cases)`."""
        count = self._full.shape[1]
        runs = np.zeros((count, len(self._cases)), dtype=np.int64)
        part = np.ones_like(whole)
        for index in range(count - 1, -1, -1):
            started = self._started(index)
            run = self._last(index, started, (part, whole), is_on)
            is_forced = ~np.isnan(self._forced[:, index])
            runs[index] = run
            part = np.where(run >= PART_FIRST, 0, part)
            whole = whole - ((run == WHOLE) & ~is_forced)
            is_on = self._was_on(index, started, (part, whole), run)
        return runs

    def _last(
        self, index: int, started: Floats, state: tuple[Whole, Whole], is_on: Truths
    ) -> Whole:
        """What of a step was run on the cheapest way to the states after it."""
        at, (part, whole) = self._row, state
        idle = np.minimum(self._off[index, at, part, whole], self._on[index, at, part, whole])
        when_off = np.where(idle <= self._off[index + 1, at, part, whole], NOTHING, PART_FIRST)
        before = np.maximum(whole - 1, 0)
        running = np.minimum(self._on[index, at, part, before], started[at, part, before])
        reached = self._on[index + 1, at, part, whole]
        is_whole = (whole > 0) & (running + self._full[:, index] <= reached)
        is_whole &= np.isfinite(self._full[:, index])
        when_on = np.where(is_whole, WHOLE, PART_LAST)
        run = np.where(is_on, when_on, when_off)
        return np.where(np.isnan(self._forced[:, index]), run, WHOLE)

    def _was_on(
        self, index: int, started: Floats, before: tuple[Whole, Whole], run: Whole
    ) -> Truths:
        """Whether each was on before a step, by its state before and what was run of the step."""
        at, (part, whole) = self._row, before
        on, off = self._on[index, at, part, whole], self._off[index, at, part, whole]
        from_off = started[at, part, whole]
        ways = [on < off, on <= from_off, np.ones_like(at, dtype=np.bool_)]
        ways.append(on + self._resume[:, index] < from_off)
        return np.asarray(np.choose(run, ways), dtype=np.bool_)

    def _spans(self, row: int, runs: Whole) -> Spans:
        case = self._cases[row]
        spans: list[Span] = []
        for index in np.flatnonzero(runs):
            start, end = int(case.pieces.starts[index]), int(case.pieces.ends[index])
            if runs[index] == PART_FIRST:
                end = start + case.part
            elif runs[index] == PART_LAST:
                start = end - case.part
            spans.append((start, end))
        return joined(spans)
