"""What one forecast costs, by running it as it is served: assemble, ONNX core, restore."""

from dataclasses import dataclass
from statistics import median

import numpy as np

from lichen.core.batch import Batch
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.panel import Panel
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.training.forecasts.core import Fitted
from lichen.training.watch import EnergyGauge

ROUNDS = 25
FORECASTS_A_ROUND = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one forecast.

    Attributes:
        nj: nanojoules, the least of several rounds: whatever else the machine does can only add.
        guards: how many forecasts by the naive guard cost as much, the median of rounds run in
            turn with the guard's: a machine that is slow for a while is slow for both.
    """

    nj: int
    guards: float


class _Runner:
    """Makes forecasts of one origin and meters them."""

    def __init__(self, fitted: Fitted, panel: Panel, origin: int, gauge: EnergyGauge) -> None:
        self._fitted = fitted
        self._panel = panel
        self._rows = np.array([origin], dtype=np.int64)
        self._gauge = gauge
        self._predictor = OnnxPredictor(fitted.core.onnx())

    def round(self) -> int | None:
        """Nanojoules of one round."""
        specification = self._fitted.specification
        before = self._gauge.spent()
        for _ in range(FORECASTS_A_ROUND):
            assembled = assembled_at(specification, self._panel, self._rows)
            raw = self._predictor.predict(Batch({INPUT: assembled.features}))[OUTPUT]
            restore(specification, assembled, raw)
        after = self._gauge.spent()
        return None if before is None or after is None else after.nj - before.nj


def cost_of(
    fitted: Fitted, guard: Fitted, panel: Panel, origin: int, gauge: EnergyGauge
) -> Cost | None:
    """What a forecast by `fitted` costs; None where nothing meters it (M5)."""
    own = _Runner(fitted, panel, origin, gauge)
    beside = _Runner(guard, panel, origin, gauge)
    rounds = [(own.round(), beside.round()) for _ in range(ROUNDS)]
    metered = [(mine, its) for mine, its in rounds if mine and its]
    if not metered:
        return None
    return Cost(
        min(mine for mine, _ in metered) // FORECASTS_A_ROUND,
        median(mine / its for mine, its in metered),
    )
