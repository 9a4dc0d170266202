"""The tensors that a model of PyTorch takes: which are rows, and made-up values to try it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import CHECKED_ROWS, TensorWish

_SEED = 20261122
_MOST_VALUES = 16 * 2**20
"""Of all inputs of a trial together: beyond, fewer rows are tried."""
_FEWEST_ROWS = 16
_SPREADS = (1.0, 0.1, 3.0, 10.0)
_ROWS = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A tensor that a model takes.

    Attributes:
        name: as its `forward` calls it.
        datatype: of its values.
        shape: -1 where any length fits; the first of them is the rows.
        tried: the shape to try it with; its first length counts where that is no -1.
        below: whole numbers under this are taken, such as tokens of a vocabulary.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    tried: tuple[int, ...]
    below: int = 2


def described(taken: Sequence[Taken]) -> str:
    """As `--input` takes them."""
    return " ".join(
        f"--input {one.name}:{one.datatype}:{','.join(map(str, one.shape))}" for one in taken
    )


def wished(wishes: Sequence[TensorWish], length: int = 16) -> tuple[Taken, ...]:
    """The tensors that whoever imports described; an open length is tried with so many.

    Raises:
        InvalidInput: a shape is none.
    """
    for one in wishes:
        if any(side < 1 and side != _ROWS for side in one.shape):
            raise InvalidInput(f"--input {one.name} has shape {list(one.shape)}: sides are over 0")
    return tuple(
        Taken(
            name=one.name,
            datatype=one.datatype,
            shape=one.shape,
            tried=tuple(
                side if side > 0 or not place else length for place, side in enumerate(one.shape)
            ),
        )
        for one in wishes
    )


def has_rows(taken: Sequence[Taken]) -> bool:
    """Is the first dimension of each the rows?"""
    return all(one.shape[:1] == (_ROWS,) for one in taken)


def rows_tried(taken: Sequence[Taken]) -> int:
    """How many rows are tried: many, where a row is small."""
    values = sum(prod(one.tried[1:]) for one in taken)
    return max(_FEWEST_ROWS, min(CHECKED_ROWS, _MOST_VALUES // max(values, 1)))


def made_up(taken: Sequence[Taken], rows: int) -> dict[str, Array]:
    """Values for each: the same at every call; zeros, ones, and spreads from 0.1 to 10."""
    random = np.random.default_rng(_SEED)
    return {one.name: _values(one, rows, random) for one in taken}


def _values(one: Taken, rows: int, random: np.random.Generator) -> Array:
    open_rows = one.shape[:1] == (_ROWS,)
    shape = (rows, *one.tried[1:]) if open_rows else one.tried
    dtype = NUMPY_OF_DATATYPE[one.datatype]
    if dtype.kind == "f":
        made = random.standard_normal(shape)
        if open_rows:
            spreads = np.resize(_SPREADS, rows).reshape(-1, *(1,) * (len(shape) - 1))
            made = made * spreads
            made[0], made[min(1, rows - 1)] = 0.0, 1.0
        return made.astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.8
    if dtype.kind == "O":
        raise InvalidInput(f"{one.name} takes texts, which no model of PyTorch does")
    return random.integers(0, max(1, min(one.below, np.iinfo(dtype).max)), shape).astype(dtype)


def in_parts(inputs: Mapping[str, Array], step: int) -> list[dict[str, Array]]:
    """The same inputs, so many rows at a time."""
    rows = len(next(iter(inputs.values())))
    return [
        {name: values[first : first + step] for name, values in inputs.items()}
        for first in range(0, rows, step)
    ]
