"""Intensities that became known or were revised after booking: entries of adjustment (L3).

What is booked stays as it is. For each step of a service's series, the grams that its minutes would
have at the value known now, less what they were booked at and less what was adjusted before, make
one new entry: asked again with nothing new, it finds nothing to do.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from lichen.carbon.grids.kept import KeptIntensity, Settled
from lichen.carbon.intensity import IntensityValue
from lichen.carbon.ledger.accounts import Entry, LedgerReader
from lichen.carbon.ledger.chain import ADJUSTMENT, MINUTE
from lichen.carbon.ledger.postings import Basis, Posting
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH
from lichen.energy.closing import METER

SETTLED_AFTER_S = 3 * 3600
"""Values younger than this are still being revised, each time by another entry if we followed."""

LEAST_DIFFERENCE_G_PER_KWH = 0.01


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One entry to book: nanograms by account, at the start of the step that they concern."""

    moment: datetime
    postings: tuple[Posting, ...]
    basis: Basis
    note: str


@dataclass(slots=True)
class _Step:
    """What is booked within one step of a series: nanograms owed, and adjusted before."""

    basis: Basis
    old: IntensityValue
    owed: dict[str, int]
    done: dict[str, int]


def adjustments(
    ledger: LedgerReader, source: KeptIntensity, since: datetime, now: datetime
) -> list[Adjustment]:
    """What the books lack, or have too much, by what `source` knows now; in order of time.

    Only minutes that were booked at a value of this very source are looked at, in steps that lie
    wholly after `since` and after what was rolled up.
    """
    since = max(since, ledger.rolled_up_until() or since)
    looking = _Looking(source, since, now)
    steps: dict[datetime, _Step] = {}
    for entry in ledger.recent(since, looking.concerns):
        known = looking.known(entry)
        if known is None or entry.basis is None:
            continue
        step = steps.setdefault(
            known.moment,
            _Step(
                replace(entry.basis, intensity=known.value),
                entry.basis.intensity,
                defaultdict(int),
                defaultdict(int),
            ),
        )
        _add(step, entry, entry.basis)
    found = (_adjustment(moment, steps[moment], source) for moment in sorted(steps))
    return [one for one in found if one.postings]


@dataclass(frozen=True, slots=True)
class _Looking:
    """Which entries stand on a value of the source that is known to be another by now."""

    source: KeptIntensity
    since: datetime
    now: datetime

    def concerns(self, entry: Entry) -> bool:
        """Whether it is an adjustment of ours, or a minute that needs one."""
        known = self.known(entry)
        if known is None or entry.basis is None:
            return False
        difference = known.value.g_per_kwh - entry.basis.intensity.g_per_kwh
        return entry.kind == ADJUSTMENT or abs(difference) >= LEAST_DIFFERENCE_G_PER_KWH

    def known(self, entry: Entry) -> Settled | None:
        """What the source says by now of the entry's step, if that is final enough."""
        if entry.basis is None or not self._is_ours(entry, entry.basis.intensity):
            return None
        known = self.source.settled_at(entry.basis.intensity.zone, entry.started_at)
        if known is None or known.moment < self.since:
            return None
        is_young = (self.now - known.moment).total_seconds() < SETTLED_AFTER_S
        return None if is_young else known

    def _is_ours(self, entry: Entry, booked: IntensityValue) -> bool:
        if entry.kind == ADJUSTMENT:
            return entry.note.startswith(_title(self.source))
        return entry.kind == MINUTE and booked.source.startswith(f"{self.source.name}: ")


def _add(step: _Step, entry: Entry, basis: Basis) -> None:
    if entry.kind == ADJUSTMENT:
        for posting in entry.postings:
            step.done[posting.account] += posting.ng
        return
    step.old = basis.intensity
    difference = (step.basis.intensity.g_per_kwh - basis.intensity.g_per_kwh) * basis.pue
    for posting in entry.postings:
        if posting.account != METER:
            ng = round(posting.nj * difference * NANOGRAMS_PER_GRAM / NANOJOULES_PER_KWH)
            step.owed[posting.account] += ng


def _adjustment(moment: datetime, step: _Step, source: KeptIntensity) -> Adjustment:
    accounts = sorted({*step.owed, *step.done} - {METER})
    uses = [Posting(name, 0, step.owed[name] - step.done[name]) for name in accounts]
    changed = [one for one in uses if one.ng]
    if changed:
        changed.append(Posting(METER, 0, -sum(one.ng for one in changed)))
    note = (
        f"{_title(source)}: {step.basis.intensity.g_per_kwh:g} g/kWh from "
        f"{moment:%Y-%m-%d %H:%M}Z on, booked at {step.old.g_per_kwh:g}"
    )
    return Adjustment(moment, tuple(changed), step.basis, note)


def _title(source: KeptIntensity) -> str:
    return f"intensity of {source.name} known later"
