"""Floating-point operations of a training, where a closed form gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

RIDGES = frozenset({"ridge", "ridge-calendar"})
FORMULA = "n p (p + 1) + 2 n p h + 2/3 p^3 + 2 p^2 h a target"
"""Normal equations of n windows, p features and h steps: the Gram matrix (symmetric), the right
side, the solution by LU, and its h right sides (Golub and Van Loan, Matrix Computations, 3.2)."""


@dataclass(frozen=True, slots=True)
class Operations:
    """How many, at least; or None, and the reason."""

    flop: int | None
    says: str


def operations(algorithm: str, parameters: Mapping[str, object]) -> Operations:
    """What the final fit of a version took."""
    if algorithm not in RIDGES:
        return Operations(
            None,
            f"no closed form gives the operations of {algorithm}: see the training time and energy",
        )
    numbers = [_whole(parameters.get(name)) for name in ("rows_fitted", "context", "horizon")]
    rows, context, steps = numbers
    if rows is None or context is None or steps is None:
        return Operations(None, "the version's manifest does not hold rows_fitted and context")
    windows, features = rows - context - steps + 1, context + 1
    if windows < 1:
        return Operations(None, "the version's manifest tells of less than one window")
    series = len(_channels(parameters))
    flop = (
        windows * features * (features + 1)
        + 2 * windows * features * steps
        + round(Fraction(2, 3) * features**3)
        + 2 * features**2 * steps
    )
    return Operations(
        flop * series,
        f"lower bound for the final fit: n = {windows} windows, p = {features} features of the "
        f"history alone, h = {steps} steps, {series} series; the search before it is not in it",
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _channels(parameters: Mapping[str, object]) -> list[object]:
    said = parameters.get("channels")
    return list(said) if isinstance(said, list | tuple) and said else [None]
