"""When a search over a short list of settings stops: joules that no longer pay."""

from collections.abc import Sequence

LOOKED_AT = 2
"""Trials whose gain is held against their cost: one alone may be bad by chance."""
TENTHS = 1000
"""Tenths of a per cent in a score of 1."""


def has_stopped_paying(
    scores: Sequence[float], costs_nj: Sequence[int | None], tenth_nj: int | None
) -> bool:
    """Whether the last trials cost more than what they gained may cost.

    Args:
        scores: of the trials in their order, larger is better, 1 the best.
        costs_nj: nanojoules of each; None where nothing metered it (M5).
        tenth_nj: what a further tenth of a per cent may cost; None: any price is paid.
    """
    last = costs_nj[-LOOKED_AT:]
    if tenth_nj is None or len(scores) <= LOOKED_AT or any(one is None for one in last):
        return False
    gained = max(0.0, max(scores) - max(scores[:-LOOKED_AT])) * TENTHS
    return sum(one or 0 for one in last) > tenth_nj * gained
