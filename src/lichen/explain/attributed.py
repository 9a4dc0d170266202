"""Arrays of contributions as an explanation, with the error of its sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.protocol.explaining import Attribution, ExplainedRow, Explanation, Part

Floats = NDArray[np.float64]
_SUMS_TO = {
    "value": "the prediction",
    "log-odds": "the model's margin, the logarithm of the odds before its link function",
    "logarithm": "the logarithm of the prediction",
    "margin": "the model's margin of each class, before its link function",
    "probability": "the probability of the output",
    "score": "the score",
}


@dataclass(frozen=True, slots=True)
class Attributed:
    """What a method found.

    Attributes:
        names: of the outputs.
        base: `(outputs,)`, or `(rows, outputs)`.
        contributions: `(rows, outputs, parts)`.
        prediction: `(rows, outputs)`, as the model itself answers.
    """

    names: Sequence[str]
    base: Floats
    contributions: Floats
    prediction: Floats


def explanation(
    found: Attributed,
    parts: Sequence[Sequence[Part]],
    method: str,
    space: str,
    unit: str | None = None,
    notes: Sequence[str] = (),
) -> Explanation:
    """The explanation of some rows."""
    base = np.broadcast_to(found.base, found.prediction.shape)
    errors = np.abs(base + found.contributions.sum(axis=2) - found.prediction)
    listed = zip(
        parts,
        base.tolist(),
        found.prediction.tolist(),
        found.contributions.tolist(),
        strict=True,
    )
    rows = [
        ExplainedRow(list(told), list(map(Attribution, found.names, bases, said, shares)))
        for told, bases, said, shares in listed
    ]
    return Explanation(
        method=method,
        space=space,
        sums_to=f"base and contributions sum to {_SUMS_TO[space]}",
        largest_error=float(errors.max(initial=0.0)),
        rows=rows,
        unit=unit if space in ("value", "score") else None,
        notes=list(notes),
    )
