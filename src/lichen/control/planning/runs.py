"""The cheapest runs of a job whose pauses cost something: dynamic programming over whole steps.

Within a step the price does not change, so of all borders of runs at most one needs to lie inside a
step (move two of them against each other and the cost changes linearly). A plan is thus a set of
whole steps and at most one part of a step. The first and the last step of a window may be shorter
than the rest; whether each is used whole is tried out, and what is left of the work then makes so
many whole steps and one part of known size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.control.planning.cheapest import cheapest_block, cheapest_spread
from lichen.control.planning.course import Floats
from lichen.control.planning.need import Span, Spans, joined
from lichen.control.planning.pieces import Pieces

COARSER = (2, 4, 8, 16)
"""Pieces taken together when runs are sought in free time full of holes."""


@dataclass(frozen=True, slots=True)
class Pausing:
    """What pauses cost.

    Attributes:
        microseconds: of running that cost as much as one pause and resume.
        is_running: whether it runs now in this zone, so that not to go on is a pause.
        is_fresh: whether it runs nowhere, so that its first start resumes nothing.
    """

    microseconds: float
    is_running: bool = False
    is_fresh: bool = True


def cheapest_runs(pieces: Pieces, work: int, pausing: Pausing) -> Spans | None:
    """The cheapest spans with what their pauses cost; None where there is too little room.

    Exact in a window without a hole whose steps but the first and the last are of one length; in
    free time with holes the best of several guesses.
    """
    spread = cheapest_spread(pieces, work)
    if spread is None or _resumes(spread, pausing) == 0:
        return spread
    if _is_even(pieces):
        return min(
            (_Search(pieces, case, pausing).best() for case in _cases(pieces, work)),
            key=lambda found: found[0],
        )[1]
    return min(_guesses(pieces, work, spread), key=lambda spans: cost_of(pieces, spans, pausing))


def cost_of(pieces: Pieces, spans: Spans, pausing: Pausing) -> float:
    """Grams for 1 W of spans that lie in the pieces, with their pauses."""
    total = 0.0
    for order, (start, end) in enumerate(spans):
        inside = np.minimum(pieces.ends, end) - np.maximum(pieces.starts, start)
        total += float((np.maximum(inside, 0) * pieces.prices).sum())
        if _is_resumed(order, start, pausing):
            index = int(np.searchsorted(pieces.starts, start, side="right")) - 1
            total += pausing.microseconds * float(pieces.prices[index])
    return total


def _is_resumed(order: int, start: int, pausing: Pausing) -> bool:
    return order > 0 or not (pausing.is_fresh or (pausing.is_running and start == 0))


def _resumes(spans: Spans, pausing: Pausing) -> int:
    return sum(_is_resumed(order, start, pausing) for order, (start, _) in enumerate(spans))


def _is_even(pieces: Pieces) -> bool:
    lengths = pieces.lengths
    inner = lengths[1:-1]
    whole = int(inner[0]) if len(inner) else int(lengths.max())
    no_holes = bool((pieces.ends[:-1] == pieces.starts[1:]).all())
    return no_holes and bool((inner == whole).all()) and int(lengths[[0, -1]].max()) <= whole


def _guesses(pieces: Pieces, work: int, spread: Spans) -> Iterator[Spans]:
    yield spread
    block = cheapest_block(pieces, work)
    if block is not None:
        yield (block,)
    for together in COARSER:
        group = np.arange(len(pieces.starts)) // together
        lengths = np.bincount(group, pieces.lengths)
        mean = np.bincount(group, pieces.prices * pieces.lengths) / lengths
        smooth = replace(pieces, prices=mean[group])
        guess = cheapest_spread(smooth, work)
        if guess is not None:
            yield guess


@dataclass(frozen=True, slots=True)
class _Case:
    """Which of the outer steps are used whole, and what is left for the others.

    Attributes:
        first: whether the first is used whole, as one that is shorter than the rest.
        last: likewise the last.
        whole: how many whole steps are run besides.
        part: how much of one more.
    """

    first: bool
    last: bool
    whole: int
    part: int


def _cases(pieces: Pieces, work: int) -> Iterator[_Case]:
    lengths = pieces.lengths
    step = int(lengths.max())
    first, last = int(lengths[0]), int(lengths[-1])
    for uses_first in (False, True) if first < step else (False,):
        for uses_last in (False, True) if last < step and len(lengths) > 1 else (False,):
            left = work - first * uses_first - last * uses_last
            if left >= 0:
                yield _Case(uses_first, uses_last, left // step, left % step)


class _Search:
    """The table of one case: cost by part used, whole steps run, and whether it is running."""

    def __init__(self, pieces: Pieces, case: _Case, pausing: Pausing) -> None:
        self._pieces = pieces
        self._case = case
        self._pausing = pausing
        self._step = int(pieces.lengths.max())
        size = (2, case.whole + 1)
        self._on, self._off = np.full(size, np.inf), np.full(size, np.inf)
        self._fresh = 0 if case.part else 1
        (self._on if pausing.is_running else self._off)[self._fresh, 0] = 0.0
        self._moves: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def best(self) -> tuple[float, Spans]:
        """The least cost and the spans that have it."""
        for index in range(len(self._pieces.starts)):
            self._advance(index)
        off, on = float(self._off[1, -1]), float(self._on[1, -1])
        if not np.isfinite(min(off, on)):
            return float("inf"), ()
        return min(off, on), self._traced(is_on=on < off)

    def _advance(self, index: int) -> None:
        length, price = int(self._pieces.lengths[index]), float(self._pieces.prices[index])
        nothing = np.full_like(self._on, np.inf)
        started = self._off + price * self._pausing.microseconds
        if self._pausing.is_fresh and not (self._case.first and index):  # a first start is free
            started[self._fresh, 0] = self._off[self._fresh, 0]
        if self._is_forced(index):
            whole = [self._on + price * length, started + price * length]
            self._keep([nothing] * 3, [nothing] * 4 + whole)
            return
        to_off, to_on = [self._off, self._on, nothing], [nothing] * 4
        if length == self._step:
            to_on[:2] = _counted(self._on, price * length), _counted(started, price * length)
        if 0 < self._case.part <= length:
            part = price * self._case.part
            again = self._on + price * self._pausing.microseconds
            to_off[2] = _parted(self._on, part)
            to_on[2:] = _parted(started, part), _parted(again, part)
        self._keep(to_off, to_on)

    def _is_forced(self, index: int) -> bool:
        last = len(self._pieces.starts) - 1
        return (index == 0 and self._case.first) or (index == last and self._case.last)

    def _keep(self, to_off: list[Floats], to_on: list[Floats]) -> None:
        """Take the cheapest move into each state, by the numbers that `_traced` reads."""
        off, on = np.stack(to_off), np.stack(to_on)
        by_off, by_on = off.argmin(axis=0), on.argmin(axis=0)
        self._off, self._on = off.min(axis=0), on.min(axis=0)
        self._moves.append((by_off, by_on))

    def _traced(self, *, is_on: bool) -> Spans:
        spans: list[Span] = []
        state = (1, self._case.whole)
        for index in range(len(self._moves) - 1, -1, -1):
            start, end = int(self._pieces.starts[index]), int(self._pieces.ends[index])
            part, whole = state
            move = int(self._moves[index][is_on][state])
            if not is_on:
                is_on = move > 0
                if move == PART_FIRST:
                    spans.append((start, start + self._case.part))
                    state = (0, whole)
            elif move in PART_LAST:
                spans.append((end - self._case.part, end))
                state, is_on = (0, whole), move == PART_LAST[1]
            else:
                spans.append((start, end))
                state = (part, whole - (move < FORCED))
                is_on = move in (0, FORCED)
        return joined(spans)


PART_FIRST = 2
"""To off: run the part first, having run before. 0 is to stay off, 1 to stop."""
PART_LAST = (2, 3)
"""To on: run the part last, from off, from on. 0 and 1: the whole step, from on, from off."""
FORCED = 4
"""To on: a whole outer step that is counted already, from on; 5 from off."""


def _counted(costs: Floats, cost: float) -> Floats:
    """One whole step more has been run."""
    moved = np.full_like(costs, np.inf)
    moved[:, 1:] = costs[:, :-1] + cost
    return moved


def _parted(costs: Floats, cost: float) -> Floats:
    """The part has been run."""
    moved = np.full_like(costs, np.inf)
    moved[1] = costs[0] + cost
    return moved
