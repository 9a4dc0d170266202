"""The classification extension: an output as its top classes, `value:index[:label]`. Pure."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from msgspec import Struct

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Signature, TensorSpec

CLASSIFICATION = "classification"
"""The parameter of a requested output that says how many classes it shall have."""
_LARGEST = 2**31 - 1
_NUMERIC = "fiu"

Classes = Mapping[str, int]
"""How many classes are asked of an output, by its name."""


class Ranking(Struct, frozen=True, gc=False):
    """How one output becomes classes: how many of them, their labels, whether it has rows."""

    count: int
    labels: Sequence[str]
    has_rows: bool


def class_count(parameters: Mapping[str, object] | None, output: str) -> int | None:
    """How many classes the parameters of a requested output ask for; None for its plain values.

    Raises:
        InvalidInput: that is no whole number from 1.
    """
    count = parameters.get(CLASSIFICATION) if parameters else None
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= _LARGEST:
        raise InvalidInput(
            f"parameter {CLASSIFICATION} of output {output!r} is {count!r}: give how many classes "
            "it shall have, a whole number from 1"
        )
    return count


def rankings(classes: Classes, signature: Signature) -> dict[str, Ranking]:
    """How the outputs asked for become classes; labels are the columns of the signature.

    An output that the model does not have is passed over: the plane refuses it.

    Raises:
        InvalidInput: an output is not of numbers.
    """
    specs = {spec.name: spec for spec in signature.outputs}
    has_rows = all(spec.shape[:1] == (-1,) for spec in signature.inputs)
    return {
        name: Ranking(count, _numeric(specs[name]).columns, has_rows)
        for name, count in classes.items()
        if name in specs
    }


def classified(values: Array, ranking: Ranking) -> Array:
    """BYTES of shape (rows, count): the highest values first, equal ones by their index.

    An output of fewer values than classes asked for has as many as it has. One without rows has
    shape (count,).

    Raises:
        WorkFailed: a value is NaN, which has no rank.
    """
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise WorkFailed("an output of the model holds NaN, which no class can be ranked by")
    rows = len(values) if ranking.has_rows else 1
    flat = values.reshape(rows, prod(values.shape) // rows if rows else 0)
    best = _best(flat, min(ranking.count, flat.shape[1]))
    found = np.empty(best.shape, dtype=np.object_)
    chosen = np.take_along_axis(flat, best, axis=1).tolist()
    for row, (indices, worths) in enumerate(zip(best.tolist(), chosen, strict=True)):
        for rank, (index, worth) in enumerate(zip(indices, worths, strict=True)):
            found[row, rank] = _told(worth, index, values.dtype, ranking.labels)
    return found if ranking.has_rows else found[0]


def _best(flat: Array, count: int) -> Array:
    """Indices of the highest of each row; sorted from behind, so that the first of equals wins."""
    last = flat.shape[1] - 1
    rising = last - np.argsort(flat[:, ::-1], axis=1, kind="stable")
    falling: Array = rising[:, ::-1]
    return falling[:, :count]


def _numeric(spec: TensorSpec) -> TensorSpec:
    dtype = NUMPY_OF_DATATYPE.get(spec.datatype)
    if dtype is None or dtype.kind not in _NUMERIC:
        raise InvalidInput(
            f"output {spec.name!r} is {spec.datatype}, which has no highest value: ask for it "
            f"without the parameter {CLASSIFICATION}"
        )
    return spec


def _told(worth: float, index: int, dtype: np.dtype[Any], labels: Sequence[str]) -> bytes:
    label = f":{labels[index]}" if index < len(labels) else ""
    return f"{dtype.type(worth)!s}:{index}{label}".encode()
