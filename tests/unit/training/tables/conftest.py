"""Tables that are quickly trained on, and a gauge that counts CPU time."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.training.tables.rows import RawRows


class CpuGauge:
    """A watt a busy core."""

    ng: int | None = None

    def spent(self) -> EnergyFigure:
        nj = Nanojoules(time.process_time_ns())
        return EnergyFigure(nj, nj, nj, Method.MODELLED, "cpu")


def texts(values: list[str]) -> np.ndarray:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = [value.encode() for value in values]
    return made


def passengers(rows: int = 160, seed: int = 0) -> RawRows:
    """Mixed columns, of which some say something of `survived` and of `fare`."""
    generator = np.random.default_rng(seed)
    age = generator.uniform(1, 80, rows)
    sex = generator.choice(["male", "female"], rows)
    port = generator.choice(["Cherbourg", "Queenstown", "Southampton"], rows)
    crew = (generator.random(rows) < 0.3).astype(np.float64)
    ticket = [f"T{one}" for one in generator.integers(0, 40, rows)]
    score = 3.0 * (sex == "female") - 0.05 * age + 1.5 * crew + generator.normal(0, 0.6, rows)
    fare = 20 + 10 * (port == "Cherbourg") + 0.1 * age + generator.normal(0, 1, rows)
    holes = np.where(generator.random(rows) < 0.1, np.nan, age)
    days = np.datetime64("1912-01-01") + generator.integers(0, 200, rows)
    columns = {
        "age": holes,
        "sex": texts(list(sex)),
        "port": texts(list(port)),
        "crew": crew,
        "ticket": texts(ticket),
        "boarded": texts([str(day) for day in days]),
        "fare": fare,
        "survived": texts(["yes" if one > 0 else "no" for one in score]),
    }
    return RawRows(columns, {"fare": "GBP"}, frozenset({"crew"}))


@pytest.fixture
def draw() -> Callable[..., RawRows]:
    """Draws passengers: how many, and a seed."""
    return passengers


@pytest.fixture
def ship() -> RawRows:
    return passengers()


@pytest.fixture
def gauge() -> CpuGauge:
    return CpuGauge()
