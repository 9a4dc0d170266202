"""k-means, Gaussian mixtures and HDBSCAN, fitted by scikit-learn: plain arrays come out."""

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.cluster_cores import CentreCore, ClusterCore, ExemplarCore, MixtureCore

Floats = NDArray[np.float64]
STARTS = 5
"""Of k-means and mixtures: the best of so many."""

REGULARISATION = 1e-3
"""Added to the variances of a mixture, whose features have a variance of 1."""

MOST_EXEMPLARS = 64
"""Of a cluster of HDBSCAN."""

REACH = 0.95
"""Share of a cluster's own rows that it reaches."""

FEWEST_IN_CLUSTER = 5
SHARE_IN_CLUSTER = 0.02
"""Of the rows: what is smaller is no cluster of HDBSCAN."""


class Clusterer(Protocol):
    """Fits one clustering."""

    def __call__(self, features: Floats, clusters: int, seed: int) -> ClusterCore:
        """The core; equal input gives an equal core.

        Raises:
            InvalidInput: the rows cannot be clustered so.
        """
        ...


def k_means(features: Floats, clusters: int, seed: int) -> CentreCore:
    """Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007)."""
    from sklearn.cluster import KMeans

    found = _quietly(KMeans(clusters, n_init=STARTS, random_state=seed), features)
    centres = np.asarray(found.cluster_centers_, dtype=np.float64)
    if len(np.unique(found.labels_)) < clusters:
        raise InvalidInput(f"the rows have fewer than {clusters} different places")
    variance = float(found.inertia_) / features.size
    order = _by_size(found.labels_, clusters)
    return CentreCore(centres[order], max(variance, 1e-12))


def gaussian_mixture(features: Floats, clusters: int, seed: int) -> MixtureCore:
    """Expectation maximisation (Dempster et al., 1977), full covariances."""
    from sklearn.mixture import GaussianMixture

    if len(features) < 2 * clusters:
        raise InvalidInput(f"{len(features)} rows are too few for {clusters} Gaussians")
    model = GaussianMixture(
        clusters, n_init=2, reg_covar=REGULARISATION, max_iter=200, random_state=seed
    )
    found = _quietly(model, features)
    order = _by_size(found.predict(features), clusters)
    return MixtureCore(
        np.asarray(found.means_, dtype=np.float64)[order],
        np.asarray(found.precisions_cholesky_, dtype=np.float64)[order],
        np.asarray(found.weights_, dtype=np.float64)[order],
    )


def hdbscan(features: Floats, clusters: int, seed: int) -> ExemplarCore:  # noqa: ARG001 - draws nothing
    """Density-based clusters (Campello et al., 2013), served by their exemplars.

    Exemplars are the rows in the densest part of a cluster; it reaches as far from them as
    `REACH` of its own rows lie. `clusters` is not asked for: the density says how many there are.

    Raises:
        InvalidInput: fewer than two clusters are dense.
    """
    from sklearn.cluster import HDBSCAN

    smallest = max(FEWEST_IN_CLUSTER, int(SHARE_IN_CLUSTER * len(features)))
    if len(features) < 2 * smallest:
        raise InvalidInput(f"{len(features)} rows are too few for clusters of {smallest}")
    found = _quietly(HDBSCAN(min_cluster_size=smallest, copy=True), features)
    labels = np.asarray(found.labels_)
    count = int(labels.max(initial=-1)) + 1
    if count < 2:
        raise InvalidInput("the rows are of one density: no two clusters stand apart")
    made = [_exemplars(features, labels == each, found.probabilities_) for each in range(count)]
    most = max(len(exemplars) for exemplars, _ in made)
    order = _by_size(labels, count)
    return ExemplarCore(
        np.stack([np.resize(made[each][0], (most, features.shape[1])) for each in order]),
        np.array([made[each][1] for each in order]),
    )


def _exemplars(features: Floats, mine: NDArray[np.bool_], strength: Floats) -> tuple[Floats, float]:
    """The most strongly of a cluster, spread over it, and how far the cluster reaches."""
    rows = np.flatnonzero(mine)
    core = rows[strength[rows] >= np.quantile(strength[rows], 0.5)]
    chosen = _spread(features[core], MOST_EXEMPLARS)
    nearest = _distances(features[rows], chosen).min(axis=1)
    reach = float(np.sqrt(np.quantile(nearest, REACH)))
    return chosen, max(reach, 1e-6)


def _spread(points: Floats, most: int) -> Floats:
    """So many of the points that no other is far: each next is the farthest from those before."""
    if len(points) <= most:
        return points
    first = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    chosen, nearest = [first], _distances(points, points[[first]])[:, 0]
    while len(chosen) < most:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distances(points, points[[chosen[-1]]])[:, 0])
    return np.asarray(points[np.sort(chosen)])


def _distances(points: Floats, others: Floats) -> Floats:
    """Squared, `(points, others)`."""
    far = np.square(points).sum(axis=1)[:, None] - 2 * points @ others.T
    return np.asarray(np.maximum(far + np.square(others).sum(axis=1), 0.0))


def _by_size(labels: NDArray[Any], clusters: int) -> NDArray[np.int64]:
    """Clusters from the largest to the smallest: their numbers do not hang on the draws."""
    sizes = np.bincount(labels[labels >= 0], minlength=clusters)
    return np.argsort(-sizes, kind="stable")


def _quietly(model: Any, features: Floats) -> Any:  # noqa: ANN401 - they have no types
    """The model fitted; what did not converge is told by its scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.fit(features)
        except ValueError as problem:
            raise InvalidInput(f"the rows cannot be clustered so: {problem}") from problem
