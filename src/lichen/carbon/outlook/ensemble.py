"""What may come of a zone's intensity as equally likely courses: what a decision stands on.

Quantiles hour by hour do not say whether a clean hour is followed by another. Whether to wait does
depend on it, so the planner asks for whole courses, which keep what hours have in common.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Equally likely courses of one zone's intensity.

    Attributes:
        zone: the zone.
        issued_at: what was known by then was used, and nothing later.
        start: when the first step begins; the step that holds `issued_at` is the first of use.
        step: how long each is.
        members: gCO2e/kWh `(members, steps)`; one member is a point forecast.
        source: who says so, with version.
        method: in one word, as of an `Outlook`; `perfect` where it is the truth.
    """

    zone: str
    issued_at: datetime
    start: datetime
    step: timedelta
    members: NDArray[np.float64]
    source: str
    method: str = "model"

    def __post_init__(self) -> None:
        if self.members.ndim != 2 or 0 in self.members.shape:
            raise InvalidInput(f"{self.source}: an ensemble without a course or a step is none")

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of the courses, step by step `(steps,)`."""
        return np.asarray(self.members.mean(axis=0), dtype=np.float64)

    @property
    def end(self) -> datetime:
        """The first moment after the last step."""
        return self.start + len(self.members[0]) * self.step


class EnsembleSource(Protocol):
    """Who foresees courses."""

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """Courses over [now, now + horizon), by what was known at `now` alone.

        Raises:
            NotFound: it does not know the zone.
            Unavailable: it knows the zone, and has nothing to say of that time.
        """
        ...
