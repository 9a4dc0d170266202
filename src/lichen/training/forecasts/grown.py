"""Trees that a run has grown so far: a checkpoint within a candidate, and within the final fits."""

from dataclasses import dataclass, field

import msgspec

from lichen.training.spending import Spending

NAME = "trees"
MOST_FITS = 16
"""So many of the newest fits are kept; a run has five or ten."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Trees by the key of their fit, oldest first, and what the run had spent by then."""

    fits: dict[str, str]
    spent_nj: int = 0
    spent_ng: int = 0


@dataclass(slots=True)
class Grown:
    """A `frameworks.boosting.Nursery` that keeps trees with the run's checkpoints.

    It writes when its watch wants a checkpoint, and takes up what an earlier attempt wrote. A fit
    is named by all that it stands on, so trees of another task are never taken.
    """

    spending: Spending
    fits: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_earlier_attempts(cls, spending: Spending) -> "Grown":
        """With what earlier attempts kept, whose cost counts from now on."""
        body = spending.watch.load(NAME)
        if body is None:
            return cls(spending)
        try:
            kept = msgspec.json.decode(body, type=_Kept)
        except msgspec.DecodeError:  # of another release, or cut off: grow them again
            return cls(spending)
        spending.earlier_nj = max(spending.earlier_nj, kept.spent_nj)
        spending.earlier_ng = max(spending.earlier_ng, kept.spent_ng)
        return cls(spending, kept.fits)

    @property
    def is_keen(self) -> bool:
        """Whether the watch wants a checkpoint."""
        return self.spending.watch.wants_checkpoint

    def kept(self, key: str) -> str | None:
        """The trees of a fit, if some were grown."""
        return self.fits.get(key)

    def keep(self, key: str, text: str) -> None:
        """Remember the trees of a fit, and write all down if that is wanted now."""
        self.fits.pop(key, None)
        self.fits[key] = text
        while len(self.fits) > MOST_FITS:
            del self.fits[next(iter(self.fits))]
        if self.is_keen:
            spent = self.spending
            kept = _Kept(self.fits, spent.spent_nj or 0, spent.spent_ng or 0)
            spent.watch.save(NAME, msgspec.json.encode(kept))
