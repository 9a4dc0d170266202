"""How well rows fall into clusters: silhouettes, and whether others would find the same ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


def silhouettes(features: Floats, groups: Groups) -> Floats:
    """How much nearer each row is to its own cluster than to the next one (Rousseeuw, 1987).

    `(b - a) / max(a, b)`, `a` the mean distance to its own cluster, `b` to the nearest other; 0
    for a row alone in its cluster. Rows of no cluster (-1) are left out of all.

    Returns:
        `(rows of a cluster,)`; empty where there are fewer than two clusters.
    """
    rows = features[groups >= 0]
    _, numbers = np.unique(groups[groups >= 0], return_inverse=True)
    sizes = np.bincount(numbers) if len(numbers) else np.zeros(0, dtype=np.int64)
    if len(sizes) < 2:
        return np.zeros(0)
    members = np.eye(len(sizes))[numbers]
    totals = distances(rows) @ members
    own = np.arange(len(rows)), numbers
    alone = sizes[numbers] < 2
    inside = totals[own] / np.maximum(sizes[numbers] - 1, 1)
    means = totals / sizes
    means[own] = np.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    made = np.divide(outside - inside, larger, out=np.zeros(len(rows)), where=larger > 0)
    return np.where(alone, 0.0, made)


def distances(rows: Floats) -> Floats:
    """Euclidean distances of all pairs of rows."""
    squares = np.square(rows).sum(axis=1)
    far = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(far, 0.0)
    return np.asarray(np.sqrt(np.maximum(far, 0.0)))


def adjusted_rand(one: Groups, other: Groups) -> float:
    """How far two clusterings agree on pairs of rows, above chance (Hubert and Arabie, 1985).

    1: the same clusters, whatever their numbers; 0: no more than by chance.
    """
    _, left = np.unique(one, return_inverse=True)
    _, right = np.unique(other, return_inverse=True)
    table = np.zeros((left.max(initial=0) + 1, right.max(initial=0) + 1))
    np.add.at(table, (left, right), 1.0)
    both = _pairs(table).sum()
    rows, columns = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    every = float(_pairs(np.array(float(len(one)))))
    expected = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    return float((both - expected) / (most - expected)) if most > expected else 1.0


def _pairs(count: Floats) -> Floats:
    return np.asarray(count * (count - 1) / 2)
