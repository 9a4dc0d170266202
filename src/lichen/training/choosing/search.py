"""Walk a portfolio from cheap to dear, then tune what leads, until joules stop paying."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lichen.core.errors import InvalidInput, OverBudget
from lichen.core.plugins import load_object
from lichen.core.units import readable
from lichen.frameworks.estimation import Settings
from lichen.training.choosing.contender import Contender, Problem
from lichen.training.choosing.memory import Memory
from lichen.training.choosing.rules import AUTO, Rules
from lichen.training.choosing.trial import HOPELESS_DEFAULTS, HOPELESS_DRAW, Trial, Trials
from lichen.training.worth import (
    LEAST_GAIN,
    TENTH,
    expected_gain,
    gain_of_untried,
    is_worth_trying,
    stop_price_nj,
)

MOST_TRIALS = 25
"""Where nobody says how many."""

DRAWS = "lichen.training.choosing.draws:Draws"


class Drawing(Protocol):
    """Draws one algorithm's hyperparameters (see `draws`)."""

    def told(self, settings: Settings, error: float) -> None:
        """Take note of a trial that was not drawn here."""
        ...

    def ask(self) -> Settings:
        """The next settings to try."""
        ...

    def tell(self, error: float) -> None:
        """How they did."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found.

    Attributes:
        trials: all that were made, in order.
        left_out: by algorithm, why it was not tried.
        ended: why the search ended, a clause.
    """

    trials: tuple[Trial, ...]
    left_out: dict[str, str]
    ended: str


