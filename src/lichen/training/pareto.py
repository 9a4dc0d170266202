"""Which candidates of a table stand on its Pareto front (Pareto, 1906)."""

from collections.abc import Sequence

Figures = tuple[float | None, ...]
"""An error and what it costs, less being better; None: not measured."""


def on_front(candidates: Sequence[Figures]) -> tuple[bool, ...]:
    """For each whether no other is as good in everything, and in one thing better.

    Where a figure was measured of one of two alone, neither is known to be before the other (M5).
    """
    return tuple(
        not any(_dominates(other, one) for other in candidates if other is not one)
        for one in candidates
    )


def _dominates(other: Figures, one: Figures) -> bool:
    if [its is None for its in other] != [mine is None for mine in one]:
        return False
    both = [
        (its, mine)
        for its, mine in zip(other, one, strict=True)
        if its is not None and mine is not None
    ]
    return all(its <= mine for its, mine in both) and any(its < mine for its, mine in both)
