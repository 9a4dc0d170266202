"""What a TFLite file holds, as plain records: tensors, operators, inputs and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Steps:
    """How whole numbers stand for real ones: `(number - zero) * scale`.

    Attributes:
        scale, zero: one of each, or one for each place along `axis`.
        axis: of the tensor.
    """

    scale: Floats
    zero: NDArray[np.int64]
    axis: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the network.

    Attributes:
        name: what the file calls it.
        shape: its lengths as the file states them, 1 where any may be.
        opened: the same with -1 where any length fits, where the file says so; else `shape`.
        dtype: of NumPy; texts are no part of such networks.
        values: of a constant; None of all others.
        steps: of a quantised one.
        is_variable: whether it keeps its values from one call to the next.
    """

    name: str
    shape: tuple[int, ...]
    opened: tuple[int, ...]
    dtype: np.dtype[Any]
    values: Array | None = None
    steps: Steps | None = None
    is_variable: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """One step: its kind by TFLite's own name, tensors by their number, -1 for one left out."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """The main graph.

    Attributes:
        inputs, outputs: names that clients use, with the numbers of the tensors.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    description: str = ""
