"""What made a forecast differ from a reference, step by step: in the own space, and in units.

A linear core is parted exactly: weight x (feature - usual feature), summed over a group. Of any
other, groups are taken back to the usual in turn, in every order or in drawn ones, and share as
Shapley (1953) has it. Both sum. Shares of a logarithm become shares in the target's unit by the
logarithmic mean, which keeps the sum: Ang (2004), "Decomposition analysis for policymaking in
energy" (LMDI).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.explain.columns import Truths
from lichen.explain.driver_groups import Group
from lichen.explain.shapley import drawn_sets, exact_shapley, solved

Floats = NDArray[np.float64]
Raw = Callable[[Floats], Floats]
"""Features `(rows, features)` to what the core says `(rows, horizon)`."""

MOST_EXACT = 6
"""Groups of which every set is tried: 64 model rows."""
DEFAULT_SAMPLES = 128
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Parted:
    """What a core says of one row of features, parted.

    Attributes:
        usual: `(horizon,)` of the usual features.
        shares: `(groups, horizon)`: they and the usual sum to what it says of the row.
        said: `(horizon,)`, by the core itself.
        runs: rows it was asked about.
    """

    usual: Floats
    shares: Floats
    said: Floats
    runs: int


def parted_exactly(
    weights: Floats, raw: Raw, features: Floats, usual: Floats, groups: Sequence[Group]
) -> Parted:
    """Of a linear core `features @ weights`."""
    away = features - usual
    shares = np.stack([away[one.places] @ weights[one.places] for one in groups])
    return Parted(usual @ weights, shares, raw(features[None])[0], 1)


def parted_by_sets(
    raw: Raw, features: Floats, usual: Floats, groups: Sequence[Group], drawing: tuple[int, int]
) -> Parted:
    """Of any core, by sets of groups that are taken back to the usual.

    Args:
        raw: the core.
        features: of the row.
        usual: of a usual day.
        groups: at least one.
        drawing: most model rows, and the seed of what is drawn.
    """
    ends = raw(np.stack([usual, features]))
    moved = [at for at, one in enumerate(groups) if _differs(features, usual, one)]
    shares = np.zeros((len(groups), ends.shape[1]))
    runs = 2
    if moved:
        own = [groups[at] for at in moved]
        found, asked = _shared(raw, features, usual, own, (ends, drawing))
        shares[moved] = found
        runs += asked
    return Parted(ends[0], shares, ends[1], runs)


def _shared(
    raw: Raw,
    features: Floats,
    usual: Floats,
    groups: Sequence[Group],
    asked: tuple[Floats, tuple[int, int]],
) -> tuple[Floats, int]:
    """Shares `(groups, horizon)`, and how many rows the core was asked about."""
    ends, (most, seed) = asked
    count = len(groups)
    if count <= MOST_EXACT:
        sets: Truths = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
        return exact_shapley(raw(_rows(features, usual, groups, sets))).T, len(sets)
    sets, weights = drawn_sets(count, most, seed)
    worth = raw(_rows(features, usual, groups, sets))
    return solved(sets, weights, worth - ends[0], ends[1] - ends[0]).T, len(sets)


def _rows(features: Floats, usual: Floats, groups: Sequence[Group], sets: Truths) -> Floats:
    """A row for each set: its groups as they are, the others as usual."""
    rows = np.tile(usual, (len(sets), 1))
    for at, one in enumerate(groups):
        rows[np.ix_(sets[:, at], one.places)] = features[one.places]
    return rows


def _differs(features: Floats, usual: Floats, group: Group) -> bool:
    return bool((features[group.places] != usual[group.places]).any())


def unit_factors(
    values: Floats, reference: Floats, inner: Floats, inner_reference: Floats, slope: Floats
) -> Floats:
    """What a share in the model's own space is worth in units, at each step.

    `(y - y') / (z - z')`: of a logarithm the logarithmic mean of both, and where they meet the
    slope there; without one the scale.

    Args:
        values: `y`, in units.
        reference: `y'`, in units.
        inner: `z`, the values in the model's own space.
        inner_reference: `z'`.
        slope: of the unit over the own space, at the values.
    """
    apart = inner - inner_reference
    is_apart = np.abs(apart) > _LEAST
    return np.where(is_apart, (values - reference) / np.where(is_apart, apart, 1.0), slope)
