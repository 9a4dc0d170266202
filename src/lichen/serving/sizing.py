"""How many rows a batch should have: measured, since the largest is not always the cheapest.

A tree ensemble gains nothing beyond some tens of rows, a small dense network gains to the end, and
a transformer's rows grow dearer as its intermediate results outgrow the cache.
"""

from collections.abc import Iterator, Mapping

SHORT_NS = 1_000_000
"""Batches that take less run on the event loop, without a hop to a thread."""
_NEARLY = 1.05
_STEP = 4
_LONGEST_TRIAL_NS = 50_000_000


def trial_sizes(most_rows: int) -> Iterator[int]:
    """The batch sizes to measure: 1, 4, 16, ... up to the limit."""
    rows = 1
    while rows <= most_rows:
        yield rows
        rows *= _STEP


def is_worth_another(took_ns: int) -> bool:
    """May the next larger size be tried, after a batch that took so long?"""
    return took_ns * _STEP <= _LONGEST_TRIAL_NS


def best_rows(took_ns: Mapping[int, int], most_rows: int) -> int:
    """The batch size to aim at.

    Among the sizes whose rows cost within 5 % of the cheapest: the largest that is short, and when
    none is short the smallest, so that nobody waits for company that saves nothing.

    Args:
        took_ns: CPU nanoseconds of a batch, by its rows.
        most_rows: the limit; where the largest size measured is the best, all of it is used.
    """
    cost = {rows: took / rows for rows, took in took_ns.items()}
    if not cost:
        return most_rows
    cheapest = min(cost.values())
    cheap = sorted(rows for rows, one in cost.items() if one <= _NEARLY * cheapest)
    short = [rows for rows in cheap if took_ns[rows] < SHORT_NS]
    best = short[-1] if short else cheap[0]
    return most_rows if best == max(cost) and best * _STEP > most_rows else best
