"""What levers saved: a stated baseline less what happened, both by the same ledger (never in it).

A saving may be negative, and is absent where nobody can know its baseline (M5). Nothing here is
booked, and no total contains it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.shares import Extent, Share
from lichen.carbon.levers import DeferredJob, DegradedRequests
from lichen.carbon.reports.activity import Activity, activity
from lichen.carbon.reports.amounts import Amount, exactly
from lichen.carbon.reports.footprints import Footprint
from lichen.carbon.reports.savings import Saving
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH

_NG_PER_NJ = Fraction(NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH)
"""Nanograms of one nanojoule at 1 g/kWh."""
_AS_BOOKED = "the ledger's own figures, sealed entries alone"
_NAME = 2


@dataclass(frozen=True, slots=True)
class Deeds:
    """What levers did in a span."""

    degraded: Sequence[DegradedRequests] = ()
    deferred: Sequence[DeferredJob] = ()


HourShares = Callable[[datetime], Sequence[Share]]
"""What the ledger holds of the hour that a moment lies in, or of the span it was rolled up to."""


def savings(
    extent: Extent, shares: Sequence[Share], deeds: Deeds, hour_of: HourShares
) -> tuple[Saving, ...]:
    """Every lever that did something in the span, with what it saved.

    Args:
        extent: how far the entries reach.
        shares: what each account got on each basis in the span.
        deeds: what was done in it.
        hour_of: the ledger around a moment, for what an hour's grid was.
    """
    made = activity(extent, shares)
    pairs = sorted({(one.asked, one.answered_by) for one in deeds.degraded})
    found = [_of_degrading(made, *pair, _requests(deeds.degraded, *pair)) for pair in pairs]
    if deeds.deferred:
        found.append(_of_deferring(shares, deeds.deferred, hour_of))
    found += [_UNRECORDED_RUNTIME, _UNRECORDED_BATCHING] if found else []
    return tuple(found)


def _requests(degraded: Iterable[DegradedRequests], asked: str, by: str) -> int:
    return sum(one.requests for one in degraded if (one.asked, one.answered_by) == (asked, by))


def _of_degrading(made: Activity, asked: str, by: str, requests: int) -> Saving:
    """Requests that a cheaper deployment answered, at the mean cost of each deployment."""
    name, label = f"degraded.{asked}.{by}", f"{requests} requests to {asked} answered by {by}"
    baseline = (
        f"{requests} requests at the mean of {asked} in this span, each deployment's own work"
    )
    dearer, cheaper = _deployment(made, asked), _deployment(made, by)
    for deployment, own in ((asked, dearer), (by, cheaper)):
        if not own.units:
            return _absent(
                name, label, baseline, f"the ledger holds no request that {deployment} answered"
            )
    energy = _at_mean(dearer.energy, dearer, requests) - _at_mean(cheaper.energy, cheaper, requests)
    carbon = _at_mean(dearer.total, dearer, requests) - _at_mean(cheaper.total, cheaper, requests)
    said = (
        f"{_AS_BOOKED}: {asked} {dearer.units} requests, {by} {cheaper.units}; requests counted by "
        "the data plane"
    )
    return Saving(name, label, baseline, energy, carbon, (dearer + cheaper).method, said)


def _deployment(made: Activity, name: str) -> Footprint:
    """A deployment's own work; its accounts are `work/<tenant>/<deployment>/...`."""
    own = [
        one
        for account, one in made.work().items()
        if account.split("/")[_NAME : _NAME + 1] == [name]
    ]
    return sum(own, Footprint())


def _at_mean(amount: Amount, own: Footprint, requests: int) -> Amount:
    return amount.times(Fraction(requests, own.units))


def _of_deferring(
    shares: Sequence[Share], jobs: Sequence[DeferredJob], hour_of: HourShares
) -> Saving:
    """The same joules at the grid of the hour in which each job was submitted."""
    name = "deferred.jobs"
    baseline = "the same joules at the mean intensity and PUE booked in the hour of submission"
    parts, unknown = [], 0
    for job in jobs:
        part = _moved(shares, job, hour_of(job.submitted_at))
        parts += [] if part is None else [part]
        unknown += part is None
    label = f"{len(parts)} jobs that waited for a budget"
    if not parts:
        why = "the ledger holds nothing of the hours in which they were submitted, or of their work"
        return _absent(name, label, baseline, why)
    missing = (
        f"; {unknown} more whose hour of submission or work it does not hold" if unknown else ""
    )
    methods = {share.basis.method.value for share in shares}
    method = methods.pop() if len(methods) == 1 else "mixed"
    carbon = sum(parts, Amount())
    return Saving(name, label, baseline, Amount(), carbon, method, _AS_BOOKED + missing)


def _moved(shares: Sequence[Share], job: DeferredJob, submitted: Sequence[Share]) -> Amount | None:
    """Nanograms that a job's electricity would have been more, in the hour of its submission."""
    own = [one for one in shares if one.account.startswith(job.accounts) and not one.is_adjustment]
    then = _mean_grid(submitted)
    if not own or then is None:
        return None
    return sum((_difference(one, then) for one in own), Amount())


def _difference(share: Share, then: Amount) -> Amount:
    """One share at another grid; each end takes the causes that make it extreme."""
    ran = _grid(share.basis)
    least = _end(then.low) - _end(ran.high)
    most = _end(then.high) - _end(ran.low)
    low, high = (
        round(share.nj * exactly(end)) for end in (share.basis.energy_low, share.basis.energy_high)
    )
    return Amount(
        _grams(share.nj, then.value - ran.value),
        _grams(high if least < 0 else low, least),
        _grams(low if most < 0 else high, most),
    )


_SCALE = 10**9


def _grid(basis: Basis) -> Amount:
    """Billionths of a gram per kWh at the meter, the building's overhead included."""
    told, pue = basis.intensity, exactly(basis.pue) * _SCALE
    return Amount(*(round(exactly(one) * pue) for one in (told.g_per_kwh, told.low, told.high)))


def _mean_grid(shares: Sequence[Share]) -> Amount | None:
    """The mean by energy of what the grids of some shares were; None of nothing."""
    weighed = [(abs(one.nj), _grid(one.basis)) for one in shares if not one.is_adjustment]
    total = sum(weight for weight, _ in weighed)
    if not total:
        return None
    return sum((grid.times(Fraction(weight, total)) for weight, grid in weighed), Amount())


def _grams(nj: int, billionths_g_per_kwh: int) -> int:
    return round(nj * billionths_g_per_kwh * _NG_PER_NJ / _SCALE)


def _end(value: int | None) -> int:
    return value or 0


def _absent(name: str, label: str, baseline: str, why: str) -> Saving:
    return Saving(name, label, baseline, None, None, "", "", why)


_UNRECORDED_RUNTIME = _absent(
    "runtime",
    "Answers by a quicker runtime",
    "the same answers by the runtime that a model came with",
    "each version is served by one runtime, so what another would have cost is not measured",
)
_UNRECORDED_BATCHING = _absent(
    "batching",
    "Requests answered together",
    "each request in a batch of its own",
    "the ledger books a batch as one, and not what each request would have cost alone",
)
