"""From a closed window of the meters to a booking of the ledger: the grams join the joules (L1)."""

from collections.abc import Sequence

from lichen.carbon.footprint import CarbonRate
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.core.figures import Method
from lichen.energy.closing import IDLE, METER
from lichen.energy.closing import Posting as Line
from lichen.energy.meter import Window
from lichen.energy.readers.counter_meter import SILENT

PARTLY_SILENT = ", in part silent"
"""Added to the meter's name where a counter was reset or could not be read for a while (M5)."""


def book(window: Window, lines: Sequence[Line], rate: CarbonRate) -> Booking:
    """The window with its grams, ready for `Ledger.record`; energy and carbon both sum to zero.

    Work keeps the grams of its receipts (A3). The other lines are priced here; what the host's
    making costs in the threads that nobody used falls to `idle`, and the meter pays for all.
    """
    uses = [_priced(line, window, rate) for line in lines if line.account != METER]
    paid = Posting(
        METER,
        sum(line.nj for line in lines if line.account == METER),
        -sum(use.ng for use in uses),
    )
    return Booking(window.started_at, window.ended_at, (paid, *uses), basis_of(window, rate))


def basis_of(window: Window, rate: CarbonRate) -> Basis:
    """On what the window's figures stand."""
    published = window.rate
    method, meter = published.method, published.source
    if window.silent_ns and method is Method.MEASURED:
        method = Method.MIXED
    if window.silent_ns and not meter.endswith(SILENT):
        meter += PARTLY_SILENT
    middle = published.nj_per_cpu_ns or 1.0
    made = rate.embodied
    kg = made.kg_per_thread or 1.0 if made else 1.0
    return Basis(
        rate.intensity,
        method,
        meter,
        round(published.low / middle, 2),
        round(published.high / middle, 2),
        rate.pue,
        made.source if made else None,
        round(made.kg_low / kg, 2) if made else None,
        round(made.kg_high / kg, 2) if made else None,
        None if published.idle_low is None else round(published.idle_low, 2),
        None if published.idle_high is None else round(published.idle_high, 2),
    )


def _priced(line: Line, window: Window, rate: CarbonRate) -> Posting:
    if line.ng is not None:
        return Posting(line.account, line.nj, line.ng, line.count)
    cpu_ns = line.cpu_ns if line.account != IDLE else _unused_ns(window, rate)
    return Posting(line.account, line.nj, rate.grams(line.nj, cpu_ns), line.count)


def _unused_ns(window: Window, rate: CarbonRate) -> int:
    if rate.embodied is None:
        return 0
    microseconds = round((window.ended_at - window.started_at).total_seconds() * 1_000_000)
    return max(0, rate.embodied.threads * microseconds * 1000 - window.busy_cpu_ns)
