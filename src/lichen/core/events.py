"""What happened, as frozen records, and who is told: planes do not know what watches them."""

from typing import Protocol

from msgspec import Struct

from lichen.core.ids import TenantId

ANSWERED = "ok"
"""The outcome of a request that got its answer; any other is the name of an error's class."""


class Subject(Struct, frozen=True, gc=False):
    """What answered: a deployment, and the variant of a model's version behind it."""

    deployment: str
    model: str
    version: int
    variant: str


class Answered(Struct, frozen=True, gc=False):
    """One request came to its end.

    `queue_ns`, `compute_ns` and `total_ns` are durations: waiting for its batch, in the batch,
    and from the plane's door back to it. `nj` and `ng` are what its receipt says; None where
    there is no receipt (M5).
    """

    subject: Subject
    tenant: TenantId
    outcome: str
    rows: int
    queue_ns: int
    compute_ns: int
    total_ns: int
    nj: int | None
    ng: int | None


class Ran(Struct, frozen=True, gc=False):
    """One batch was run: CPU time of the work, and how long it took."""

    subject: Subject
    requests: int
    rows: int
    cpu_ns: int
    wall_ns: int


class Observer(Protocol):
    """Is told what happened; it must be quick and must not raise."""

    def answered(self, event: Answered) -> None:
        """One request came to its end; called on the event loop."""
        ...

    def ran(self, event: Ran) -> None:
        """One batch was run; called on the event loop."""
        ...


class NoObserver:
    """Nobody watches."""

    def answered(self, event: Answered) -> None:
        """Passed over."""

    def ran(self, event: Ran) -> None:
        """Passed over."""
