"""What the power model assumes of a machine: published spreads, by thread, TDP and GB (M2).

Each constant is a median and the 90 % interval of one more server, from the 240 SPECpower_ssj2008
results submitted from 2017 to 2021, watts at the wall, as collected by Cloud Carbon Footprint
(Apache-2.0). `benchmarks/power_model.py` fits and cross-validates them; a test recomputes them.
"""

from dataclasses import dataclass

MILLI = 1000
VERSION = "specpower-2017-2021 v2"


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and its 90 % interval, in milliwatts."""

    low_mw: int
    median_mw: int
    high_mw: int

    @property
    def watts(self) -> str:
        """As people read it: `3.26 W (1.19 to 4.1)`."""
        low, middle, high = (
            f"{one / MILLI:.3g}" for one in (self.low_mw, self.median_mw, self.high_mw)
        )
        return f"{middle} W ({low} to {high})"

    def times(self, factor: float) -> "Spread":
        """The same of so many, or of so much, rounded to milliwatts."""
        return Spread(
            round(self.low_mw * factor),
            round(self.median_mw * factor),
            round(self.high_mw * factor),
        )


@dataclass(frozen=True, slots=True)
class Ratios:
    """A median and its 90 % interval, without unit."""

    low: float
    median: float
    high: float

    def of(self, watts: float) -> Spread:
        """That share of so many watts."""
        milliwatts = MILLI * watts
        return Spread(
            round(self.low * milliwatts),
            round(self.median * milliwatts),
            round(self.high * milliwatts),
        )


@dataclass(frozen=True, slots=True)
class ModelParameters:
    """What one hardware thread draws idle, and what it draws more when it is busy.

    One milliwatt is one thousandth of a nanojoule per nanosecond. `idle` is a thread's share of
    the whole idle machine, its memory included; `base` is the same without memory, and absent
    where nobody took the two apart. `full` is a thread's share of the fully busy machine.
    """

    slope: Spread
    idle: Spread
    full: Spread
    source: str
    base: Spread | None = None


SPECPOWER_2017 = ModelParameters(
    slope=Spread(1186, 3258, 4100),
    idle=Spread(343, 555, 1166),
    full=Spread(1580, 3797, 5305),
    source=f"model {VERSION}",
    base=Spread(174, 331, 878),
)
"""slope = (watts at 100 % - watts at active idle) / hardware threads, idle = watts at active idle
/ hardware threads, full = watts at 100 % / hardware threads."""

MEMORY = Spread(23, 144, 392)
"""Milliwatts per installed GB, drawn whether it is used or not.

The median is what the same servers' idle watts give, regressed on threads, sockets and GB
(bootstrap over makers: 116 to 253). The ends are the extremes of what others published: 2 to 6
modules of 16 GB added under 1.5 W (github.com/GreenAlgorithms/green-algorithms-tool, issue 14),
and Cloud Carbon Footprint's mean of two makers' data sheets, 392 (Green Algorithms takes 373)."""


USUAL_GIB_PER_THREAD = 2.67
"""95 of 100 of those servers have no more: how far intervals of idling say something of memory."""


@dataclass(frozen=True, slots=True)
class TdpRelation:
    """Watts at the wall as a share of the sockets' TDP."""

    slope: Ratios
    idle: Ratios
    base: Ratios
    full: Ratios


TDP_RELATION = TdpRelation(
    slope=Ratios(0.590, 0.902, 1.078),
    idle=Ratios(0.115, 0.183, 0.351),
    base=Ratios(0.051, 0.115, 0.259),
    full=Ratios(0.818, 1.094, 1.249),
)
"""Over the 239 of those servers whose TDP codecarbon 3.3.2 knows."""


def parameters_of_tdp(tdp_w: float, threads: int, known_from: str) -> ModelParameters:
    """What a socket of that TDP and so many hardware threads draws, by thread.

    `known_from` says where the TDP comes from; it travels in the source of every figure (M2).
    """
    relation = TDP_RELATION
    by_thread = tdp_w / threads
    return ModelParameters(
        slope=relation.slope.of(by_thread),
        idle=relation.idle.of(by_thread),
        full=relation.full.of(by_thread),
        source=f"model {VERSION}, TDP {tdp_w:g} W ({known_from})",
        base=relation.base.of(by_thread),
    )
