"""The cheapest runs of jobs whose pauses cost something.

Within a step the price does not change, so of all borders of runs at most one needs to lie inside a
step (move two of them against each other and the cost changes linearly). A plan is thus a set of
whole steps and at most one part of a step. The first and the last step of a window may be shorter
than the rest; whether each is used whole is tried out, and what is left of the work then makes so
many whole steps and one part of known size. `table` finds the best set by dynamic programming.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lichen.control.planning.cheapest import cheapest_block, cheapest_spread
from lichen.control.planning.need import Spans
from lichen.control.planning.pieces import Pieces
from lichen.control.planning.table import Case, Pausing, Table

COARSER = (2, 6)
"""Pieces taken together when runs are sought in free time full of holes."""
MOST_CELLS = 2_000_000
"""Of one table: 32 MB."""
Request = tuple[Pieces, int, Pausing]
"""Free time, how much of it is needed, and what a pause costs."""


def cheapest_runs(requests: Sequence[Request]) -> list[Spans | None]:
    """For each the cheapest spans with what their pauses cost; None where there is too little room.

    Exact in a window without a hole whose steps but the first and the last are of one length; in
    free time with holes, or more than some weeks of it, the best of several guesses.
    """
    found: list[Spans | None] = [cheapest_spread(pieces, work) for pieces, work, _ in requests]
    hard = []
    for index, (pieces, work, pausing) in enumerate(requests):
        spread = found[index]
        if spread is None or not _resumes(spread, pausing):
            continue
        if _is_even(pieces) and _cells(pieces, work) <= MOST_CELLS:
            hard.append(index)
        else:
            guesses = _guesses(pieces, work, spread)
            found[index] = min(guesses, key=lambda one: cost_of(pieces, one, pausing))
    for index, spans in _searched(requests, hard):
        found[index] = spans
    return found


def cost_of(pieces: Pieces, spans: Spans, pausing: Pausing) -> float:
    """Grams for 1 W of spans that lie in the pieces, with their pauses."""
    borders = np.array(spans, dtype=np.int64)
    first = np.searchsorted(pieces.starts, borders, side="right") - 1
    before = np.concatenate([[0.0], np.cumsum(pieces.prices * pieces.lengths)])
    inside = np.minimum(borders - pieces.starts[first], pieces.lengths[first])
    until = before[first] + pieces.prices[first] * inside
    resumed = [_is_resumed(order, start, pausing) for order, (start, _) in enumerate(spans)]
    resumes = pausing.microseconds * (pieces.prices[first[:, 0]] * resumed)
    return float((until[:, 1] - until[:, 0] + resumes).sum())


def _searched(requests: Sequence[Request], hard: Sequence[int]) -> Iterator[tuple[int, Spans]]:
    """Those that need a table, the shorter ones together."""
    cases = [
        (index, case)
        for index in sorted(hard, key=lambda one: len(requests[one][0].starts))
        for case in _cases(*requests[index])
    ]
    best: dict[int, tuple[float, Spans]] = {}
    for part in _parts(cases):
        table = Table([case for _, case in part])
        for (index, _), found in zip(part, table.best(), strict=True):
            best[index] = min(best.get(index, found), found, key=lambda one: one[0])
    for index, (_, spans) in best.items():
        yield index, spans


def _parts(cases: Sequence[tuple[int, Case]]) -> Iterator[list[tuple[int, Case]]]:
    """The cases in tables that are not too large."""
    part: list[tuple[int, Case]] = []
    steps, whole = 0, 0
    for one in cases:
        steps = max(steps, len(one[1].pieces.starts))
        whole = max(whole, one[1].whole)
        if part and 4 * (steps + 1) * (whole + 1) * (len(part) + 1) > MOST_CELLS:
            yield part
            part, steps, whole = [], len(one[1].pieces.starts), one[1].whole
        part.append(one)
    if part:
        yield part


def _cells(pieces: Pieces, work: int) -> int:
    """Of a table for one job."""
    steps = len(pieces.starts) + 1
    return 4 * steps * (work // int(pieces.lengths.max()) + 1)


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
        guess = cheapest_spread(replace(pieces, prices=mean[group]), work)
        if guess is not None:
            yield guess


def _cases(pieces: Pieces, work: int, pausing: Pausing) -> Iterator[Case]:
    lengths = pieces.lengths
    step = int(lengths.max())
    first, last = int(lengths[0]), int(lengths[-1])
    for uses_first in (False, True) if first < step else (False,):
        for uses_last in (False, True) if last < step and len(lengths) > 1 else (False,):
            left = work - first * uses_first - last * uses_last
            if left >= 0:
                outer = (uses_first, uses_last)
                yield Case(pieces, pausing, outer, left // step, left % step)
