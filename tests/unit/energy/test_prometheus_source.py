"""An exporter's counters as a source: other series than before, silence, and long answers."""

import pytest

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.readers.prometheus import PrometheusSource
from lichen.energy.steps import Instant

SECOND = 1_000_000_000


class Exporter:
    """Shows the joules of zones, moved by hand."""

    def __init__(self) -> None:
        self.zones = {"package": 100.0, "dram": 10.0}
        self.seconds = 0
        self.source = PrometheusSource(self.get, "exporter", self.now)

    def now(self) -> Instant:
        return Instant(self.seconds * SECOND, self.seconds * SECOND)

    def get(self) -> bytes:
        line = 'kepler_node_cpu_joules_total{{zone="{}"}} {}\n'
        return "".join(line.format(*zone) for zone in self.zones.items()).encode()

    def second(self, **joules: float) -> tuple[float, int]:
        """Count on and look: joules so far, and how often some were lost."""
        self.seconds += 1
        for zone, more in joules.items():
            self.zones[zone] = self.zones.get(zone, 500.0) + more
        self.source._scraper.ask()
        total = self.source.total(self.now())
        return total.nj / SECOND, total.losses


def test_zones_are_counted_each_by_its_own_steps() -> None:
    exporter = Exporter()
    assert (exporter.source.name, exporter.source.method) == ("kepler", Method.MEASURED)
    assert exporter.second(package=7, dram=1) == (8, 0)
    exporter.zones["dram"] = 0.0
    assert exporter.second(package=7) == (15, 0)
    assert exporter.second(package=7, dram=2) == (24, 1)


def test_a_zone_that_appears_brings_no_energy_of_before() -> None:
    exporter = Exporter()
    assert exporter.second(package=7) == (7, 0)
    nj, losses = exporter.second(**{"package-1": 3.0})
    assert (nj, losses) == (7, 1)
    assert exporter.second(**{"package": 1.0, "package-1": 3.0}) == (11, 1)


def test_a_zone_that_goes_away_takes_nothing_back() -> None:
    exporter = Exporter()
    exporter.second(package=7, dram=5)
    del exporter.zones["dram"]
    assert exporter.second() == (12, 1)
    assert exporter.second(package=2) == (14, 1)


def test_an_answer_without_energy_is_told_with_the_exporters_name() -> None:
    exporter = Exporter()
    exporter.zones = {}
    with pytest.raises(Unavailable, match="kepler at exporter: the endpoint shows neither"):
        exporter.second()


def test_a_thread_that_no_longer_asks_is_noticed() -> None:
    exporter = Exporter()
    exporter.second(package=1)
    exporter.seconds += 46
    with pytest.raises(Unavailable, match="has not answered for a while"):
        exporter.source.total(exporter.now())


def test_an_exporter_that_is_not_there_makes_no_source() -> None:
    def refuse() -> bytes:
        raise Unavailable("exporter does not answer")

    with pytest.raises(Unavailable, match="does not answer"):
        PrometheusSource(refuse, "exporter", lambda: Instant(0, 0))
