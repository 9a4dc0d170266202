"""What the ledger holds of a span: energy and carbon by account and by grid, split exactly."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from lichen.carbon.ledger.shares import Extent, Share
from lichen.carbon.reports.booked import grouped
from lichen.carbon.reports.footprints import EMPTY, Footprint, Grid
from lichen.energy.closing import HOST_OTHER, IDLE, METER

WORK = "work/"


@dataclass(frozen=True, slots=True)
class Activity:
    """A span of the ledger, ready for a report.

    `grids` holds what of the platform's energy was priced by whom; what other programs on the host
    used is in `accounts` under `host/other` alone. `asked_us` is the length of the span that was
    asked for, None where it has no end.
    """

    extent: Extent
    accounts: Mapping[str, Footprint]
    grids: Mapping[Grid, Footprint]
    meters: tuple[str, ...]
    pues: tuple[float, ...]
    embodied: tuple[str, ...]
    asked_us: int | None = None

    @property
    def counts_building(self) -> bool:
        """Whether anything was booked at a PUE that was stated: 1 is what is taken without (M5)."""
        return any(pue != 1 for pue in self.pues)

    @property
    def platform(self) -> Footprint:
        """All that the meter read but what other programs used."""
        return _sum(self.grids.values())

    @property
    def outside(self) -> Footprint:
        """What other programs on this host used."""
        return self.accounts.get(HOST_OTHER, EMPTY)

    @property
    def shared(self) -> Footprint:
        """Idle, overhead, work in progress and variance: reserved for all work together."""
        return _sum(made for name, made in self.accounts.items() if _is_shared(name))

    @property
    def idle(self) -> Footprint:
        """What the host drew for being there."""
        return self.accounts.get(IDLE, EMPTY)

    def work(self) -> Mapping[str, Footprint]:
        """The accounts of work."""
        return {name: made for name, made in self.accounts.items() if name.startswith(WORK)}


def activity(extent: Extent, shares: Iterable[Share], asked: timedelta | None = None) -> Activity:
    """The footprints of a span's shares; `asked` is how long the span is, if it has two ends."""
    accounts: dict[str, Footprint] = defaultdict(Footprint)
    grids: dict[Grid, Footprint] = defaultdict(Footprint)
    groups = grouped(one for one in shares if one.account != METER)
    for account, terms, group in groups:
        made = group.footprint(terms)
        accounts[account] += made
        if account != HOST_OTHER:
            grids[terms.grid] += made
    all_terms = [terms for _, terms, _ in groups]
    return Activity(
        extent,
        dict(sorted(accounts.items())),
        {grid: grids[grid] for grid in sorted(grids)},
        tuple(sorted({terms.meter for terms in all_terms})),
        tuple(sorted({terms.pue for terms in all_terms})),
        tuple(sorted({terms.embodied for terms in all_terms if terms.embodied is not None})),
        None if asked is None else asked // timedelta(microseconds=1),
    )


def _is_shared(account: str) -> bool:
    return not account.startswith(WORK) and account not in (METER, HOST_OTHER)


def _sum(footprints: Iterable[Footprint]) -> Footprint:
    return sum(footprints, EMPTY)
