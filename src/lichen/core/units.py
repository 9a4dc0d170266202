"""Quantities with their unit in the type: integers inside the ledger, floats only at the edges."""

from typing import NewType

Nanojoules = NewType("Nanojoules", int)
Nanograms = NewType("Nanograms", int)
CpuNanoseconds = NewType("CpuNanoseconds", int)

NANOJOULES_PER_JOULE = 1_000_000_000
NANOGRAMS_PER_GRAM = 1_000_000_000
NANOSECONDS_PER_SECOND = 1_000_000_000
NANOJOULES_PER_KWH = 3_600_000 * NANOJOULES_PER_JOULE


def joules(nanojoules: int) -> float:
    """Nanojoules as joules."""
    return nanojoules / NANOJOULES_PER_JOULE


def grams(nanograms: int) -> float:
    """Nanograms of CO2e as grams."""
    return nanograms / NANOGRAMS_PER_GRAM


_SCALES = ((1e18, "G"), (1e15, "M"), (1e12, "k"), (1e9, ""), (1e6, "m"), (1e3, "µ"), (1.0, "n"))


def readable(nano_quantity: int, symbol: str) -> str:
    """Three figures and a prefix: `readable(2130400, "J")` is `2.13 mJ`."""
    if nano_quantity == 0:
        return f"0 {symbol}"
    scale, prefix = next(
        ((scale, prefix) for scale, prefix in _SCALES if abs(nano_quantity) >= scale),
        _SCALES[-1],
    )
    return f"{nano_quantity / scale:.3g} {prefix}{symbol}"
