"""From nanojoules to nanograms: intensity x PUE + the embodied share of the host (C1, C3)."""

from dataclasses import dataclass
from datetime import datetime

from lichen.carbon.intensity import IntensityValue
from lichen.core.errors import InvalidInput
from lichen.core.figures import CarbonFigure, EnergyFigure, Receipt
from lichen.core.units import (
    NANOGRAMS_PER_GRAM,
    NANOJOULES_PER_KWH,
    NANOSECONDS_PER_SECOND,
    Nanograms,
)

NANOSECONDS_PER_YEAR = 31_557_600 * NANOSECONDS_PER_SECOND

DEFAULT_HOST = "default: Dell R740, 1200 kg on 48 threads"


@dataclass(frozen=True, slots=True)
class HostEmbodied:
    """What making the host cost, spread over its life and its hardware threads (ISO/IEC 21031).

    The default is a Dell R740: 1,200 kg on 48 hardware threads over 4 years (the baseline of
    Cloud Carbon Footprint v3), so 25 kg a thread; 10 to 90 kg is the range from a server without
    SSDs to Dell's own life-cycle assessment with eight of them (4,289 kg).
    """

    threads: int
    kg_per_thread: float = 25.0
    kg_low: float = 10.0
    kg_high: float = 90.0
    life_years: float = 4.0
    source: str = f"{DEFAULT_HOST} over 4 years"

    def __post_init__(self) -> None:
        if self.threads < 1 or self.life_years <= 0:
            raise InvalidInput(
                "embodied carbon of the host needs at least one thread and a life above 0 years"
            )
        if not 0 <= self.kg_low <= self.kg_per_thread <= self.kg_high:
            raise InvalidInput(
                f"embodied carbon {self.kg_per_thread:g} kg a thread lies outside its interval "
                f"{self.kg_low:g} to {self.kg_high:g}"
            )

    def ng_per_cpu_ns(self, kg_per_thread: float) -> float:
        """Nanograms for one nanosecond of one hardware thread."""
        grams = kg_per_thread * 1000
        return grams * NANOGRAMS_PER_GRAM / (self.life_years * NANOSECONDS_PER_YEAR)


@dataclass(frozen=True, slots=True)
class CarbonRate:
    """The grams of a joule and of a CPU-nanosecond, at one zone and moment."""

    intensity: IntensityValue
    pue: float = 1.0
    embodied: HostEmbodied | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.pue <= 10:
            raise InvalidInput(
                f"a PUE of {self.pue:g} cannot be: it is the building's energy over the computers'"
            )

    def grams(self, nj: int, cpu_ns: int = 0) -> Nanograms:
        """Nanograms of this much energy and CPU time; signed as they are."""
        return self._ng(nj, cpu_ns, self.intensity.g_per_kwh, self._kg_per_thread())

    def figure(self, energy: EnergyFigure, cpu_ns: int = 0) -> CarbonFigure:
        """The carbon of an energy figure.

        The ends of the interval take the same end of energy, intensity and embodied carbon at
        once: wider than 90 %, since nobody knows how they depend on each other.
        """
        embodied = self.embodied
        low = embodied.kg_low if embodied else 0.0
        high = embodied.kg_high if embodied else 0.0
        return CarbonFigure(
            self.grams(energy.nj, cpu_ns),
            self._ng(energy.nj_low, cpu_ns, self.intensity.low, low),
            self._ng(energy.nj_high, cpu_ns, self.intensity.high, high),
            self.intensity.zone,
            self.source,
        )

    @property
    def source(self) -> str:
        """Where the grams come from, in one line."""
        parts = [self.intensity.source, f"PUE {self.pue:g}"]
        if self.embodied is not None:
            parts.append(f"embodied {self.embodied.source}")
        return "; ".join(parts)

    def _kg_per_thread(self) -> float:
        return self.embodied.kg_per_thread if self.embodied else 0.0

    def _ng(self, nj: int, cpu_ns: int, g_per_kwh: float, kg_per_thread: float) -> Nanograms:
        operational = nj * g_per_kwh * self.pue * NANOGRAMS_PER_GRAM / NANOJOULES_PER_KWH
        if self.embodied is None:
            return Nanograms(round(operational))
        return Nanograms(round(operational + cpu_ns * self.embodied.ng_per_cpu_ns(kg_per_thread)))


def issue_receipt(
    energy: EnergyFigure,
    rate: CarbonRate | None,
    moment: datetime,
    cpu_ns: int = 0,
    variant: str | None = None,
) -> Receipt:
    """The final receipt of one unit of work (A3); without a rate its carbon is absent (M5)."""
    carbon = None if rate is None else rate.figure(energy, cpu_ns)
    return Receipt(energy, carbon, int(moment.timestamp()), variant)
