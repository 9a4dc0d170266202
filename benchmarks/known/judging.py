"""Is what requests were charged in proportion to what they cost (L2)? Pure: records in, errors out.

Two things stand between a known cost and its charge that no attribution can mend. A machine works
faster and slower from one moment to the next, since neighbours share its caches and cores: so a
request is judged beside those of the other models that were answered within the same spell; what
these were charged for a unit of known cost is what a unit took then. And whoever interrupts a batch
leaves it cold caches: so requests of one kind that were answered in the same spell are judged by
the median of their charges. What is left is what attribution answers for: energy that is given to
the wrong model, batch, size or caller stays an error.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SPELL_NS = 5_000_000_000
FEWEST = 8
"""Requests of one kind, or of another model, in a spell; with fewer, nothing is judged in it."""
FEWEST_JUDGED = 0.5
MOST_MEDIAN, MOST_P95 = 0.03, 0.10


@dataclass(frozen=True)
class Charged:
    """Requests, one a place in each column.

    A kind is of one model, size and form; the known cost may be in any unit.
    """

    model: Integers
    kind: Integers
    known: Floats
    charged: Floats
    began_ns: Integers
    ended_ns: Integers


@dataclass(frozen=True)
class Errors:
    """Of the energy of requests, as shares of what they cost; `judged` is how many figures."""

    median: float
    p95: float
    judged: int

    @property
    def passes(self) -> bool:
        """Is it within the bounds of L2?"""
        return self.median < MOST_MEDIAN and self.p95 < MOST_P95

    def __str__(self) -> str:
        """As a table shows it."""
        return f"median {self.median:.2%}, p95 {self.p95:.2%} of {self.judged}"


def errors(requests: Charged, spell_ns: int = SPELL_NS) -> Errors:
    """Median and 95th percentile of the relative error of a kind of request within a spell.

    Raises:
        ValueError: hardly any request had others beside it.
    """
    ratio = requests.charged / requests.known
    spell = (requests.ended_ns - requests.ended_ns.min()) // spell_ns
    kinds, first = np.unique(requests.kind, return_index=True)
    charged = np.stack([_medians(ratio, spell, requests.kind == kind) for kind in kinds])
    error = np.abs(charged / _units(requests, ratio, spell)[requests.model[first]] - 1)
    judged = error[~np.isnan(error)]
    if len(judged) < FEWEST_JUDGED * error.size:
        raise ValueError(f"only {len(judged)} of {error.size} kinds and spells can be judged")
    return Errors(float(np.median(judged)), float(np.quantile(judged, 0.95)), len(judged))


def errors_one_by_one(requests: Charged, spell_ns: int = SPELL_NS // 50) -> Errors:
    """The same of each request by itself, with all that a busy machine adds to it."""
    ratio = requests.charged / requests.known
    spell = (requests.ended_ns - requests.ended_ns.min()) // spell_ns
    error = np.abs(ratio / _units(requests, ratio, spell)[requests.model, spell] - 1)
    judged = error[~np.isnan(error)]
    return Errors(float(np.median(judged)), float(np.quantile(judged, 0.95)), len(judged))


def _units(requests: Charged, ratio: Floats, spell: Integers) -> Floats:
    """By model and spell: what the other models were charged for a unit of known cost."""
    models = range(int(requests.model.max()) + 1)
    speeds = np.stack([_medians(ratio, spell, requests.model == model) for model in models])
    return np.stack([np.delete(speeds, model, axis=0).mean(axis=0) for model in models])


def _medians(ratio: Floats, spell: Integers, is_chosen: NDArray[np.bool_]) -> Floats:
    """What the chosen were charged for a unit in each spell; not a number where they are few."""
    medians = np.full(int(spell.max()) + 1, np.nan)
    order = np.argsort(spell[is_chosen], kind="stable")
    at, charged = spell[is_chosen][order], ratio[is_chosen][order]
    found, starts = np.unique(at, return_index=True)
    for where, values in zip(found, np.split(charged, starts[1:]), strict=True):
        if len(values) >= FEWEST:
            medians[where] = np.median(values)
    return medians


def by_wall_overlap(requests: Charged) -> Charged:
    """What others do: the energy of each moment shared by the requests that were in flight."""
    moments, spans, flying = _in_flight(requests)
    shares = np.divide(spans, flying, out=np.zeros(len(spans)), where=flying > 0)
    until = np.concatenate([[0.0], np.cumsum(shares)])
    flown = _at(moments, until, requests.ended_ns) - _at(moments, until, requests.began_ns)
    return replace(requests, charged=flown * requests.charged.sum() / spans[flying > 0].sum())


def over_count(requests: Charged) -> float:
    """How often each joule is counted when every request is given all of its time in flight."""
    _, spans, flying = _in_flight(requests)
    taken = (requests.ended_ns - requests.began_ns).sum()
    return float(taken / spans[flying > 0].sum())


def _in_flight(requests: Charged) -> tuple[Integers, Integers, Integers]:
    """Moments at which something began or ended, the spans between them, and how many flew."""
    moments = np.concatenate([requests.began_ns, requests.ended_ns])
    change = np.repeat([1, -1], len(requests.began_ns))
    order = np.argsort(moments, kind="stable")
    moments = moments[order]
    return moments, np.diff(moments), np.cumsum(change[order])[:-1]


def _at(moments: Integers, until: Floats, wanted: Integers) -> Floats:
    return until[np.searchsorted(moments, wanted)]
