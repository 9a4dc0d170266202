"""Networks and statistical models beside the ridge and the trees, through the whole training.

Run as `python benchmarks/forecasting_networks.py [ALGORITHM ...]`; it needs `../shared/data`
beside the checkout, and the extras torch and statsforecast. Each is trained as
`lichen train forecast` trains it: chosen by nothing after 2013, scored on 2014.
"""

import csv
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import process_time_ns

import numpy as np

from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.watch import NoWatch

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WATTS_A_THREAD = 3.8
"""The median of M2: what counts here are ratios."""

ALGORITHMS = ("naive-week", "ridge", "ridge-calendar", "lightgbm", "mlp", "patch-transformer")


@dataclass(frozen=True, slots=True)
class ProcessorGauge:
    """The process's CPU time at a fixed power."""

    ng: int | None = None

    def spent(self) -> EnergyFigure:
        nj = Nanojoules(round(process_time_ns() * WATTS_A_THREAD))
        return EnergyFigure(nj, nj, nj, Method.MODELLED, "fixed power")


def victoria() -> Table:
    """Hourly means of demand and temperature, and the holidays."""
    with (DATA / "vic_electricity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = np.array([row["Time"].rstrip("Z") for row in rows[::2]], dtype="datetime64[s]")

    def hourly(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows]).reshape(-1, 2).mean(axis=1)

    columns = (
        Column("Demand", Dtype.NUMBER, "MW", Role.TARGET),
        Column("Temperature", Dtype.NUMBER, "degC", Role.KNOWN),
        Column("Holiday", Dtype.NUMBER, None, Role.KNOWN),
    )
    holiday = np.array([float(row["Holiday"] == "TRUE") for row in rows[::2]])
    arrays = {
        "Demand": hourly("Demand"),
        "Temperature": hourly("Temperature"),
        "Holiday": holiday,
    }
    return Table(times, columns, arrays)


def spec(algorithm: str) -> ForecastSpec:
    """A day ahead from local midnight."""
    return ForecastSpec(
        targets=("Demand",),
        horizon=24,
        known=("Temperature", "Holiday"),
        train_until=datetime(2012, 12, 31, 13, tzinfo=UTC),
        validate_until=datetime(2013, 12, 31, 13, tzinfo=UTC),
        test_until=datetime(2015, 1, 1, tzinfo=UTC),
        timezone="Australia/Melbourne",
        algorithm=algorithm,
    )


def main() -> None:
    table = victoria()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name in ("torch", "lightgbm", "statsforecast", "numpy"):
        try:
            print(f"  {name} {version(name)}")
        except ImportError:
            print(f"  {name} is not installed")
    print(f"{'algorithm':24}{'MAPE':>8}{'MASE':>8}{'mJ/forecast':>13}{'train CPU-s':>13}")
    for algorithm in sys.argv[1:] or ALGORITHMS:
        began = process_time_ns()
        result = execute(spec(algorithm), table, NoWatch(), ProcessorGauge())
        cpu_s = (process_time_ns() - began) / 1e9
        scores = {metric.name: metric.value for metric in result.metrics}
        chosen = next(one for one in result.candidates if one.chosen)
        millijoules = (chosen.nj_per_prediction or 0) / 1e6
        print(
            f"{result.algorithm:24}{scores['MAPE']:8.2f}{scores['MASE']:8.3f}"
            f"{millijoules:13.2f}{cpu_s:13.1f}",
            flush=True,
        )
        for one in result.candidates[2:]:
            print(f"    {one.score:.4f} {one.sentence}")


if __name__ == "__main__":
    main()
