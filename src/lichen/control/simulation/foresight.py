"""The forecasts that a simulation can be told to stand on, by the name of `--forecast`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lichen.carbon.outlook.courses import PastCourses
from lichen.carbon.outlook.ensemble import EnsembleSource
from lichen.carbon.outlook.given import NoisyEnsemble, PersistentEnsemble, ReplayEnsemble
from lichen.carbon.outlook.regular import RegularSeries
from lichen.control.simulation.grid import Grid
from lichen.core.errors import InvalidInput

FORECASTS = "perfect, outlook, persistence, or noise:SHARE such as noise:0.05"

_GIVEN: dict[str, Callable[[RegularSeries], EnsembleSource]] = {
    "perfect": ReplayEnsemble,
    "outlook": PastCourses,
    "persistence": PersistentEnsemble,
}


def foresight(name: str, grid: Grid, seed: int = 0) -> EnsembleSource:
    """What foresees a grid.

    Args:
        name: `perfect` knows all; `outlook` and `persistence` know what was over by each decision;
            `noise:0.05` knows all but for an error of 5 % of the mean, drawn once a step.
        grid: the intensities as they come true.
        seed: of the errors.

    Raises:
        InvalidInput: there is no such forecast.
    """
    series = RegularSeries(
        grid.zone,
        datetime.fromtimestamp(grid.start_s, UTC),
        timedelta(seconds=grid.step_s),
        grid.values,
        grid.name,
    )
    kind, _, share = name.partition(":")
    if kind == "noise":
        return NoisyEnsemble(series, _share(name, share), seed)
    if name not in _GIVEN:
        raise InvalidInput(f"there is no forecast {name!r}: take {FORECASTS}")
    return _GIVEN[name](series)


def _share(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise InvalidInput(f"the forecast {name!r} has no share of 0 or more: take {FORECASTS}")
    return share
