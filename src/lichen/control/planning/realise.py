"""From the amounts of a program to spans on places: exact to the microsecond, and never too much.

Amounts within a piece are laid one after the other and wrapped round its end (McNaughton 1959),
which never needs more places at a moment than the amounts need on average, and no job twice at a
time. That holds for jobs of equal size; what does not fit as it comes out is put where it is
cheapest.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lichen.control.planning.cheapest import spans_of
from lichen.control.planning.course import Floats, Whole
from lichen.control.planning.grid import HOUR, Grid
from lichen.control.planning.joint import Columns
from lichen.control.planning.need import Span, Spans, joined
from lichen.control.planning.option import Option
from lichen.control.planning.pieces import Pieces
from lichen.control.planning.timetable import Timetable

ROUNDING = 1e-6
"""Hours: so close to nothing, or to the whole of a piece, is nothing, or the whole."""
Amounts = tuple[Columns, Whole]


def put_down(
    columns: Mapping[str, Sequence[Columns]],
    values: Floats,
    grids: Mapping[str, Grid],
    timetable: Timetable,
) -> None:
    """Put all jobs of a solved program on the timetable.

    The larger jobs come first. Those that do not fit as they are come last, each where it is
    cheapest, or if there is no time left before its deadline as soon as it can.
    """
    ordered = sorted(columns.items(), key=lambda one: -one[1][0].option.need.workload.cores)
    chosen = {job: _chosen(mine, values, grids) for job, mine in ordered}
    beside = {job: _beside(one, grids) for job, one in chosen.items()}
    left = _put(beside, timetable)
    if left:
        for job in beside:
            if job not in left:
                timetable.take_up(timetable.placed[job])
        left = _put(_wrapped(chosen, grids), timetable)
    for job in left:
        mine = [one.option for one in columns[job]]
        timetable.put(timetable.cheapest(mine) or timetable.soonest(mine))


def _put(spans: Mapping[str, tuple[Option, Spans]], timetable: Timetable) -> list[str]:
    """Put down what fits; the jobs that do not."""
    left = []
    for job, (option, one) in spans.items():
        placed = timetable.fitting(option, one)
        if placed is None or sum(end - start for start, end in one) != option.need.work:
            left.append(job)
        else:
            timetable.put(placed)
    return left


def _chosen(mine: Sequence[Columns], values: Floats, grids: Mapping[str, Grid]) -> Amounts:
    """The zone with most of the job, and how much of each piece or start is run there."""
    best = max(mine, key=lambda one: float(values[one.variables].sum()))
    found = values[best.variables]
    if best.starts is not None:
        return best, np.flatnonzero(found == found.max())[:1]
    edges = grids[best.option.zone].edges
    lengths = np.diff(edges)[best.first : best.first + len(found)]
    return best, _rounded(found, lengths, best.option.need.work)


def _rounded(hours: Floats, lengths: Whole, work: int) -> Whole:
    """Amounts in microseconds that sum to the work."""
    amounts = np.rint(hours * HOUR).astype(np.int64)
    amounts[hours < ROUNDING] = 0
    is_whole = lengths / HOUR - hours < ROUNDING
    amounts[is_whole] = lengths[is_whole]
    missing = work - int(amounts.sum())
    room = lengths - amounts if missing > 0 else amounts
    order = np.argsort(-hours if missing > 0 else hours, kind="stable")
    for index in order[room[order] > 0]:
        change = min(abs(missing), int(room[index])) * (1 if missing > 0 else -1)
        amounts[index] += change
        missing -= change
        if not missing:
            break
    return amounts


def _beside(amounts: Amounts, grids: Mapping[str, Grid]) -> tuple[Option, Spans]:
    """The spans with parts of pieces beside what is run before or after them."""
    columns, chosen = amounts
    option = columns.option
    if columns.starts is not None:
        start = int(columns.starts[chosen[0]])
        return option, ((start, start + option.need.work),)
    edges = grids[option.zone].edges[columns.first : columns.first + len(chosen) + 1]
    return option, spans_of(Pieces(edges[:-1], edges[1:], np.zeros(len(chosen))), chosen)


def _wrapped(
    chosen: Mapping[str, Amounts], grids: Mapping[str, Grid]
) -> dict[str, tuple[Option, Spans]]:
    """The spans with parts of pieces laid one after the other, and wrapped."""
    found: dict[str, tuple[Option, Spans]] = {}
    filled = {zone: np.zeros(len(grid.edges) - 1, dtype=np.int64) for zone, grid in grids.items()}
    for job, (columns, amounts) in chosen.items():
        option = columns.option
        if columns.starts is not None:
            found[job] = _beside((columns, amounts), grids)
            continue
        spans: list[Span] = []
        edges, at = grids[option.zone].edges, filled[option.zone]
        for ahead in np.flatnonzero(amounts):
            piece = columns.first + int(ahead)
            start, end = int(edges[piece]), int(edges[piece + 1])
            spans += _laid(start, end, int(at[piece]), int(amounts[ahead]))
            at[piece] = (at[piece] + amounts[ahead]) % (end - start)
        found[job] = (option, joined(spans))
    return found


def _laid(start: int, end: int, filled: int, amount: int) -> list[Span]:
    """So much of a piece from where it is filled, wrapped round its end."""
    begins = start + filled
    if begins + amount <= end:
        return [(begins, begins + amount)]
    return [(begins, end), (start, start + begins + amount - end)]
