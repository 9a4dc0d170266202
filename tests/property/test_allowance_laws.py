"""Laws of allowances: whatever several openers do, no step is granted more than its limit (B2)."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Period, PeriodKind, Quantity, Scope, ScopeKind
from lichen.core.clock import ManualClock

LIMIT = 5_000
NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
PERIODS = (Period(PeriodKind.HOUR), Period(PeriodKind.MONTH), Period(PeriodKind.ROLLING, 1_440))
openers = st.integers(0, 2)
costs = st.integers(1, 900)


class SeveralOpeners(RuleBasedStateMachine):
    """Three processes that spend one budget, crash, reopen, and live through steps of the period.

    `spent` is what was truly spent in each step, by the step in which it was set aside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = ManualClock(NOON)
        self.spent: dict[datetime, int] = {}
        self.in_flight: list[tuple[int, int, datetime]] = []
        self.over = 0
        self.is_exact = True

    @initialize(period=st.sampled_from(PERIODS))
    def begin(self, period: Period) -> None:
        scope = Scope(ScopeKind.TENANT, "north")
        self.budget = Budget("team", scope, Quantity.GRAMS, LIMIT, period)
        self.openers = [self._open() for _ in range(3)]

    def _open(self) -> Allowance:
        return Allowance.open(Path(self.folder.name), self.budget, self.clock)

    def _step(self) -> datetime:
        return self.budget.period.step_at(self.clock.now()).start

    @rule(who=openers, estimate=costs)
    def reserve(self, who: int, estimate: int) -> None:
        if self.openers[who].reserve(estimate):
            self.in_flight.append((who, estimate, self._step()))

    @precondition(lambda self: self.in_flight)
    @rule(position=st.integers(0, 100), share=st.floats(0, 1.2))
    def settle(self, position: int, share: float) -> None:
        """Each opener's work ends in the order in which it began."""
        who = self.in_flight[position % len(self.in_flight)][0]
        oldest = next(one for one in self.in_flight if one[0] == who)
        self.in_flight.remove(oldest)
        _, estimate, step = oldest
        actual = round(estimate * share)
        self.openers[who].settle(estimate, actual)
        self.spent[step] = self.spent.get(step, 0) + min(actual, estimate)
        self.over += max(0, actual - estimate)

    @rule(who=openers)
    def crash(self, who: int) -> None:
        """Nothing is given back, and what was in flight had run up to its estimate."""
        self._lose(who)
        self.openers[who] = self._open()
        self.is_exact = False

    @rule(who=openers)
    def close_and_reopen(self, who: int) -> None:
        self._lose(who)
        self.openers[who].close()
        self.openers[who] = self._open()

    def _lose(self, who: int) -> None:
        for owner, estimate, step in self.in_flight:
            if owner == who:
                self.spent[step] = self.spent.get(step, 0) + estimate
        self.in_flight = [one for one in self.in_flight if one[0] != who]

    @rule(who=openers)
    def tend(self, who: int) -> None:
        self.openers[who].tend()

    @rule(seconds=st.integers(1, 4_000))
    def time_goes_by(self, seconds: int) -> None:
        self._turn(seconds)

    @rule(seconds=st.integers(1, 4_000))
    def clock_is_set_back(self, seconds: int) -> None:
        self._turn(-seconds)

    def _turn(self, seconds: int) -> None:
        before = self._step()
        self.clock.advance(seconds)
        self.is_exact = self.is_exact and before == self._step()

    @invariant()
    def no_step_is_granted_more_than_its_limit(self) -> None:
        for step, spent in self.spent.items():
            reserved = sum(one[1] for one in self.in_flight if one[2] == step)
            assert spent + reserved <= LIMIT

    @invariant()
    def what_was_spent_is_committed(self) -> None:
        if not hasattr(self, "openers"):
            return
        step = self._step()
        reserved = sum(one[1] for one in self.in_flight if one[2] == step)
        now = self.spent.get(step, 0) + reserved
        standing = self.openers[0].standing()
        assert standing.committed >= now
        assert standing.remaining == max(0, LIMIT - standing.committed)
        assert standing.committed <= LIMIT + self.over, "only errors of estimates exceed the limit"

    def teardown(self) -> None:
        """Once all is closed, what is left can be spent to the last unit, by whoever comes."""
        if hasattr(self, "openers"):
            for who, one in enumerate(self.openers):
                self._lose(who)
                one.close()
            last = self._open()
            standing = last.standing()
            if self.is_exact:
                assert standing.committed == sum(self.spent.values()) + self.over
            assert last.reserve(standing.remaining)
            assert not last.reserve(1)
            last.close()
        self.folder.cleanup()


TestSeveralOpeners = SeveralOpeners.TestCase
TestSeveralOpeners.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
