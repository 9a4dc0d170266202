"""How many clusters, and by which method: tried from cheap to dear, until joules or ideas end."""

from dataclasses import dataclass, field

import numpy as np

from lichen.core.errors import InvalidInput, OverBudget
from lichen.frameworks.estimation import Pause
from lichen.protocol.training import AUTO, ClusteringTraining
from lichen.training.choosing.choice import with_front
from lichen.training.clusters.grouping import METHODS, Grouping, Method, group, resampled
from lichen.training.clusters.rows import ClusterRows
from lichen.training.result import Candidate
from lichen.training.spending import Spending
from lichen.training.worth import LEAST_GAIN, needed_gain

MOST_CLUSTERS = 10
WEAK = 0.1
"""Of a silhouette under this the clusters run into each other."""

PATIENCE = 4
"""So many numbers of clusters without a clearer grouping end the search for more."""

BASE_OPERATIONS = 20_000.0
"""What any answer costs before its core does anything."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The best grouping of one method, and what finding it cost."""

    found: Grouping
    trials: int
    nj: int | None


@dataclass(slots=True)
class Searched:
    """What a search found, cheapest method first; `left_out` says why of methods."""

    tried: list[Tried] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def chosen(self) -> tuple[Tried, dict[str, str]]:
        """The cheapest, unless a dearer one is better by enough; and a sentence about each."""
        held, sentences = self.tried[0], {}
        for one in self.tried:
            found = one.found
            said = (
                f"{found.method.title}: {found.core.clusters} clusters, silhouette "
                f"{found.silhouette:.2f}, stability {found.stability:.2f}"
            )
            if one is held:
                sentences[found.method.name] = f"{said}: the cheapest"
                continue
            gain, needed = _gain(held.found, found)
            if gain >= needed:
                sentences[found.method.name] = (
                    f"{said}: chosen, {100 * gain:.1f} % less to wish for"
                )
                held = one
            else:
                sentences[found.method.name] = (
                    f"{said}: not chosen (worth it from {100 * needed:.1f} % less to wish for)"
                )
        return held, sentences


def search(rows: ClusterRows, asked: ClusteringTraining, spending: Spending) -> Searched:
    """Group the rows by each method, each with several numbers of clusters.

    Raises:
        InvalidInput: no method groups them, or the one asked for does not exist or fit.
        WorkFailed: the run was cancelled.
    """
    methods = [
        one
        for one in METHODS
        if asked.algorithm == one.name
        or (asked.algorithm == AUTO and (one.is_told or asked.clusters is None))
    ]
    if not methods:
        names = ", ".join(one.name for one in METHODS)
        raise InvalidInput(
            f"no algorithm is called {asked.algorithm!r}: there are {names}, or auto"
        )
    made = Searched()
    for number, method in enumerate(methods):
        spending.begin(method.title, 0.1 + 0.8 * (number + 1) / len(methods))
        try:
            pause = spending.check_budget if made.tried else spending.check  # one there must be
            made.tried.append(_tried(rows, asked, method, spending, pause))
        except OverBudget as spent:
            made.left_out.append(str(spent))
            break
        except InvalidInput as refused:
            made.left_out.append(f"{method.title}: not tried, {refused}")
        spending.end(made.left_out[-1] if made.left_out else None)
    if not made.tried:
        raise InvalidInput("; ".join(made.left_out))
    return made


def _tried(
    rows: ClusterRows,
    asked: ClusteringTraining,
    method: Method,
    spending: Spending,
    pause: Pause,
) -> Tried:
    before = spending.spent_nj
    best: Grouping | None = None
    refusal, trials, since = "it found no clusters", 0, 0
    for clusters in _counts(rows, asked, method):
        pause()
        trials, since = trials + 1, since + 1
        try:
            found = group(method, rows.features, clusters, asked.seed)
        except InvalidInput as refused:
            refusal = str(refused)
            continue
        if best is None or found.clarity > best.clarity + 1e-9:
            best, since = found, 0
        if since >= PATIENCE:
            break
    if best is None:
        raise InvalidInput(refusal)
    best = resampled(best, rows.features, asked.seed, pause)
    after = spending.spent_nj
    return Tried(best, trials, None if before is None or after is None else after - before)


def _counts(rows: ClusterRows, asked: ClusteringTraining, method: Method) -> list[int]:
    if not method.is_told:
        return [0]
    if asked.clusters is not None:
        return [asked.clusters]
    different = len(np.unique(rows.features, axis=0))
    most = min(MOST_CLUSTERS, different - 1, len(rows) // 3)
    if asked.search is not None:
        most = min(most, 1 + max(asked.search, 1))
    return list(range(2, max(most, 2) + 1))


def _gain(held: Grouping, dearer: Grouping) -> tuple[float, float]:
    """How much of what is left to wish for goes, and how much must for the joules."""
    before, after = 1.0 - held.quality, 1.0 - dearer.quality
    gain = 1.0 - after / before if before > 0 else 0.0
    ratio = (BASE_OPERATIONS + dearer.core.operations) / (BASE_OPERATIONS + held.core.operations)
    return gain, max(needed_gain(ratio), LEAST_GAIN)


def candidates_of(
    searched: Searched, chosen: Tried, sentences: dict[str, str], served: dict[str, int | None]
) -> tuple[Candidate, ...]:
    """Everything tried, cheapest first; `served` is nanojoules of a prediction by method."""
    return with_front(
        [
            Candidate(
                algorithm=one.found.method.name,
                score=1.0 - one.found.quality,
                measure="1 - silhouette x stability",
                skill=one.found.quality,
                nj_to_train=one.nj,
                nj_per_prediction=served[one.found.method.name],
                parameters={"clusters": one.found.core.clusters, "trials": one.trials},
                chosen=one is chosen,
                sentence=sentences[one.found.method.name],
            )
            for one in searched.tried
        ],
        [one.found.method.name for one in searched.tried],
    )
