"""What is booked: signed postings that sum to zero, and on what figures they stand (L1, C2)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.core.errors import InvalidInput
from lichen.core.figures import Method


class Unbalanced(InvalidInput):
    """The postings of a window do not sum to zero; the message names the window and the sum."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One account's share of a window, signed: the meter pays (negative), the uses receive.

    `units` is how many pieces of work it holds (predictions, jobs): the R of an SCI score (C4).
    """

    account: str
    nj: int
    ng: int
    units: int = 0


@dataclass(frozen=True, slots=True)
class Basis:
    """On what a booking stands: frozen with it, so no later revision changes a booked gram (L3).

    `energy_low` and `energy_high` are the ends of the energy's 90 % interval as shares of the
    energy; `meter` names the meter or model that read it. `embodied_low` and `embodied_high` are
    the same of the embodied carbon, `idle_low` and `idle_high` of the account `idle`, where the
    meter knows its interval apart; books of before 2026-11-22 do not hold them.
    """

    intensity: IntensityValue
    method: Method
    meter: str
    energy_low: float
    energy_high: float
    pue: float
    embodied: str | None
    embodied_low: float | None = None
    embodied_high: float | None = None
    idle_low: float | None = None
    idle_high: float | None = None

    def text(self) -> str:
        """Canonical JSON: equal bases give equal text."""
        return _text_of(self)

    @classmethod
    def parse(cls, text: str) -> "Basis":
        """The basis that `text()` wrote.

        Raises:
            ValueError, KeyError, TypeError: the text was not written by it.
        """
        fields = json.loads(text)
        told = fields.pop("intensity")
        told |= {
            "signal": Signal(told["signal"]),
            "scope": Scope(told["scope"]),
            "kind": Kind(told["kind"]),
            "passed_over": tuple(told["passed_over"]),
        }
        fields["method"] = Method(fields["method"])
        return cls(intensity=IntensityValue(**told), **fields)


@lru_cache(maxsize=64)
def _text_of(basis: Basis) -> str:
    # The same basis is booked every second for an hour or a year.
    return json.dumps(asdict(basis), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """One window, ready for the ledger."""

    started_at: datetime
    ended_at: datetime
    postings: tuple[Posting, ...]
    basis: Basis

    def __post_init__(self) -> None:
        if self.ended_at < self.started_at:
            raise InvalidInput(
                f"the window of {self.started_at.isoformat()} ends before it starts: "
                "check the machine's clock"
            )


def check_balanced(postings: Iterable[Posting], what: str) -> None:
    """Nothing, if energy and carbon both sum to zero (L1).

    Raises:
        Unbalanced: they do not; `what` names the window.
    """
    postings = tuple(postings)
    nj = sum(posting.nj for posting in postings)
    ng = sum(posting.ng for posting in postings)
    if nj or ng:
        shown = ", ".join(f"{one.account} {one.nj:+d} nJ {one.ng:+d} ng" for one in postings[:6])
        more = ", ..." if len(postings) > 6 else ""
        raise Unbalanced(
            f"{what} does not sum to zero ({nj:+d} nJ, {ng:+d} ng) and is not booked: {shown}{more}"
        )


Sums = Mapping[str, Posting]
"""One posting an account."""


def added(sums: Sums, postings: Iterable[Posting]) -> dict[str, Posting]:
    """The sums with these postings added."""
    total = dict(sums)
    for posting in postings:
        so_far = total.get(posting.account)
        total[posting.account] = posting if so_far is None else _plus(so_far, posting)
    return total


def _plus(one: Posting, other: Posting) -> Posting:
    return Posting(one.account, one.nj + other.nj, one.ng + other.ng, one.units + other.units)


def as_postings(sums: Sums) -> tuple[Posting, ...]:
    """One posting an account, by name; what cancelled out to nothing is left away."""
    in_order = (sums[name] for name in sorted(sums))
    return tuple(one for one in in_order if one.nj or one.ng or one.units)
