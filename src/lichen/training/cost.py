"""What one forecast costs, by running it as it is served: assemble, ONNX core, restore."""

import numpy as np

from lichen.core.batch import Batch
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.panel import Panel
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.training.core import Fitted
from lichen.training.watch import EnergyGauge

ROUNDS = 7
FORECASTS_A_ROUND = 24


def nj_per_forecast(fitted: Fitted, panel: Panel, origin: int, gauge: EnergyGauge) -> int | None:
    """Nanojoules of one forecast: CPU time by the gauge's rate, the least of several rounds.

    The least, because whatever else the machine does can only add. None where nothing meters.
    """
    predictor = OnnxPredictor(fitted.core.onnx())
    rounds = [_round(fitted, predictor, panel, origin, gauge) for _ in range(ROUNDS)]
    predictor.close()
    metered = [spent for spent in rounds if spent is not None]
    return min(metered) // FORECASTS_A_ROUND if metered else None


def _round(
    fitted: Fitted, predictor: OnnxPredictor, panel: Panel, origin: int, gauge: EnergyGauge
) -> int | None:
    rows = np.array([origin], dtype=np.int64)
    before = gauge.spent()
    for _ in range(FORECASTS_A_ROUND):
        assembled = assembled_at(fitted.specification, panel, rows)
        raw = predictor.predict(Batch({INPUT: assembled.features}))[OUTPUT]
        restore(fitted.specification, assembled, raw)
    after = gauge.spent()
    return None if before is None or after is None else after.nj - before.nj
