"""What a search chooses among: an algorithm, its defaults, where it may be tuned, what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.spaces import Dimension


@dataclass(frozen=True, slots=True)
class Contender:
    """One algorithm of a portfolio.

    Attributes:
        name: in the portfolio.
        title: what people call it.
        defaults: what is tried first.
        ranges: hyperparameters to tune; empty: none.
        effort_nj: nanojoules that a fit of one fold is expected to take with some settings, counted
            from the work and not measured: what follows from it is the same on every machine.
        is_guard: whether it is tried whatever it costs and whatever the budget, such as the first.
    """

    name: str
    title: str
    defaults: Settings
    ranges: tuple[Dimension, ...]
    effort_nj: Callable[[Settings], float]
    is_guard: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What an answer of a fitted algorithm costs.

    Attributes:
        nj: nanojoules of one prediction, measured as it is served; None where nothing metered it.
        operations: multiplications and comparisons of one prediction, counted: the choice is made
            by these, so that the noise of a meter does not change it.
    """

    nj: int | None
    operations: float


class Problem(Protocol):
    """What a task answers a search."""

    @property
    def folds(self) -> int:
        """How many splits there are to score on."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names the task and its data: what an earlier attempt found of another is of no use."""
        ...

    def error(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> float:
        """How wrong a fit on a fold is on the rows held back from it: 0 is perfect.

        1 is what answers without looking would get, or the worst that the score can be: a tenth
        of a per cent is 0.001 of it. Equal arguments give equal errors.

        Raises:
            InvalidInput: this algorithm cannot be fitted on these rows.
        """
        ...

    def served(self, algorithm: str, settings: Settings) -> Served:
        """What one prediction of it costs."""
        ...
