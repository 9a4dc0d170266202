"""A receipt in one line for people."""

from lichen.core.figures import Receipt
from lichen.core.units import readable


def receipt_line(receipt: Receipt) -> str:
    """Joules and grams with their intervals, how they were obtained, and for which zone."""
    energy = receipt.energy
    line = (
        f"{readable(energy.nj, 'J')} ({readable(energy.nj_low, 'J')} to "
        f"{readable(energy.nj_high, 'J')}, {energy.method.value})"
    )
    if receipt.carbon is None:
        return line + ", carbon not known"
    carbon = receipt.carbon
    return (
        f"{line}, {readable(carbon.ng, 'gCO2e')} ({readable(carbon.ng_low, 'g')} to "
        f"{readable(carbon.ng_high, 'g')}, {carbon.zone})"
    )
