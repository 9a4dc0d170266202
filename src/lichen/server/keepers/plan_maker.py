"""Makes a plan from what is known; loaded by name, since it brings NumPy and the solver."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from lichen.carbon.outlook.archive import ZoneHistory, before
from lichen.carbon.outlook.courses import LONGEST, PastCourses
from lichen.carbon.outlook.ensemble import EnsembleSource
from lichen.carbon.outlook.given import FixedEnsemble
from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.regular import RegularSeries
from lichen.control.planning.plan import Plan
from lichen.control.planning.planner import plan
from lichen.control.planning.workload import Site, Workload
from lichen.core.errors import LichenError, Unavailable
from lichen.frameworks.blas import one_blas_thread
from lichen.server.keepers.foreseen import Grid

_HOUR = timedelta(hours=1)


class PlanMaker:
    """Makes plans, one after the other; what an hour's past taught serves all of that hour."""

    def __init__(self) -> None:
        self._learnt: tuple[ZoneHistory, int, PastCourses] | None = None

    def made(self, workloads: Sequence[Workload], site: Site, grid: Grid, now: datetime) -> Plan:
        """A plan for all jobs; where nothing is foreseen they run at once, and it says why."""
        horizon = max((one.deadline - now for one in workloads), default=_HOUR)
        with one_blas_thread():
            try:
                source = self._source(grid, now)
                outlook = source.ensemble(grid.zone, now, min(max(horizon, _HOUR), LONGEST))
            except LichenError as silence:
                bare = plan(workloads, {}, (site,), now)
                return replace(bare, remarks=(*bare.remarks, f"nothing is foreseen: {silence}"))
            return plan(workloads, {grid.zone: outlook}, (site,), now)

    def _source(self, grid: Grid, now: datetime) -> EnsembleSource:
        if grid.constant is not None:
            return FixedEnsemble(grid.constant)
        if grid.history is None:
            raise Unavailable(grid.silence)
        hour = int(now.timestamp()) // HOUR_S
        if self._learnt is None or self._learnt[0] is not grid.history or self._learnt[1] != hour:
            courses = PastCourses(_regular(grid.history, now))
            self._learnt = (grid.history, hour, courses)
        return self._learnt[2]


def _regular(history: ZoneHistory, now: datetime) -> RegularSeries:
    """The hours that are over, one after the other.

    Raises:
        Unavailable: there is none.
    """
    hours = before(history.hours, now)
    if not hours:
        raise Unavailable(f"no hour of {history.zone} is known")
    first = min(hours)
    values = np.full(max(hours) - first + 1, np.nan)
    values[[hour - first for hour in hours]] = list(hours.values())
    start = datetime.fromtimestamp(first * HOUR_S, UTC)
    return RegularSeries(history.zone, start, _HOUR, values, ", ".join(history.sources))
