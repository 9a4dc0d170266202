"""Intensities that became known or were revised after booking: entries of adjustment (L3).

What is booked stays as it is. For each step of a service's series, the grams that its minutes would
have at the value known now, less what they were booked at and less what was adjusted before, make
one new entry: asked again with nothing new, it finds nothing to do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lichen.carbon.accounts import Entry
from lichen.carbon.chain import ADJUSTMENT, MINUTE
from lichen.carbon.intensity import IntensityValue
from lichen.carbon.kept import KeptIntensity
from lichen.carbon.postings import Basis, Posting
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
    """What is booked within one step of a series."""

    basis: Basis
    old: IntensityValue
    owed: dict[str, int]


def adjustments(entries: Iterable[Entry], source: KeptIntensity, now: datetime) -> list[Adjustment]:
    """What the entries lack, or have too much, by what `source` knows now; in order of time.

    Only minutes that were booked at a value of this very source are looked at.
    """
    steps: dict[datetime, _Step] = {}
    done: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in entries:
        if entry.kind == ADJUSTMENT and entry.note.startswith(_title(source)):
            for posting in entry.postings:
                done[entry.started_at][posting.account] += posting.ng
        elif entry.kind == MINUTE and entry.basis is not None:
            _add(steps, entry, entry.basis, source, now)
    found = (_adjustment(moment, steps[moment], done[moment], source) for moment in sorted(steps))
    return [one for one in found if one.postings]


def _add(
    steps: dict[datetime, _Step],
    entry: Entry,
    basis: Basis,
    source: KeptIntensity,
    now: datetime,
) -> None:
    booked = basis.intensity
    if not booked.source.startswith(f"{source.name}: "):
        return
    known = source.settled_at(booked.zone, entry.started_at)
    if known is None or (now - known.moment).total_seconds() < SETTLED_AFTER_S:
        return
    step = steps.setdefault(
        known.moment, _Step(replace(basis, intensity=known.value), booked, defaultdict(int))
    )
    if abs(known.value.g_per_kwh - booked.g_per_kwh) < LEAST_DIFFERENCE_G_PER_KWH:
        return
    difference = (known.value.g_per_kwh - booked.g_per_kwh) * basis.pue
    for posting in entry.postings:
        if posting.account != METER:
            ng = round(posting.nj * difference * NANOGRAMS_PER_GRAM / NANOJOULES_PER_KWH)
            step.owed[posting.account] += ng


def _adjustment(
    moment: datetime, step: _Step, done: Mapping[str, int], source: KeptIntensity
) -> Adjustment:
    accounts = sorted({*step.owed, *done} - {METER})
    uses = [Posting(name, 0, step.owed.get(name, 0) - done.get(name, 0)) for name in accounts]
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
