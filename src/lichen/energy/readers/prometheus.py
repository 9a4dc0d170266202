"""Kepler's or Scaphandre's counters of this host, through their Prometheus endpoint (M1).

Kepler from 0.10: `kepler_node_cpu_joules_total{zone,path,node_name}`, of which the zones `package`
and `dram` are summed. Kepler before: `kepler_node_package_joules_total` and
`kepler_node_dram_joules_total`, whose `mode`s `idle` and `dynamic` add up; `kepler_node_info` says
whether a counter stood behind them or Kepler's own estimator. Scaphandre from 0.1:
`scaph_host_energy_microjoules`: the platform's counter (`psys`) where there is one, otherwise the
packages and their memory. Gauges of power are not read (M1).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.host_cpu import HostCpu
from lichen.energy.readers.counter_meter import Clocks, CounterMeter
from lichen.energy.readers.exposition import Sample, samples
from lichen.energy.readers.scraping import Endpoint, Scrape, Scraper
from lichen.energy.readers.source import Total
from lichen.energy.steps import Instant, Steps

NANOJOULES_PER_JOULE = 1_000_000_000
NANOJOULES_PER_MICROJOULE = 1000
MOST_WATTS = 20_000.0
"""No single host draws as much."""
STALE_NS = 45 * NANOSECONDS_PER_SECOND
"""How old the last answer may be: longer than the scraper ever waits between two questions."""
STILL_NS = 180 * NANOSECONDS_PER_SECOND
"""Exporters look at their counters each 3 to 60 seconds; longer, and nothing is counted."""
_HOST_LABELS = ("node_name", "instance", "hostname")


@dataclass(frozen=True, slots=True)
class Exposed:
    """The series that cover this host, in one exporter's way."""

    exporter: str
    method: Method
    series: tuple[tuple[str, int], ...]

    @property
    def zones(self) -> str:
        """How many series there are, for the source's name."""
        return f"{self.exporter} {len(self.series)} series"


def exposed(body: bytes) -> Exposed:
    """What an endpoint shows of this host, in nanojoules.

    Raises:
        Unavailable: it shows no energy of a host, or of several, or garbage.
    """
    for read in (_kepler, _kepler_before, _scaphandre):
        found = read(body)
        if found is not None:
            return found
    raise Unavailable(
        "the endpoint shows neither kepler_node_cpu_joules_total nor "
        "scaph_host_energy_microjoules: give the address of Kepler's or Scaphandre's exporter "
        "on this machine"
    )


def _kepler(body: bytes) -> Exposed | None:
    wanted = (
        one
        for one in samples(body, "kepler_node_cpu_joules_total")
        if one.label("zone").startswith("package") or one.label("zone") == "dram"
    )
    return _exposed("kepler", Method.MEASURED, wanted, NANOJOULES_PER_JOULE)


def _kepler_before(body: bytes) -> Exposed | None:
    wanted = (
        one
        for metric in ("kepler_node_package_joules_total", "kepler_node_dram_joules_total")
        for one in samples(body, metric)
    )
    estimated = any(
        one.label("components_power_source") == "estimator"
        for one in samples(body, "kepler_node_info")
    )
    method = Method.MODELLED if estimated else Method.MEASURED
    return _exposed("kepler", method, wanted, NANOJOULES_PER_JOULE)


def _scaphandre(body: bytes) -> Exposed | None:
    wanted = samples(body, "scaph_host_energy_microjoules")
    return _exposed("scaphandre", Method.MEASURED, wanted, NANOJOULES_PER_MICROJOULE)


def _exposed(
    exporter: str, method: Method, wanted: Iterable[Sample], nanojoules: int
) -> Exposed | None:
    found = list(wanted)
    for label in _HOST_LABELS:
        hosts = {one.label(label) for one in found}
        if len(hosts) > 1:
            raise Unavailable(
                f"the endpoint shows {len(hosts)} hosts ({label}): "
                "give the address of the exporter on this machine, not that of a collector"
            )
    series = {_key(one): round(one.value * nanojoules) for one in found}
    return Exposed(exporter, method, tuple(sorted(series.items()))) if series else None


def _key(one: Sample) -> str:
    return f"{one.metric}{one.labels}"


class PrometheusSource:
    """The energy of this host as an exporter counts it.

    Raises:
        Unavailable: it does not answer, or shows no energy of this host.
    """

    def __init__(self, get: Callable[[], bytes], host: str, instant: Callable[[], Instant]) -> None:
        shown = exposed(get())
        at = instant()
        self.name = shown.exporter
        self.method = shown.method
        self.source = f"{shown.exporter} at {host}"
        self._steps = {key: Steps(nj, at, MOST_WATTS) for key, nj in shown.series}
        self._heard = at
        self._trouble: str | None = None
        self._ended_nj = self._ended_losses = 0
        self._scraper = Scraper(get, instant)

    def start(self) -> None:
        """Go on asking, from a thread."""
        self._scraper.start()

    def total(self, at: Instant) -> Total:
        """What the last answer said.

        Raises:
            Unavailable: the last answer was none, or garbage; or the counters stand still.
        """
        heard = self._scraper.latest()
        if heard is not None:
            self._trouble = self._take(heard)
        if self._trouble is not None:
            raise Unavailable(self._trouble)
        if at.awake_ns - self._heard.awake_ns > STALE_NS:
            raise Unavailable(f"{self.source} has not answered for a while")
        if at.awake_ns - max(one.moved.awake_ns for one in self._steps.values()) > STILL_NS:
            raise Unavailable(f"the counters of {self.source} stand still")
        nj = sum(one.total_nj for one in self._steps.values())
        return Total(
            self._ended_nj + nj,
            self._ended_losses + sum(one.losses for one in self._steps.values()),
        )

    def _take(self, heard: Scrape) -> str | None:
        """Why the answer cannot be used; None when it was."""
        if heard.trouble is not None:
            return heard.trouble
        try:
            shown = exposed(heard.body)
        except Unavailable as error:
            return f"{self.source}: {error}"
        self._heard = heard.at
        self.method = shown.method
        series = dict(shown.series)
        if series.keys() != self._steps.keys():
            self._begin_anew(series, heard.at)
        for key, nj in series.items():
            self._steps[key].take(nj, heard.at)
        return None

    def _begin_anew(self, series: dict[str, int], at: Instant) -> None:
        """Other series than before (a restart, another version): what they count is a new start."""
        self._ended_nj += sum(one.total_nj for one in self._steps.values())
        self._ended_losses += 1 + sum(one.losses for one in self._steps.values())
        self._steps = {key: Steps(nj, at, MOST_WATTS) for key, nj in series.items()}

    def close(self) -> None:
        """Stop asking."""
        self._scraper.stop()


class PrometheusMeter(CounterMeter):
    """A counter meter on an exporter's endpoint.

    Raises:
        InvalidInput: `url` is no address.
        Unavailable: nothing answers there, or no energy of this host is shown.
    """

    def __init__(
        self,
        url: str,
        host: HostCpu | None = None,
        threads: int | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        endpoint = Endpoint(url)
        chosen = clocks or Clocks()
        source = PrometheusSource(endpoint.get, endpoint.host, chosen.instant)
        super().__init__(source, host, threads, chosen)
        source.start()
