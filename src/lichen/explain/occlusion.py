"""Occlusion: what an answer loses when a region of the input is covered.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks". It needs nothing
of a model but its answers, so it fits any network; many covered copies are asked about at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Array = NDArray[Any]
Region = tuple[slice, ...]
"""A box in a row's tensor, without the dimension of rows."""
Scores = Callable[[Array], Floats]
"""Rows of a tensor to what is explained of each `(rows, outputs)`."""

NUMBERS_AT_ONCE = 1 << 22
"""Of covered copies that are asked about together: what they take in memory stays small."""
MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Occluded:
    """What covering each region took from each output.

    Attributes:
        drops: `(regions, outputs)`: the answer less the answer with the region covered.
        prediction: `(outputs,)`.
        base: `(outputs,)`, with all regions covered.
        runs: rows that the model was asked about.
    """

    drops: Floats
    prediction: Floats
    base: Floats
    runs: int


def occluded(scores: Scores, row: Array, cover: Array, regions: Sequence[Region]) -> Occluded:
    """Cover one region of a row after the other.

    Args:
        scores: the model.
        row: one row of its tensor, without the dimension of rows.
        cover: of the same shape: what a covered region shows.
        regions: what is covered each time.
    """
    whole = row.copy()
    for region in regions:
        whole[region] = cover[region]
    ends = scores(np.stack([row, whole]))
    step = max(1, min(MOST_AT_ONCE, NUMBERS_AT_ONCE // max(row.size, 1)))
    found = []
    for first in range(0, len(regions), step):
        part = regions[first : first + step]
        copies = np.repeat(row[None], len(part), axis=0)
        for number, region in enumerate(part):
            copies[number][region] = cover[region]
        found.append(scores(copies))
    covered = np.concatenate(found)
    return Occluded(ends[0] - covered, ends[0], ends[1], len(regions) + 2)
