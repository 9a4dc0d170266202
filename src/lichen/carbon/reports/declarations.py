"""What the operator declares for reports: the platform cannot know it, and says who said it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """A factor with who stands for it; `source` None: nobody does yet."""

    value: float
    source: str | None


@dataclass(frozen=True, slots=True)
class MarketFactor:
    """gCO2e per kWh by a contract, a supplier or a residual mix (GHG Protocol scope 2)."""

    g_per_kwh: float
    instrument: str | None
    source: str | None
    evidence: str | None

    @property
    def lacks(self) -> list[str]:
        """The settings without which nobody could check it."""
        said = {
            "market_instrument": self.instrument,
            "market_source": self.source,
            "market_evidence": self.evidence,
        }
        return [name for name, text in said.items() if not text]


@dataclass(frozen=True, slots=True)
class Declarations:
    """All of it; None where nothing is declared. `ownership` is `owned` or `rented`."""

    organisation: str | None = None
    ownership: str | None = None
    market: MarketFactor | None = None
    direct: Declared | None = None
    upstream: Declared | None = None
    water_l_per_kwh: Declared | None = None


NOTHING_DECLARED = Declarations()
