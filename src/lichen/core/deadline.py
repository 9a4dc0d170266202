"""A moment by which work must be done, and the clock that tells; work looks at it between parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import DeadlinePassed
from lichen.core.units import NANOSECONDS_PER_SECOND

_Asked = ParamSpec("_Asked")
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True)
class Deadline:
    """When work is to be done.

    Attributes:
        clock: whose `monotonic_ns` counts.
        end_ns: by that clock; None: never.
        says: the sentence for whoever asked for work that was not done by then.
    """

    clock: Clock
    end_ns: int | None
    says: str

    def check(self) -> None:
        """Go on, or not.

        Raises:
            DeadlinePassed: it is that late.
        """
        if self.end_ns is not None and self.clock.monotonic_ns() >= self.end_ns:
            raise DeadlinePassed(self.says)

    def before_each(self, ask: Callable[_Asked, _Said]) -> Callable[_Asked, _Said]:
        """The same function, which looks at the time before each call."""

        def asked(*args: _Asked.args, **named: _Asked.kwargs) -> _Said:
            self.check()
            return ask(*args, **named)

        return asked


NEVER = Deadline(SystemClock(), None, "")
"""Work may take as long as it takes."""


def deadline_in(clock: Clock, seconds: float, says: str) -> Deadline:
    """So many seconds from now."""
    return Deadline(clock, clock.monotonic_ns() + round(seconds * NANOSECONDS_PER_SECOND), says)
