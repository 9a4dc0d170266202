"""The cheapest time for one job under one course: exact, by sorting or by prefix sums."""

import numpy as np

from lichen.control.planning.course import Floats, Whole, merged
from lichen.control.planning.need import Span, Spans, joined
from lichen.control.planning.pieces import Pieces

TIE = 1e-12
"""Relative; of starts that cost the same but for rounding, the first is taken."""


def cheapest_spread(pieces: Pieces, work: int) -> Spans | None:
    """The cheapest pieces, for a job that pauses freely; None where there is too little room.

    The dearest of them may be needed in part: that part lies beside a piece that is run, if it can.
    Of equal prices the sooner is taken.
    """
    if pieces.room < work:
        return None
    order = np.argsort(pieces.prices, kind="stable")
    filled = np.cumsum(pieces.lengths[order])
    last = int(np.searchsorted(filled, work, side="left"))
    amounts = np.zeros(len(order), dtype=np.int64)
    amounts[order[:last]] = pieces.lengths[order[:last]]
    amounts[order[last]] = work - (int(filled[last - 1]) if last else 0)
    return spans_of(pieces, amounts)


def spans_of(pieces: Pieces, amounts: Whole) -> Spans:
    """Where so much of each piece is run: in part at its end if the next one is begun with."""
    used = np.flatnonzero(amounts)
    starts, ends = pieces.starts[used].tolist(), pieces.ends[used].tolist()
    spans: list[Span] = []
    for start, end, amount, following in zip(
        starts, ends, amounts[used].tolist(), [*starts[1:], None], strict=True
    ):
        touches = bool(spans) and spans[-1][1] == start
        if following == end and not touches:
            spans.append((end - amount, end))
        else:
            spans.append((start, start + amount))
    return joined(spans)


def cheapest_block(pieces: Pieces, work: int) -> Span | None:
    """The cheapest span without a pause; None where nothing is long enough.

    The cost of a start is piecewise linear, so the best start, or the best end, lies on a border.
    """
    breaks = np.flatnonzero(pieces.ends[:-1] != pieces.starts[1:]) + 1
    best: tuple[float, int] | None = None
    for run in np.split(np.arange(len(pieces.starts)), breaks):
        if len(run) == 0 or pieces.ends[run[-1]] - pieces.starts[run[0]] < work:
            continue
        starts, costs = start_costs(pieces.where(run), work)
        costs = costs - pieces.head_start * (starts < pieces.first_step)
        least = costs.min()
        first = int(np.argmax(costs <= least + TIE * abs(least)))
        if best is None or costs[first] < best[0]:
            best = (float(costs[first]), int(starts[first]))
    return None if best is None else (best[1], best[1] + work)


def start_costs(pieces: Pieces, work: int) -> tuple[Whole, Floats]:
    """Every start worth a look in one stretch without a gap, and what it costs."""
    borders = np.append(pieces.starts, pieces.ends[-1])
    costs = np.concatenate([[0.0], np.cumsum(pieces.prices * pieces.lengths)])
    latest = borders[-1] - work
    starts = merged(borders, borders - work)
    starts = starts[(starts >= borders[0]) & (starts <= latest)]
    return starts, np.interp(starts + work, borders, costs) - np.interp(starts, borders, costs)


def soonest_spread(pieces: Pieces, work: int) -> Spans | None:
    """The first free time, with pauses where it is interrupted; None where there is too little."""
    if pieces.room < work:
        return None
    before = np.cumsum(pieces.lengths) - pieces.lengths
    amounts = np.clip(work - before, 0, pieces.lengths)
    return spans_of(pieces, np.asarray(amounts, dtype=np.int64))


def soonest_block(pieces: Pieces, work: int) -> Span | None:
    """The first free span that is long enough; None where there is none."""
    whole = joined(list(zip(pieces.starts.tolist(), pieces.ends.tolist(), strict=True)))
    return next(((start, start + work) for start, end in whole if end - start >= work), None)
