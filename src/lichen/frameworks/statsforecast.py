"""Nixtla's StatsForecast: statistical models, fitted once, that forecast on from any window."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, Unavailable

Onward = Callable[[NDArray[np.float64], int], NDArray[np.float64]]
"""`(window, steps)` to what follows the window, `(steps,)`."""

MODELS: Mapping[str, Mapping[str, Any]] = {
    "AutoETS": {},
    "AutoCES": {},
    "AutoTheta": {"decomposition_type": "additive"},
    "DynamicOptimizedTheta": {"decomposition_type": "additive"},
    "MSTL": {},
}
"""Those that go on from another window without a new fit, and what each is made with."""


def fit_statistical(name: str, values: NDArray[np.float64], seasons: Sequence[int]) -> Onward:
    """A model fitted on one series, `(rows,)`.

    Args:
        name: one of `MODELS`.
        values: finite.
        seasons: rows of each season, the shortest first; `MSTL` takes all, the others the first.

    Raises:
        InvalidInput: it cannot be fitted on this series.
        Unavailable: StatsForecast is not installed.
    """
    try:
        from statsforecast import models
    except ImportError as missing:
        raise Unavailable(
            "StatsForecast is not installed: install lichen[statsforecast], or take another "
            "algorithm"
        ) from missing
    options = dict(MODELS[name])
    if name == "MSTL":
        options["season_length"] = list(seasons)
        options["trend_forecaster"] = models.AutoETS(model="ZZN")
    else:
        options["season_length"] = seasons[0]
    model = getattr(models, name)(**options)
    contiguous = np.ascontiguousarray(values, dtype=np.float64)
    try:
        model.fit(contiguous)
    except Exception as error:
        raise InvalidInput(
            f"statsforecast:{name} cannot be fitted on this series: {error}; take another"
        ) from error

    def onward(window: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
        said = model.forward(np.ascontiguousarray(window, dtype=np.float64), steps)["mean"]
        return np.asarray(said, dtype=np.float64)

    return onward
