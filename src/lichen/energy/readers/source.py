"""What a counter meter stands on: a source of energy that counts up, and may fall silent (M1)."""

from dataclasses import dataclass
from typing import Protocol

from lichen.core.figures import Method
from lichen.energy.steps import Instant


@dataclass(frozen=True, slots=True)
class Total:
    """Energy since the source was opened, in nanojoules; never goes back.

    `losses` counts the times that energy went unseen: a counter was reset, or jumped to where no
    power could have taken it.
    """

    nj: int
    losses: int


class EnergySource(Protocol):
    """One or several energy counters that together cover this host's processors."""

    @property
    def name(self) -> str:
        """What to call the meter that reads it: `rapl`, `kepler`, ..."""
        ...

    @property
    def method(self) -> Method:
        """Whether what it shows was measured or is itself a model's (M4)."""
        ...

    @property
    def source(self) -> str:
        """Which counters; it travels with every figure (M2)."""
        ...

    def total(self, at: Instant) -> Total:
        """The energy so far.

        Raises:
            Unavailable: it cannot be read now; it is asked again at the next look.
        """
        ...

    def close(self) -> None:
        """Let go of files, connections and threads."""
        ...
