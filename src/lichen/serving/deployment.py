"""What the data plane is told to serve, and what it says it serves. No NumPy: control reads it."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from lichen.core.errors import InvalidInput
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.frameworks.devices import Device

DEPLOYMENTS = "deployments"
"""Document collection of `Deployment`, by name: written by control, read by the data plane."""
OBSERVED = "observed"
"""Document collection of `Observed`, by deployment name: written by the data plane."""
ASIDE = "aside"
"""Document collection of `Aside`, by deployment name: what was asked to be unloaded or loaded."""


Threads = int | Literal["auto"]
MOST_THREADS = 512


LONGEST_BATCH_WAIT_MS = 10_000


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What a deployment promises: `min_quality` relative to the full model, p95 latency.

    `batch_wait_ms` is how long a request waits for company when nothing else runs: not at all,
    unless somebody asks for it.
    """

    min_quality: float | None = None
    p95_ms: float | None = None
    batch_wait_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.min_quality is not None and not 0 <= self.min_quality <= 1:
            raise InvalidInput(f"min_quality is {self.min_quality:g}: give it from 0 to 1")
        if self.p95_ms is not None and not 0 < self.p95_ms < math.inf:
            raise InvalidInput(f"p95_ms is {self.p95_ms:g}: give milliseconds above 0")
        if not 0 <= self.batch_wait_ms <= LONGEST_BATCH_WAIT_MS:
            raise InvalidInput(
                f"batch_wait_ms is {self.batch_wait_ms:g}: give milliseconds, "
                f"0 to {LONGEST_BATCH_WAIT_MS}"
            )


@dataclass(frozen=True, slots=True)
class Placement:
    """What a model is to compute with: see `Deployment`."""

    threads: Threads | None = None
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Cheaper:
    """The deployment that answers when a budget degrades requests, and how good it is.

    `quality` is relative to the full model, None where nobody knows; `reference` is the version
    for which it was found, None where the operator states it of whatever is deployed there.
    """

    deployment: str
    quality: float | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and not 0 <= self.quality <= 1:
            raise InvalidInput(f"cheaper_quality is {self.quality:g}: give it from 0 to 1")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A name that clients call, and the model version behind it.

    `generation` grows with every change that control makes to the deployment. `threads` is how
    many a model computes with: more than one, and it runs in a process of its own (A1); None: one;
    `auto`: chosen by measurement when it is loaded. `device` is what it computes on; `auto`: a GPU
    only where there is one and it makes up for its power. `cheaper` answers in its place while a
    budget says so.
    """

    name: str
    model: str
    version: int
    variant: str = "fp32"
    tenant: TenantId = DEFAULT_TENANT
    level: ServiceLevel = ServiceLevel()
    generation: int = 1
    threads: Threads | None = None
    device: Device = "auto"
    cheaper: Cheaper | None = None

    def __post_init__(self) -> None:
        if isinstance(self.threads, int) and not 1 <= self.threads <= MOST_THREADS:
            raise InvalidInput(f"threads is {self.threads}: give 1 to {MOST_THREADS}, or auto")

    @property
    def reference(self) -> str:
        """The version behind it, as `NAME@V`."""
        return f"{self.model}@{self.version}"

    def runs_like(self, other: "Deployment") -> bool:
        """Would the loaded model of one do for the other, and charge the same account?

        A promise of speed matters to it only where threads are measured to keep it.
        """
        if self.threads == "auto" and self.level.p95_ms != other.level.p95_ms:
            return False
        return replace(self, generation=0, level=other.level, cheaper=other.cheaper) == replace(
            other, generation=0
        )

    def may_be_answered_by(self, other: "Deployment") -> bool:
        """May `other` stand in while a budget degrades? Its quality has to be known to suffice."""
        cheaper, floor = self.cheaper, self.level.min_quality
        if cheaper is None or cheaper.deployment != other.name or other.tenant != self.tenant:
            return False
        if floor is None:
            return True
        is_known = cheaper.reference in (None, other.reference)
        return is_known and cheaper.quality is not None and cheaper.quality >= floor


class State(StrEnum):
    """How far the data plane is with a deployment."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    UNLOADED = "unloaded"


@dataclass(frozen=True, slots=True)
class Observed:
    """What the data plane last did about one generation of a deployment.

    `loads` is the number of the wish to load it that this answers: see `Aside`.
    """

    name: str
    generation: int
    state: State
    message: str = ""
    loads: int = 0


@dataclass(frozen=True, slots=True)
class Aside:
    """What was last asked of the data plane about one generation of a deployment.

    `is_out`: it is not to be served until it is loaded again. `loads` counts the wishes to load
    it, so that each is a reason to try once more what failed before.
    """

    name: str
    generation: int
    is_out: bool = True
    loads: int = 0
