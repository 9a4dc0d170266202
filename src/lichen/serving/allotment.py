"""What the callers of one deployment may still spend: the budgets that count for them (B1, B2).

Looked up once a request where there is any budget; what is known of it is refreshed by whoever
follows the store.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from math import ceil

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Quantity, Verdict, judged
from lichen.core.clock import Clock, rfc3339
from lichen.core.errors import LichenError, OverBudget, Unavailable
from lichen.core.units import readable
from lichen.protocol.ratelimit import joined, policy_item, state_template, told
from lichen.serving.degradations import Instead

_SYMBOLS = {Quantity.JOULES: "J", Quantity.GRAMS: "gCO2e"}


Limits = tuple[bytes, bytes]
"""The values of the fields `RateLimit-Policy` and `RateLimit`."""


class Overspent(OverBudget):
    """A budget does not hold a request; `limits` says how those that count for it stand."""

    def __init__(self, message: str, retry_after_s: int | None, limits: Limits) -> None:
        super().__init__(message, retry_after_s)
        self.limits = limits


class Ration:
    """One budget as this process spends it."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self.allowance = allowance
        self._clock = clock
        self._returns: datetime | None = None
        self._is_asked = False
        self.learn(allowance.budget)

    def learn(self, budget: Budget) -> None:
        """Its limit, or what becomes of what is over it, has changed."""
        if budget != self.allowance.budget:
            self.allowance.adopt(budget)
        self.budget = budget
        self.is_grams = budget.quantity is Quantity.GRAMS

    @property
    def policy(self) -> str:
        """It in `RateLimit-Policy`; a month is as long as the one that is now."""
        budget = self.budget
        window_s = budget.period.window_s
        if not window_s:
            step = budget.period.step_at(self._clock.now())
            window_s = round((step.end - step.start).total_seconds())
        return policy_item(budget.name, budget.limit, budget.quantity.value, window_s)

    def state(self) -> tuple[int, int]:
        """What is left in the unit of `RateLimit`, and in how many seconds some comes back."""
        allowance = self.allowance
        seconds = allowance.resets_unix_s - self._clock.unix_seconds()
        return told(allowance.remaining), seconds if seconds > 0 else 0

    @property
    def degrades(self) -> bool:
        """Is so much of it spent that a cheaper deployment should answer?"""
        budget = self.budget
        if budget.degrade_from is None:
            return False
        committed = budget.limit - self.allowance.remaining
        return judged(budget, committed, 1, can_degrade=True) is Verdict.DEGRADE

    def forget(self) -> None:
        """What it said lately of its return may be true no more."""
        self._is_asked = False

    def returns(self, amount: int) -> datetime | None:
        """When so much will fit; None if it never will, or nobody can say. Asked once a look."""
        if not self._is_asked:
            try:
                self._returns = self.allowance.fits_at(amount)
            except LichenError:
                self._returns = None
            self._is_asked = True
        return self._returns

    def refusal(self, amount: int) -> tuple[str, int | None]:
        """Why a request of at most `amount` is refused, and in how many seconds it may fit."""
        budget, symbol = self.budget, _SYMBOLS[self.budget.quantity]
        left = readable(self.allowance.remaining, symbol)
        said = f"budget {budget.name!r} ({budget.scope}, {readable(budget.limit, symbol)} per "
        said += f"{budget.period}) has {left} left"
        returns = self.returns(amount)
        if amount > budget.limit:
            return f"{said}, and this may take more than all of it: send fewer rows a request", None
        if returns is None:
            return f"{said}: try again later", None
        wait_s = max(1, ceil((returns - self._clock.now()).total_seconds()))
        when = rfc3339(returns.replace(microsecond=0))
        return f"{said}: try again when some of it comes back, at {when}", wait_s


class Allotment:
    """The budgets that count for the requests of one tenant to one deployment."""

    def __init__(
        self,
        rations: Sequence[Ration],
        broken: str | None = None,
        instead: Instead | None = None,
    ) -> None:
        """Put them together; `broken` names one whose account cannot be read.

        `instead` counts what is answered, where a cheaper deployment answers.
        """
        self.instead = instead
        self.rations = tuple(rations)
        self.broken = broken
        self._template = state_template([one.budget.name for one in self.rations])
        self.refresh()

    def note_answered(self, requests: int) -> None:
        """So many were answered; counted where a cheaper deployment does it."""
        if self.instead is not None:
            self.instead.requests += requests

    def refresh(self) -> None:
        """Take nothing for spent that was found so before; for any thread."""
        self._policy: bytes | None = None
        self.may_degrade = any(one.budget.degrade_from is not None for one in self.rations)
        self.short_rows = sys.maxsize if self.broken is None else 0
        self._short: tuple[Ration, int] | None = None
        for ration in self.rations:
            ration.forget()
            if ration.allowance.remaining <= 0:
                self.fall_short(ration, 1, 1)

    def fall_short(self, ration: Ration, rows: int, amount: int) -> None:
        """`ration` does not hold so many rows, which cost at most `amount`."""
        if rows < self.short_rows:
            self.short_rows, self._short = rows, (ration, amount)

    def check(self, rows: int) -> None:
        """Refuse what is known not to fit, so that nothing waits for it: from `short_rows` on.

        Raises:
            Overspent: no more rows than these did not fit a moment ago.
            Unavailable: the account of a budget cannot be read, so nothing may be spent.
        """
        if self.broken is not None:
            raise Unavailable(
                f"what budget {self.broken!r} has spent cannot be read, and nothing is answered "
                "on it until that is mended: the log of the data plane says why"
            )
        short = self._short  # the poller may forget it at any moment
        if rows >= self.short_rows and short is not None:
            raise self.refusal(*short)

    @property
    def degrades(self) -> bool:
        """Should a cheaper deployment answer?"""
        return any(ration.degrades for ration in self.rations)

    def refusal(self, ration: Ration, amount: int) -> Overspent:
        """What is told to a request that `ration` does not hold."""
        said, wait_s = ration.refusal(amount)
        states = [one.state() for one in self.rations]
        if wait_s is not None:  # the same as in Retry-After
            states[self.rations.index(ration)] = (told(ration.allowance.remaining), wait_s)
        return Overspent(said, wait_s, (self._policy or self._said(), self._filled(states)))

    def _said(self) -> bytes:
        """The value of `RateLimit-Policy`, put together once in a while."""
        policy = joined([ration.policy for ration in self.rations]).encode("ascii")
        self._policy = policy
        return policy

    def limits(self) -> Limits:
        """How the budgets stand now."""
        policy, rations = self._policy or self._said(), self.rations
        if len(rations) == 1:
            return policy, self._template % rations[0].state()
        return policy, self._filled([ration.state() for ration in rations])

    def _filled(self, states: Sequence[tuple[int, int]]) -> bytes:
        return self._template % tuple([figure for state in states for figure in state])