class Search:
    """One search; `run` carries it out."""

    def __init__(
        self, problem: Problem, contenders: Sequence[Contender], rules: Rules, memory: Memory
    ) -> None:
        self._rules = rules
        self._contenders = [
            one for one in contenders if rules.algorithm in (AUTO, one.name) or one.is_guard
        ]
        self._folds = problem.folds
        self._trials = Trials(problem, memory)
        self._spending = memory.spending
        self._left_out: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._draws: dict[str, Drawing] = {}
        self._fruitless = 0

    def run(self) -> Searched:
        """Try the defaults of each algorithm, then draws of those that may still gain.

        Raises:
            InvalidInput: no algorithm could be tried; the message says why of the one asked for.
            WorkFailed: the run was cancelled.
        """
        try:
            self._walk()
            ended = self._tune()
        except OverBudget as spent:
            ended = str(spent).partition(":")[0]
            if not self._trials.made:
                raise InvalidInput(
                    f"{ended} before one algorithm was tried: give a larger budget, or fewer rows"
                ) from spent
        if not self._trials.made:
            refused = set(self._refused.values())
            raise InvalidInput(
                "; ".join(refused if len(refused) == 1 else self._left_out.values())
                or f"{self._rules.algorithm!r} is none of this task's algorithms"
            )
        return Searched(tuple(self._trials.made), self._left_out, ended)

    def _walk(self) -> None:
        for number, contender in enumerate(self._contenders):
            self._spending.begin(contender.title, 0.05 + 0.5 * (number + 1) / len(self._contenders))
            dear = self._all_made(contender) or self._too_dear(contender)
            if dear is not None:
                self._left_out[contender.name] = f"{contender.title}: left out, {dear}"
            else:
                self._try(contender)
            self._spending.end(self._left_out.get(contender.name))

    def _try(self, contender: Contender) -> None:
        hopeless = HOPELESS_DEFAULTS if self._rules.is_frugal else None
        held = self._trials.best
        try:
            self._trials.make(contender, contender.defaults, hopeless)
            best = self._trials.best
            gained = best is not None and (
                held is None or best.error < (1 - LEAST_GAIN) * held.error
            )
            self._fruitless = 0 if gained else self._fruitless + 1
        except InvalidInput as refused:
            if self._rules.algorithm == contender.name:
                raise
            self._refused[contender.name] = str(refused)
            self._left_out[contender.name] = f"{contender.title}: not tried, {refused}"

    def _all_made(self, contender: Contender) -> str | None:
        """Why an algorithm is not even tried: so many trials as were asked for were made."""
        most = self._rules.most_trials
        if contender.is_guard or self._rules.algorithm == contender.name:
            return None
        if most is None or len(self._trials.made) < most:
            return None
        return "all trials that were asked for were made"

    def _too_dear(self, contender: Contender) -> str | None:
        """Why an algorithm is not even tried: what it may bring is not worth what it would cost."""
        best = self._trials.best
        if best is None or contender.is_guard or not self._rules.is_frugal:
            return None
        if self._rules.algorithm == contender.name:
            return None
        gain = gain_of_untried(best.error, self._fruitless)
        cost = self._cost(contender, contender.defaults)
        price = self._price(is_untried=True)
        if is_worth_trying(gain, cost, price):
            return None
        return (
            f"expected to take {readable(round(cost), 'J')} to try for at most {gain / TENTH:.1f} "
            f"tenths of a per cent, at {readable(round(price), 'J')} each"
        )

    def _tune(self) -> str:
        most = self._rules.most_trials or MOST_TRIALS
        while len(self._trials.made) < most:
            contender, gain = self._most_promising()
            if contender is None:
                return "nothing is left to tune"
            if self._rules.is_frugal and not is_worth_trying(
                gain, self._cost(contender, contender.defaults), self._price(is_untried=False)
            ):
                return (
                    f"the next trial was expected to gain {gain / TENTH:.2f} tenths of a per cent, "
                    "less than its joules are worth"
                )
            self._spending.begin(f"tuning {contender.title}", self._tuned_so_far(most))
            self._draw(contender)
            self._spending.end()
        return "the only trial was made" if most == 1 else f"all {most} trials were made"

    def _tuned_so_far(self, most: int) -> float:
        return 0.55 + 0.25 * min(1.0, len(self._trials.made) / most)

    def _most_promising(self) -> tuple[Contender | None, float]:
        """The algorithm whose next draw gains most for its cost, and the gain expected."""
        best = self._trials.best
        chosen: tuple[Contender | None, float] = (None, 0.0)
        most = -1.0
        for contender in self._contenders:
            errors = [one.error for one in self._trials.of(contender)]
            if not errors or not contender.ranges or best is None:
                continue
            gain = expected_gain(errors, best.error)
            rate = gain / max(self._cost(contender, contender.defaults), 1.0)
            if rate > most:
                chosen, most = (contender, gain), rate
        return chosen

    def _draw(self, contender: Contender) -> None:
        draws = self._draws.get(contender.name)
        if draws is None:
            draws = load_object(DRAWS)(contender.ranges, contender.defaults, self._rules.seed)
            for made in self._trials.of(contender):
                draws.told(made.settings, made.error)
            self._draws[contender.name] = draws
        settings = draws.ask()
        hopeless = HOPELESS_DRAW if self._rules.is_frugal else None
        try:
            error = self._trials.make(contender, settings, hopeless).error
        except InvalidInput:  # these settings do not go with these rows: as bad as can be
            error = 1.0
        draws.tell(error)

    def _cost(self, contender: Contender, settings: Settings) -> float:
        """Nanojoules that a trial is expected to take."""
        return self._folds * contender.effort_nj(settings) * self._metered_rate()

    def _price(self, *, is_untried: bool) -> float:
        spent = self._trials.effort_nj * self._metered_rate()
        first = self._rules.first_tenth_nj if is_untried else 0.0
        return stop_price_nj(self._rules.tenth_nj, spent, first)

    def _metered_rate(self) -> float:
        """Metered over expected joules so far; 1 where no price in joules was stated.

        A stated price is of real joules, so the search then follows the meter. Without one it
        follows the work it counts, and gives the same model on every machine.
        """
        effort, metered = self._trials.effort_nj, self._trials.nj
        if self._rules.tenth_nj is None or not effort or not metered:
            return 1.0
        return metered / effort
