"""What adaptation of the width is worth: served intervals over the last two months of 2014.

    python benchmarks/adaptation.py

Victoria's demand (the packaged sample), 48 half-hours from local midnight. A model is trained as
`lichen train forecast` would, and left alone. Each day its forecast is asked for as it is served;
then that day's truth arrives and the width is adapted, as `lichen data append` does every day.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.clock import SystemClock
from lichen.data.datasets import Datasets
from lichen.data.samples import VICTORIA_2014
from lichen.data.table import Table, seconds64
from lichen.evaluation.scores import coverage, pinball
from lichen.forecasting.panel import Panel
from lichen.forecasting.quantiles import Width
from lichen.server.keepers.adaptation import panel_of
from lichen.serving.adaptation import due, judge
from lichen.serving.forecaster import ForecastAdapter, ForecastPredictor
from lichen.store.blobs import MemoryBlobs
from lichen.store.documents import MemoryDocuments
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.watch import NoGauge, NoWatch

TARGETS, KNOWN = ("Demand",), ("Temperature", "WorkDay")
ZONE = "Australia/Melbourne"
NOVEMBER = datetime(2014, 10, 31, 13, tzinfo=UTC)
OF_OLD = (datetime(2014, 3, 31, 13, tzinfo=UTC), datetime(2014, 5, 31, 14, tzinfo=UTC))
OF_LATE = (datetime(2014, 8, 31, 14, tzinfo=UTC), NOVEMBER)


@dataclass(frozen=True, slots=True)
class Served:
    """One way to serve the days: `(days, horizon, series, levels)` beside the truth."""

    quantiles: NDArray[np.float64]
    truth: NDArray[np.float64]
    width: Width

    def cells(self, levels: tuple[float, ...]) -> tuple[float, float, float]:
        """Coverage of the outermost interval in %, its mean width in MW, mean pinball in MW."""
        wide = float(np.mean(self.quantiles[..., -1] - self.quantiles[..., 0]))
        lost = pinball(self.truth, self.quantiles, levels)
        return coverage(self.truth, self.quantiles), 1e3 * wide, 1e3 * lost


def sample() -> Table:
    """The packaged year."""
    with TemporaryDirectory() as folder:
        datasets = Datasets(MemoryDocuments(), MemoryBlobs(), SystemClock(), Path(folder))
        version = datasets.ingest("victoria", VICTORIA_2014.path, VICTORIA_2014.options)
        return datasets.read(version, (*TARGETS, *KNOWN))


def trained(table: Table, algorithm: str, until: tuple[datetime, datetime]) -> ForecastPredictor:
    """A model that saw nothing at or after the second moment, as it is served."""
    spec = ForecastSpec(
        targets=TARGETS,
        known=KNOWN,
        horizon=48,
        timezone=ZONE,
        algorithm=algorithm,
        train_until=until[0],
        validate_until=until[1],
    )
    made = execute(spec, table, NoWatch(), NoGauge())
    return ForecastAdapter().load(made.files, made.signature)


def asked(predictor: ForecastPredictor, panel: Panel, row: int) -> Array:
    """The quantiles that a caller gets at a row."""
    said = predictor.specification
    arrays: dict[str, Array] = {
        "history": panel.values[None, row - said.context : row].astype(np.float32),
        "start": np.array([f"{panel.time_of(np.array([row]))[0]}Z".encode()], dtype=np.object_),
    }
    if said.known:
        arrays["known"] = panel.known[None, row : row + said.horizon].astype(np.float32)
        arrays["past"] = panel.known[None, row - said.past : row].astype(np.float32)
    quantiles: Array = predictor.predict(Batch(arrays))["quantiles"][0]
    return quantiles


def served(predictor: ForecastPredictor, panel: Panel, since: datetime, *, adapts: bool) -> Served:
    """Every day from `since` on is truth; those of November and December are scored."""
    said = predictor.specification
    width, until = Width.neutral(said), seconds64(since)
    quantiles, truth = [], []
    for row in due(said, panel, until).tolist():
        predictor.widen(width)
        if panel.time_of(np.array([row]))[0] >= seconds64(NOVEMBER):
            quantiles.append(asked(predictor, panel, row))
            truth.append(panel.values[row : row + said.horizon])
        if adapts:
            judged = judge(predictor, panel.until(row + said.horizon), width, until)
            width, until = judged.width, judged.until
    return Served(np.stack(quantiles).astype(np.float64), np.stack(truth), width)


def rows(table: Table) -> Iterator[tuple[object, ...]]:
    """One for each model and way to serve it."""
    for age, until in (("October", OF_LATE), ("May", OF_OLD)):
        for algorithm in ("naive-week", "ridge", "ridge-calendar"):
            predictor = trained(table, algorithm, until)
            said = predictor.specification
            panel = panel_of(table, said, TARGETS, None)
            for adapts in (False, True):
                one = served(predictor, panel, until[1], adapts=adapts)
                ended = one.width.factors[0]
                yield (algorithm, age, adapts, len(one.truth), *one.cells(said.levels), ended)


def main() -> int:
    """Print the table."""
    began = process_time()
    print("Victoria's demand, 80 % interval of the next 48 half-hours, each midnight of November")
    print("and December 2014; nothing refitted, the width adapted daily from the training's end on")
    head = ("model", "data until", "width", "days", "cover %", "wide, MW", "pinball, MW", "factor")
    print("  " + "".join(f"{name:>15}" for name in head))
    for algorithm, age, adapts, days, *figures in rows(sample()):
        cells = (algorithm, age, "adapted" if adapts else "as shipped", days)
        shown = [f"{figure:.2f}" for figure in figures]
        print("  " + "".join(f"{cell!s:>15}" for cell in (*cells, *shown)), flush=True)
    print(f"  {process_time() - began:.1f} CPU-s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
