"""Integer amounts with the ends of their interval, and their division without a remainder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from lichen.energy.attribution import split


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure and its 90 % interval; without ends where nobody stated any."""

    value: int = 0
    low: int | None = 0
    high: int | None = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Both: ends that are common to a host add up as they are (M4)."""
        return Amount(
            self.value + other.value, _sum(self.low, other.low), _sum(self.high, other.high)
        )

    def __sub__(self, other: "Amount") -> "Amount":
        """What is left; the same cause moves both, so the same ends are taken off each other."""
        return self + Amount(-other.value, _negated(other.low), _negated(other.high))

    def times(self, factor: Fraction) -> "Amount":
        """Each end times the factor, rounded to a whole nano, halves to the even one."""
        return Amount(
            round(self.value * factor),
            None if self.low is None else round(self.low * factor),
            None if self.high is None else round(self.high * factor),
        )


NOTHING = Amount()


def total(amounts: Iterable[Amount]) -> Amount:
    """All of them together."""
    return sum(amounts, NOTHING)


def divided(whole: Amount, weights: Sequence[int]) -> list[Amount]:
    """The amount over its users by weight; values and ends sum to the whole exactly (A5)."""
    values = _divided(whole.value, weights)
    lows = None if whole.low is None else _divided(whole.low, weights)
    highs = None if whole.high is None else _divided(whole.high, weights)
    return [
        Amount(value, lows[at] if lows else None, highs[at] if highs else None)
        for at, value in enumerate(values)
    ]


def _divided(whole: int, weights: Sequence[int]) -> Sequence[int]:
    if whole >= 0:
        return split(whole, weights)
    return [-part for part in split(-whole, weights)]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _negated(end: int | None) -> int | None:
    return None if end is None else -end


def rounded(numerator: int, denominator: int) -> int:
    """The quotient as a whole number, halves to the even one; as `round` of a Fraction, quicker."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def exactly(number: float) -> Fraction:
    """The decimal number that a person wrote, not the binary one next to it."""
    return Fraction(str(number))
