"""What levers saved: a stated baseline less what happened, both by the same ledger (never in it).

A saving may be negative, and is absent where nobody can know its baseline (M5). Nothing here is
booked, and no total contains it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.shares import Extent, Share
from lichen.carbon.levers import DeferredJob, DegradedRequests, ShiftedJob
from lichen.carbon.reports.activity import Activity, activity
from lichen.carbon.reports.amounts import Amount, exactly
from lichen.carbon.reports.footprints import Footprint
from lichen.carbon.reports.savings import Saving
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH

_NG_PER_NJ = Fraction(NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH)
"""Nanograms of one nanojoule at 1 g/kWh."""
_AS_BOOKED = "the ledger's own figures, sealed entries alone"
_NAME = 2
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Deeds:
    """What levers did in a span."""

    degraded: Sequence[DegradedRequests] = ()
    deferred: Sequence[DeferredJob] = ()
    shifted: Sequence[ShiftedJob] = ()


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
    if deeds.shifted:
        found.append(_of_shifting(shares, deeds.shifted, hour_of))
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


@dataclass(frozen=True, slots=True)
class _Moving:
    """What a lever that moved jobs in time is called, and what it is compared with."""

    name: str
    label: str
    baseline: str
    moment: str


_DEFERRING = _Moving(
    "deferred.jobs",
    "jobs that waited for a budget",
    "the same joules at the mean intensity and PUE booked in the hour of submission",
    "submission",
)
_SHIFTING = _Moving(
    "shifted.jobs",
    "jobs that waited for a cleaner grid",
    "the same joules, run at once when released, at the intensities and PUE booked in those hours",
    "release",
)
_Moved = Sequence[tuple[str, Amount | None]]
"""Of each job with what its accounts start, and the grid at which it would have run."""


def _of_deferring(
    shares: Sequence[Share], jobs: Sequence[DeferredJob], hour_of: HourShares
) -> Saving:
    """The same joules at the grid of the hour in which each job was submitted."""
    moved = [(job.accounts, _mean_grid(hour_of(job.submitted_at))) for job in jobs]
    return _of_moving(shares, _DEFERRING, moved)


def _of_shifting(
    shares: Sequence[Share], jobs: Sequence[ShiftedJob], hour_of: HourShares
) -> Saving:
    """The same joules at the grid of the hours in which each job would have run at once."""
    moved = [(job.accounts, _grid_from(job.released_at, job.duration, hour_of)) for job in jobs]
    return _of_moving(shares, _SHIFTING, moved)


def _of_moving(shares: Sequence[Share], lever: _Moving, jobs: _Moved) -> Saving:
    parts, unknown = [], 0
    for accounts, then in jobs:
        part = _moved(shares, accounts, then)
        parts += [] if part is None else [part]
        unknown += part is None
    label = f"{len(parts)} {lever.label}"
    if not parts:
        why = f"the ledger holds nothing of the hours of their {lever.moment}, or of their work"
        return _absent(lever.name, label, lever.baseline, why)
    missing = (
        f"; {unknown} more whose hour of {lever.moment} or work it does not hold" if unknown else ""
    )
    methods = {share.basis.method.value for share in shares}
    method = methods.pop() if len(methods) == 1 else "mixed"
    carbon = sum(parts, Amount())
    return Saving(lever.name, label, lever.baseline, Amount(), carbon, method, _AS_BOOKED + missing)


def _moved(shares: Sequence[Share], accounts: str, then: Amount | None) -> Amount | None:
    """Nanograms that a job's electricity would have been more at another grid."""
    own = [one for one in shares if one.account.startswith(accounts) and not one.is_adjustment]
    if not own or then is None:
        return None
    return sum((_difference(one, then) for one in own), Amount())


def _grid_from(start: datetime, duration: timedelta, hour_of: HourShares) -> Amount | None:
    """The mean grid of a span by time; None where the ledger holds nothing of one of its hours."""
    end = start + max(duration, timedelta(seconds=1))
    at, parts = start, []
    while at < end:
        until = min(end, at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
        grid = _mean_grid(hour_of(at))
        if grid is None:
            return None
        parts.append(
            grid.times(Fraction((until - at) // _MICROSECOND, (end - start) // _MICROSECOND))
        )
        at = until
    return sum(parts, Amount())


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
