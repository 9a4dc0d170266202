"""One way to group rows: its core, its groups, and how good they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.clusters import adjusted_rand, silhouettes
from lichen.frameworks.cluster_cores import ClusterCore, groups_of
from lichen.frameworks.clustering import Clusterer, gaussian_mixture, hdbscan, k_means
from lichen.frameworks.estimation import Pause

MOST_COMPARED = 1_500
"""Rows whose silhouettes are computed: all pairs of them are measured."""

SAMPLES = 12
"""Bootstrap samples that are grouped anew to see whether the same groups come out."""

MOST_RESAMPLED = 2_000


@dataclass(frozen=True, slots=True)
class Method:
    """One of the portfolio.

    Attributes:
        name: in the portfolio.
        title: what people call it.
        fit: fits it.
        is_told: whether it is told how many clusters there are.
    """

    name: str
    title: str
    fit: Clusterer
    is_told: bool = True


METHODS = (
    Method("k-means", "k-means", k_means),
    Method("gaussian-mixture", "Gaussian mixture", gaussian_mixture),
    Method("hdbscan", "HDBSCAN", hdbscan, is_told=False),
)
"""Cheapest first."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows in groups.

    Attributes:
        method: that found them.
        core: that serves them.
        groups: of each row; -1 of none.
        silhouettes: of rows that were compared.
        agreements: adjusted Rand indices with the groups of bootstrap samples; empty: not yet.
    """

    method: Method
    core: ClusterCore
    groups: NDArray[np.int64]
    silhouettes: NDArray[np.float64]
    agreements: NDArray[np.float64]

    @property
    def silhouette(self) -> float:
        """Mean silhouette, -1 to 1; 0 where there is one group."""
        return float(self.silhouettes.mean()) if len(self.silhouettes) else 0.0

    @property
    def noise(self) -> float:
        """Share of the rows of no group."""
        return float((self.groups < 0).mean())

    @property
    def clarity(self) -> float:
        """The silhouette, rows of no group counting 0."""
        return self.silhouette * (1.0 - self.noise)

    @property
    def stability(self) -> float:
        """Mean adjusted Rand index over the samples."""
        return float(self.agreements.mean()) if len(self.agreements) else 0.0

    @property
    def quality(self) -> float:
        """Clarity times stability, 0 to 1: groups must be apart, and come again."""
        return max(self.clarity, 0.0) * max(self.stability, 0.0)


def group(method: Method, features: NDArray[np.float64], clusters: int, seed: int) -> Grouping:
    """Group rows; their stability is looked at by `resampled`.

    Raises:
        InvalidInput: they cannot be grouped so.
    """
    core = method.fit(features, clusters, seed)
    groups = groups_of(core, features)
    if len(np.unique(groups[groups >= 0])) < 2:
        raise InvalidInput("all rows fall into one cluster")
    compared = _some(len(features), MOST_COMPARED, seed)
    apart = silhouettes(features[compared], groups[compared])
    return Grouping(method, core, groups, apart, np.zeros(0))


def resampled(found: Grouping, features: NDArray[np.float64], seed: int, pause: Pause) -> Grouping:
    """The same, with how far groups of bootstrap samples agree with it (Hennig, 2007).

    Each sample is grouped anew, and its core asked about all rows.
    """
    rows = _some(len(features), MOST_RESAMPLED, seed)
    looked, before = features[rows], found.groups[rows]
    generator = np.random.default_rng(seed)
    agreements = []
    for sample in range(SAMPLES):
        pause()
        drawn = looked[generator.integers(0, len(rows), len(rows))]
        try:
            core = found.method.fit(drawn, found.core.clusters, seed + sample)
        except InvalidInput:  # the sample shows no such groups
            agreements.append(0.0)
            continue
        agreements.append(adjusted_rand(before, groups_of(core, looked)))
    return Grouping(found.method, found.core, found.groups, found.silhouettes, np.array(agreements))


def _some(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
