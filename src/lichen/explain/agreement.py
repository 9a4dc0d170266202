"""Does what an explainer computes answer as the version itself does? Nothing else is explained."""

from collections.abc import Callable

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import LichenError
from lichen.explain.answers import Floats
from lichen.explain.explainer import LoadedVersion
from lichen.pipeline.heads import answering

CHECKED_ROWS = 8
_TOLERANCE = 1e-4
"""Of the largest answer, or of 1: the version computes in float32."""


def agrees(version: LoadedVersion, sums: Callable[[Batch], Floats], link: str) -> bool:
    """Whether sums and a link are all that the version's core does, on rows that are made up.

    Args:
        version: what is to be explained.
        sums: `(rows, columns of the core)` of raw rows, before the link.
        link: a key of `onnx_trees.LINKS`.
    """
    rows = version.predictor.example(CHECKED_ROWS)
    try:
        said = version.predictor.predict(rows)
        raw = linked(sums(rows), link)
        pipeline = version.pipeline
        if pipeline is not None and pipeline.head is not None:
            meant = answering(pipeline.head).answer(raw)
            return all(_is_near(meant[name], said[name]) for name in meant)
    except LichenError:
        return False
    return any(_is_one_of(raw, values) for values in said.values() if values.dtype.kind == "f")


def linked(sums: Floats, link: str) -> Floats:
    """What the link function makes of the sums."""
    if link == "none":
        return sums
    with np.errstate(over="ignore"):
        if link == "logistic":
            return np.asarray(1 / (1 + np.exp(-sums)))
        shifted = sums - sums.max(axis=1, keepdims=True) if link == "softmax" else sums
        weights: Floats = np.exp(shifted)
    return weights / weights.sum(axis=1, keepdims=True) if link == "softmax" else weights


def _is_one_of(raw: Floats, values: Array) -> bool:
    """Whether an output is these numbers; of two classes one may be told for both."""
    flat = values.reshape(len(values), -1)
    if raw.shape[1] == 1 and flat.shape[1] == 2:
        flat = flat[:, 1:]
    return _is_near(raw, flat)


def _is_near(meant: Array, said: Array) -> bool:
    if meant.dtype.kind != "f":
        return True  # a class follows from its probabilities
    if meant.shape != said.shape:
        return False
    scale = max(1.0, float(np.abs(said).max(initial=0.0)))
    return float(np.abs(meant - said).max(initial=0.0)) <= _TOLERANCE * scale
