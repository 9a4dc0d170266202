"""Do these inputs fit what the model takes? Checked once, in the plane, for every protocol."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, datatype_of
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature, TensorSpec

_HALF_BITS = 0x7C00
"""The exponent of an FP16; all set in NaN and infinity."""
_STEP = 2**18


class Admission:
    """The checks of one signature, prepared; `check` is on the path of every request."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._required = [spec.name for spec in signature.inputs if not spec.optional]
        self._inputs = {spec.name: _InputCheck(spec) for spec in signature.inputs}
        self._outputs = [spec.name for spec in signature.outputs]
        self._has_rows = signature.takes_rows

    def check(self, tensors: Mapping[str, Array]) -> int:
        """The rows of a request whose inputs fit; 1 for a model whose shapes have no rows.

        Raises:
            InvalidInput: an input is missing or unknown, or has another datatype or shape, or
                holds NaN or infinity; the message says which, and what the model takes.
        """
        for name, values in tensors.items():
            known = self._inputs.get(name)
            if known is None:
                raise InvalidInput(f"there is no input {name!r}: {self._takes()}")
            known.check(values)
        for name in self._required:
            if name not in tensors:
                raise InvalidInput(f"input {name!r} is missing: {self._takes()}")
        if not self._has_rows:
            return 1
        return len(values) if len(tensors) == 1 and len(values) else self._rows(tensors)

    def check_outputs(self, names: Sequence[str]) -> None:
        """Refuse a request for outputs that the model does not give.

        Raises:
            InvalidInput: an output of that name does not exist.
        """
        for name in names:
            if name not in self._outputs:
                raise InvalidInput(
                    f"there is no output {name!r}: the model gives {', '.join(self._outputs)}"
                )

    def _rows(self, tensors: Mapping[str, Array]) -> int:
        rows = {len(values) for values in tensors.values()}
        if len(rows) != 1:
            said = ", ".join(f"{name} has {len(values)}" for name, values in tensors.items())
            raise InvalidInput(f"the inputs differ in rows, their first dimension: {said}")
        if 0 in rows:
            raise InvalidInput("the request has no rows: send at least one")
        return rows.pop()

    def _takes(self) -> str:
        said = ", ".join(
            f"{spec.name} {spec.datatype} {list(spec.shape)}"
            + (" (optional)" if spec.optional else "")
            for spec in self._signature.inputs
        )
        return f"the model takes {said}"


class _InputCheck:
    """The checks of one input."""

    __slots__ = ("_dtype", "_fixed", "_is_finite_only", "_row", "_spec")

    def __init__(self, spec: TensorSpec) -> None:
        self._spec = spec
        self._dtype = NUMPY_OF_DATATYPE[spec.datatype]
        self._fixed = [(axis, n) for axis, n in enumerate(spec.shape) if n >= 0]
        has_free_rows = spec.shape[:1] == (-1,) and all(n >= 0 for n in spec.shape[1:])
        self._row = spec.shape[1:] if has_free_rows else None
        self._is_finite_only = self._dtype.kind == "f" and not spec.missing

    def check(self, values: Array) -> None:
        if values.dtype != self._dtype:
            raise InvalidInput(
                f"input {self._spec.name!r} has datatype {datatype_of(values)}, "
                f"and the model takes {self._spec.datatype}"
            )
        shape = values.shape
        if (shape[1:] != self._row or not shape) and not self._fits(shape):
            raise InvalidInput(
                f"input {self._spec.name!r} has shape {list(shape)}, and the model takes "
                f"{list(self._spec.shape)} (-1: any length)"
            )
        if self._is_finite_only and not _is_finite(values):
            first = np.argmin(_finite(values))  # of long inputs, a list of all takes 0.1 s
            position = [int(index) for index in np.unravel_index(first, shape)]
            raise InvalidInput(
                f"input {self._spec.name!r} holds {_named(float(values[tuple(position)]))} at "
                f"position {position}: a model takes finite numbers only"
            )

    def _fits(self, shape: tuple[int, ...]) -> bool:
        if len(shape) != len(self._spec.shape):
            return False
        return all(shape[axis] == length for axis, length in self._fixed)


def _is_finite(values: Array) -> bool:
    """One quick product first; only when it overflows are the values looked at one by one.

    Of FP16 the exponent's bits are looked at: NumPy has no quick product of these.
    """
    if values.dtype == np.float16:
        bits = values.reshape(-1).view(np.uint16)
        steps = (bits[at : at + _STEP] for at in range(0, bits.size, _STEP))
        return all(int((step & _HALF_BITS).max()) < _HALF_BITS for step in steps)
    return isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def _finite(values: Array) -> Array:
    if values.dtype != np.float16:
        return np.isfinite(values)
    finite: Array = (values.view(np.uint16) & _HALF_BITS) != _HALF_BITS
    return finite


def _named(value: float) -> str:
    return "NaN" if value != value else "infinity"
