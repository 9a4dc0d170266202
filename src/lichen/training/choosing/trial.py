"""One trial of a search: an algorithm with some settings, scored fold by fold."""

from dataclasses import dataclass
from math import sqrt

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Settings
from lichen.training.choosing.contender import Contender, Problem
from lichen.training.choosing.memory import Found, Memory

HOPELESS_DEFAULTS = 0.5
"""After one fold, a trial of defaults ends when its error is so much over the best one's there:
tuning it would have to take off a third."""

HOPELESS_DRAW = 0.12
"""The same of a draw of an algorithm that was tried: it is to beat the best, or go."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of it.

    Attributes:
        contender: the algorithm.
        settings: its hyperparameters.
        errors: of the folds it was scored on, in order.
        nj: what it cost; None where nothing metered it (M5).
        is_whole: whether it was scored on every fold; otherwise it looked hopeless.
    """

    contender: Contender
    settings: Settings
    errors: tuple[float, ...]
    nj: int | None
    is_whole: bool

    @property
    def error(self) -> float:
        """Mean over its folds."""
        return sum(self.errors) / len(self.errors)


class Trials:
    """Makes trials, each fold once: what an earlier attempt found is not found again."""

    def __init__(self, problem: Problem, memory: Memory) -> None:
        self._problem = problem
        self._memory = memory
        self.made: list[Trial] = []

    @property
    def best(self) -> Trial | None:
        """The whole trial with the least error so far."""
        whole = [one for one in self.made if one.is_whole]
        return min(whole, key=lambda one: one.error, default=None)

    @property
    def effort_nj(self) -> float:
        """What all trials so far were expected to cost."""
        return sum(len(one.errors) * one.contender.effort_nj(one.settings) for one in self.made)

    @property
    def nj(self) -> int | None:
        """What all trials so far cost; None where nothing metered them (M5)."""
        metered = [one.nj for one in self.made if one.nj is not None]
        return sum(metered) if metered else None

    def of(self, contender: Contender) -> list[Trial]:
        """The trials of one algorithm."""
        return [one for one in self.made if one.contender.name == contender.name]

    def make(self, contender: Contender, settings: Settings, hopeless: float | None) -> Trial:
        """Score it fold by fold, until it looks hopeless.

        Args:
            contender: the algorithm.
            settings: its hyperparameters.
            hopeless: by what share its error on one fold may be over the best one's; after more
                folds less so, as the square root of how many; None: it is scored on every fold.

        Raises:
            InvalidInput: it cannot be fitted on these rows.
            OverBudget: a budget is spent.
            WorkFailed: the run was cancelled.
        """
        errors: list[float] = []
        spent: list[int | None] = []
        for fold in range(self._problem.folds):
            found = self._found(contender, settings, fold)
            errors.append(found.error)
            spent.append(found.nj)
            if hopeless is not None and self._is_hopeless(errors, hopeless):
                break
        metered = [one for one in spent if one is not None]
        made = Trial(
            contender,
            settings,
            tuple(errors),
            sum(metered) if metered else None,
            len(errors) == self._problem.folds,
        )
        self.made.append(made)
        return made

    def _is_hopeless(self, errors: list[float], share: float) -> bool:
        if self.best is None:
            return False
        beside = self.best.errors[: len(errors)]
        allowed = 1 + share / sqrt(len(errors))
        return sum(errors) > allowed * sum(beside) + 1e-12

    def _found(self, contender: Contender, settings: Settings, fold: int) -> Found:
        kept = self._memory.get(contender.name, settings, fold)
        if kept is None:
            kept = self._look(contender, settings, fold)
            self._memory.keep(contender.name, settings, fold, kept)
        if kept.refusal is not None:
            raise InvalidInput(kept.refusal)
        return kept

    def _look(self, contender: Contender, settings: Settings, fold: int) -> Found:
        spending = self._memory.spending
        pause = spending.check if contender.is_guard else self._memory.pause
        pause()
        before = spending.spent_nj
        try:
            error = self._problem.error(contender.name, settings, fold, pause)
        except InvalidInput as refused:
            return Found(0.0, None, str(refused))
        after = spending.spent_nj
        spent = None if before is None or after is None else after - before
        return Found(error, spent)
