"""A text classifier fitted on some rows: what it says of all of them, and how it is served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.frameworks.estimators.linear_core import LinearCore
from lichen.pipeline.declaration import Encoders
from lichen.training.texts.study import Block


@dataclass(frozen=True, slots=True)
class Fitted:
    """Encoders of a text, and a linear core.

    Attributes:
        scores: `(rows, outputs)` of every row of the study; of two classes, one for the second.
        encoders: of a text.
        arrays: projections of the encoders, by name.
        core: what follows them.
        operations: multiplications of one answer, about.
    """

    scores: NDArray[np.float64]
    encoders: Sequence[Encoders]
    arrays: Mapping[str, Array]
    core: LinearCore
    operations: float


def of_terms(
    blocks: Mapping[str, Block],
    weights: Mapping[str, NDArray[np.float64]],
    bias: NDArray[np.float64],
) -> Fitted:
    """A linear model of terms: its weights are the encoders' projections, its core their sum.

    Args:
        blocks: by name.
        weights: `(terms, outputs)` of each.
        bias: `(outputs,)`.
    """
    scores = bias + sum(blocks[name].features @ each for name, each in weights.items())
    encoders = [
        replace(blocks[name].vocabulary.said, projection=name, is_directed=False)
        for name in weights
    ]
    arrays = {name: each.astype(np.float32) for name, each in weights.items()}
    summed = np.tile(np.eye(len(bias), dtype=np.float32), (len(weights), 1))
    terms = sum(each.features.nnz for each in blocks.values()) / max(len(scores), 1)
    operations = terms * len(bias)
    return Fitted(np.asarray(scores), encoders, arrays, _core(summed, bias), operations)


def of_directions(
    blocks: Mapping[str, Block],
    features: NDArray[np.float64],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
) -> Fitted:
    """A linear model of latent directions (LSA).

    Args:
        blocks: by name, each with directions.
        features: `(rows, directions)` of all blocks, side by side.
        weights: `(directions, outputs)`.
        bias: `(outputs,)`.
    """
    encoders = [replace(block.vocabulary.said, projection=name) for name, block in blocks.items()]
    arrays = {
        name: block.directions.astype(np.float32)
        for name, block in blocks.items()
        if block.directions is not None
    }
    terms = sum(each.features.nnz for each in blocks.values()) / max(len(features), 1)
    operations = terms * features.shape[1] / max(len(blocks), 1) + weights.size
    core = _core(weights, bias)
    return Fitted(features @ weights + bias, encoders, arrays, core, operations)


def _core(weights: NDArray[np.floating], bias: NDArray[np.float64]) -> LinearCore:
    return LinearCore(weights.astype(np.float32), bias.astype(np.float32), None, "logit")
