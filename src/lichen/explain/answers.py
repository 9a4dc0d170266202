"""What a version answers, as numbers that can be parted: one for each output or class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import NUMPY_OF_DATATYPE, Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Signature, TensorSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """The numbers of a version's answers.

    Attributes:
        tensor: the output that they stand in.
        names: of each number of a row: the output's, or the classes'.
        space: see `Explanation`.
        unit: of them, where they have one.
    """

    tensor: str
    names: tuple[str, ...]
    space: str
    unit: str | None = None

    def of(self, outputs: Batch) -> Floats:
        """The numbers `(rows, names)` of what was answered.

        Raises:
            WorkFailed: one is not finite.
        """
        values = np.asarray(outputs.arrays[self.tensor], dtype=np.float64)
        values = values.reshape(len(values), -1)
        if not np.isfinite(values).all():
            raise WorkFailed(f"output {self.tensor!r} is not finite for a row: nothing explains it")
        return values


def answers_of(signature: Signature) -> Answers | None:
    """The numbers to explain: probabilities, scores, else the first output of numbers."""
    specs = {one.name: one for one in signature.outputs}
    for name, space in (("probability", "probability"), ("score", "score")):
        spec = specs.get(name)
        if spec is not None and _is_numbers(spec) and len(spec.shape) == 2:
            return _answers(spec, space)
    found = next((one for one in signature.outputs if _is_numbers(one)), None)
    return None if found is None else _answers(found, "value")


def _is_numbers(spec: TensorSpec) -> bool:
    dtype = NUMPY_OF_DATATYPE.get(spec.datatype)
    is_table = len(spec.shape) in (1, 2) and -1 not in spec.shape[1:]
    return dtype is not None and dtype.kind == "f" and is_table


def _answers(spec: TensorSpec, space: str) -> Answers:
    width = 1 if len(spec.shape) == 1 else spec.shape[1]
    if spec.columns:
        names = spec.columns
    elif width == 1:
        names = (spec.name,)
    else:
        names = tuple(f"{spec.name}[{at}]" for at in range(width))
    return Answers(spec.name, names, space, spec.unit)


def chosen(names: Sequence[str], output: str | None) -> list[int]:
    """Which outputs are explained.

    Raises:
        InvalidInput: none is called so.
    """
    if output is None:
        return list(range(len(names)))
    if output not in names:
        said = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise InvalidInput(f"output {output!r} is none of this model: there are {said}")
    return [list(names).index(output)]
