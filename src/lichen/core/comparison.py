"""Compare two figures of energy: what is unsure of both alike cancels out (M4)."""

from dataclasses import dataclass
from math import exp, hypot, inf, log, log1p

from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times the second figure the first is, with the 90 % interval of that.

    `cancelled` says whether what both share was left out: the slope of one host.
    """

    ratio: float
    low: float
    high: float
    cancelled: bool


def compare(
    first: EnergyFigure, second: EnergyFigure, *, same_host: bool, scatter: float = 0.0
) -> Comparison:
    """The ratio of two figures; on one host tighter than either of them is known (M4).

    A figure is CPU time x the host's rate. On one host, by one source, the rate is wrong by the
    same factor in both figures, so the ratio does not depend on it: what is left is where their
    relative intervals differ, and the scatter. The rest is independent and adds as squares do, in
    logarithms. What cancels is the rate alone: that one kind of work draws more by busy second than
    another, nobody can see without a counter.

    Args:
        first: energy of what is compared.
        second: energy of what it is compared with.
        same_host: whether both were spent on one machine.
        scatter: the relative 90 % half-width of each figure from its own repetitions; 0.05 is 5 %.

    Raises:
        InvalidInput: a figure is of no energy, or the scatter is negative.
    """
    if first.nj <= 0 or second.nj <= 0:
        raise InvalidInput("a comparison needs two figures above 0 J: work that was not metered")
    if not 0 <= scatter < inf:
        raise InvalidInput(f"a scatter of {scatter} is none: give a half-width such as 0.05")
    cancelled = same_host and first.source == second.source and first.method == second.method
    down_first, up_first = _widths(first)
    down_second, up_second = _widths(second)
    if cancelled:
        down_first, down_second = _without_common(down_first, down_second)
        up_first, up_second = _without_common(up_first, up_second)
    own = log1p(scatter)
    ratio = first.nj / second.nj
    return Comparison(
        ratio,
        ratio * exp(-hypot(down_first, up_second, own, own)),
        ratio * exp(hypot(up_first, down_second, own, own)),
        cancelled,
    )


def _widths(figure: EnergyFigure) -> tuple[float, float]:
    """How far down and up the interval reaches, as logarithms of factors."""
    down = log(figure.nj / figure.nj_low) if figure.nj_low > 0 else inf
    return max(0.0, down), max(0.0, log(figure.nj_high / figure.nj))


def _without_common(first: float, second: float) -> tuple[float, float]:
    if first == second:
        return 0.0, 0.0
    return max(0.0, first - second), max(0.0, second - first)
