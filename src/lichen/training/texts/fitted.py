"""A text classifier fitted on some rows: what it says of all of them, and how it is served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.frameworks.estimators.linear_core import LinearCore
from lichen.frameworks.latent_kernel import BlendedCore, KernelFit
from lichen.frameworks.sparse_linear import LinearFit
from lichen.pipeline.declaration import Encoders
from lichen.training.encoders import OPERATIONS_A_TEXT, NamedEncoder
from lichen.training.texts.study import Block

OPERATIONS_A_TERM = 500.0
"""What it takes to find a term in a text and in the vocabulary, in multiplications of a core."""


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
    core: LinearCore | BlendedCore
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
    operations = _terms(blocks) * (len(bias) + OPERATIONS_A_TERM)
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
    each = features.shape[1] / max(len(blocks), 1)
    operations = _terms(blocks) * (each + OPERATIONS_A_TERM) + weights.size
    core = _core(weights, bias)
    return Fitted(features @ weights + bias, encoders, arrays, core, operations)


def of_embeddings(
    named: NamedEncoder,
    column: str,
    features: NDArray[np.float32],
    fit: LinearFit,
) -> Fitted:
    """A linear model of the vectors of a sentence encoder."""
    scores = np.asarray(features @ fit.weights + fit.bias)
    core = _core(fit.weights, fit.bias)
    return Fitted(scores, [named.declared(column)], {}, core, OPERATIONS_A_TEXT)


def with_kernel(
    linear: Fitted, blocks: Mapping[str, Block], features: NDArray[np.float64], kernel: KernelFit
) -> Fitted:
    """A linear model of terms, and kernels of the latent directions of the same terms.

    Args:
        linear: of the same blocks, in the same order.
        blocks: each with directions.
        features: `(rows, directions)` of all blocks, side by side.
        kernel: of the directions.
    """
    outputs = len(linear.core.bias)
    arrays = {
        name: np.concatenate([linear.arrays[name], block.directions], axis=1).astype(np.float32)
        for name, block in blocks.items()
        if block.directions is not None
    }
    widths = [array.shape[1] - outputs for array in arrays.values()]
    core = BlendedCore(outputs, widths, linear.core.bias.astype(np.float64), kernel)
    each = sum(widths) / len(widths)
    operations = linear.operations + _terms(blocks) * each + kernel.vectors.size
    scores = linear.scores + kernel.scores(features)
    return Fitted(scores, linear.encoders, arrays, core, operations)


def _terms(blocks: Mapping[str, Block]) -> float:
    """Of one text."""
    rows = max((block.features.shape[0] for block in blocks.values()), default=1)
    return float(sum(block.features.nnz for block in blocks.values()) / rows)


def _core(weights: NDArray[np.floating], bias: NDArray[np.float64]) -> LinearCore:
    return LinearCore(weights.astype(np.float32), bias.astype(np.float32), None, "logit")
