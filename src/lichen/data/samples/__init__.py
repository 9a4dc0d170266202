"""Real data that ships with the package: where it is, and how it is read."""

from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import NotFound
from lichen.data.options import IngestOptions

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sample:
    """A packaged file; `PROVENANCE.md` beside it says where each came from, and its licence."""

    name: str
    title: str
    path: Path
    options: IngestOptions
    attribution: str


VICTORIA_2014 = Sample(
    name="victoria-2014",
    title="electricity demand of Victoria, Australia, each half-hour of 2014, with temperature",
    path=_HERE / "victoria_2014.parquet",
    options=IngestOptions(
        time="Time",
        timezone="Australia/Melbourne",
        targets=("Demand",),
        known=("Temperature", "WorkDay"),
        units={"Demand": "GW", "Temperature": "°C"},
    ),
    attribution="Australian Energy Market Operator (AEMO); Australian Bureau of Meteorology",
)

SAMPLES = {VICTORIA_2014.name: VICTORIA_2014}


def sample(name: str) -> Sample:
    """The sample of that name.

    Raises:
        NotFound: there is none; the message lists what there is.
    """
    if name not in SAMPLES:
        raise NotFound(f"no sample is called {name!r}; there are: {', '.join(SAMPLES)}")
    return SAMPLES[name]
