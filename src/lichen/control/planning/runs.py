"""The cheapest runs of a job whose pauses cost something: dynamic programming over whole steps.

Within a step the price does not change, so of all borders of runs at most one needs to lie inside a
step (move two of them against each other and the cost changes linearly). A plan is thus a set of
whole steps and at most one part of a step. The first and the last step of a window may be shorter
than the rest; whether each is used whole is tried out, and what is left of the work then makes so
many whole steps and one part of known size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

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


class _Step(Enum):
    """What is run of a step."""

    NONE = 0
    PART = 1
    WHOLE = 2


class _Search:
    """The table of one case: cost by part used and whole steps run, while off and while on.

    `off[i]` and `on[i]` are the costs `(2, whole + 1)` before step `i`; a step moves them on.
    """

    def __init__(self, pieces: Pieces, case: _Case, pausing: Pausing) -> None:
        count = len(pieces.starts)
        self._pieces = pieces
        self._case = case
        self._pausing = pausing
        self._full = (pieces.lengths == pieces.lengths.max()).tolist()
        self._fits = (pieces.lengths >= max(1, case.part)).tolist()
        self._costs = (pieces.prices * pieces.lengths).tolist()
        self._parts = (pieces.prices * case.part).tolist()
        self._resumes = (pieces.prices * pausing.microseconds).tolist()
        self._off = np.full((count + 1, 2, case.whole + 1), np.inf)
        self._on = np.full((count + 1, 2, case.whole + 1), np.inf)
        self._fresh = 0 if case.part else 1
        (self._on if pausing.is_running else self._off)[0, self._fresh, 0] = 0.0

    def best(self) -> tuple[float, Spans]:
        """The least cost and the spans that have it."""
        for index in range(len(self._costs)):
            self._advance(index)
        off, on = float(self._off[-1, 1, -1]), float(self._on[-1, 1, -1])
        if not np.isfinite(min(off, on)):
            return float("inf"), ()
        return min(off, on), self._traced(is_on=on < off)

    def _advance(self, index: int) -> None:
        off, on = self._off[index], self._on[index]
        next_off, next_on = self._off[index + 1], self._on[index + 1]
        started = self._started(index)
        running = np.minimum(on, started)
        if self._is_forced(index):
            np.add(running, self._costs[index], out=next_on)
            return
        np.minimum(off, on, out=next_off)
        if self._full[index]:
            np.add(running[:, :-1], self._costs[index], out=next_on[:, 1:])
        if self._case.part and self._fits[index]:
            part = self._parts[index]
            again = np.minimum(started[0], on[0] + self._resumes[index])
            np.minimum(next_off[1], on[0] + part, out=next_off[1])
            np.minimum(next_on[1], again + part, out=next_on[1])

    def _started(self, index: int) -> Floats:
        """The costs of those that are off, once they are on again."""
        off = self._off[index]
        started = off + self._resumes[index]
        if self._pausing.is_fresh and not (self._case.first and index):  # a first start is free
            started[self._fresh, 0] = off[self._fresh, 0]
        return np.asarray(started, dtype=np.float64)

    def _is_forced(self, index: int) -> bool:
        last = len(self._costs) - 1
        return (index == 0 and self._case.first) or (index == last and self._case.last)

    def _traced(self, *, is_on: bool) -> Spans:
        spans: list[Span] = []
        part, whole = 1, self._case.whole
        for index in range(len(self._costs) - 1, -1, -1):
            start, end = int(self._pieces.starts[index]), int(self._pieces.ends[index])
            step = self._last_step(index, (part, whole), is_on=is_on)
            if step is _Step.PART:
                span = (end - self._case.part, end) if is_on else (start, start + self._case.part)
                spans.append(span)
                part = 0
            elif step is _Step.WHOLE:
                spans.append((start, end))
                whole -= not self._is_forced(index)
            is_on = self._was_on(index, (part, whole), step, is_on=is_on)
        return joined(spans)

    def _last_step(self, index: int, state: tuple[int, int], *, is_on: bool) -> _Step:
        """What of this step was run on the cheapest way to the state after it."""
        if self._is_forced(index):
            return _Step.WHOLE
        part, whole = state
        if not is_on:
            idle = min(self._off[index][state], self._on[index][state])
            return _Step.NONE if idle <= self._off[index + 1][state] else _Step.PART
        if whole == 0 or not self._full[index]:
            return _Step.PART
        before = (part, whole - 1)
        running = min(self._on[index][before], self._started(index)[before])
        is_whole = running + self._costs[index] <= self._on[index + 1][state]
        return _Step.WHOLE if is_whole else _Step.PART

    def _was_on(self, index: int, before: tuple[int, int], step: _Step, *, is_on: bool) -> bool:
        """Whether it was on before a step, by the state before and what was run of it."""
        on, off = float(self._on[index][before]), float(self._off[index][before])
        if step is _Step.NONE:
            return on < off
        if step is _Step.WHOLE:
            return on <= float(self._started(index)[before])
        if not is_on:
            return True
        return bool(on + self._resumes[index] < float(self._started(index)[before]))
