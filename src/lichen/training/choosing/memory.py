"""What a killed search had found out already: its next attempt takes it up, with equal bytes.

A search is a function of the errors of its trials. What is kept is these; a search that goes on
asks for the same trials in the same order and finds their errors here.
"""

from dataclasses import dataclass, field

import msgspec

from lichen.frameworks.estimation import Settings
from lichen.training.checkpoints import kept_for
from lichen.training.spending import Spending

NAME = "search"


class Found(msgspec.Struct, frozen=True):
    """The error of one algorithm with some settings on one fold, and what it cost to find."""

    error: float
    nj: int | None
    refusal: str | None = None


class _Kept(msgspec.Struct, frozen=True):
    task: str
    found: dict[str, Found]
    spent_nj: int
    spent_ng: int


@dataclass(slots=True)
class Memory:
    """Errors by what they are of."""

    spending: Spending
    task: str
    name: str = NAME
    found: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def of_earlier_attempts(cls, spending: Spending, task: str, name: str = NAME) -> "Memory":
        """With what earlier attempts found, whose cost counts from now on."""
        made = cls(spending, task, name)
        kept = kept_for(task, _Kept, spending.watch, name)
        if kept is not None:
            spending.earlier_nj = max(spending.earlier_nj, kept.spent_nj)
            spending.earlier_ng = max(spending.earlier_ng, kept.spent_ng)
            made.found = kept.found
        return made

    def get(self, algorithm: str, settings: Settings, fold: int) -> Found | None:
        """What was found, if it was looked for."""
        return self.found.get(_key(algorithm, settings, fold))

    def keep(self, algorithm: str, settings: Settings, fold: int, found: Found) -> None:
        """Remember it, and write all down if that is wanted now."""
        self.found[_key(algorithm, settings, fold)] = found
        if self.spending.watch.wants_checkpoint:
            self.write()

    def write(self) -> None:
        """Write down all that was found."""
        spent = self.spending
        kept = _Kept(self.task, self.found, spent.spent_nj or 0, spent.spent_ng or 0)
        spent.watch.save(self.name, msgspec.json.encode(kept))

    def pause(self) -> None:
        """Between steps of a fit: write down what is found when that is wanted; go on, or end.

        Raises:
            WorkFailed: the run was cancelled.
            OverBudget: a budget is spent.
        """
        if self.spending.watch.wants_checkpoint:
            self.write()
        self.spending.check_budget()


def _key(algorithm: str, settings: Settings, fold: int) -> str:
    ordered = dict(sorted(settings.items()))
    return f"{algorithm}/{fold}/{msgspec.json.encode(ordered).decode()}"
