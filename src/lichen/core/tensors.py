"""What a model takes and gives: named tensors with Open Inference Protocol datatypes and shapes.

No NumPy here: the client speaks of tensors without computing on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lichen.core.errors import InvalidInput


class Datatype(StrEnum):
    """The datatypes of the Open Inference Protocol, version 2."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"


class ColumnKind(StrEnum):
    """What a raw column holds."""

    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A raw column of an input: what it holds, in which unit, and whether a row may lack it."""

    kind: ColumnKind
    unit: str | None = None
    may_lack: bool = False


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    `shape` holds -1 where any length fits; the first dimension is the batch. `columns` names the
    values of a row of shape (-1, k): what goes in as columns of a table, or comes out as classes.
    `missing` says that the model takes NaN for a value that is missing. `details` says what each of
    the columns is, in their order, where they are raw columns of a table.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    unit: str | None = None
    description: str | None = None
    optional: bool = False
    columns: tuple[str, ...] = ()
    missing: bool = False
    details: tuple[ColumnSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """The typed inputs and outputs of a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def takes_rows(self) -> bool:
        """Whether a request is rows: the first dimension of every input is open."""
        return all(spec.shape[:1] == (-1,) for spec in self.inputs)


def with_columns(spec: TensorSpec, columns: Sequence[str]) -> TensorSpec:
    """The same tensor, the values of its rows named.

    Raises:
        InvalidInput: it has no rows of so many values, or a name is empty or stands twice.
    """
    if len(spec.shape) != 2 or spec.shape[1] not in (len(columns), -1):
        raise InvalidInput(
            f"{len(columns)} names do not fit {spec.name!r} of shape {list(spec.shape)}: give one "
            "name for each value of a row"
        )
    if len(set(columns)) < len(columns) or not all(columns):
        raise InvalidInput(f"the names for {spec.name!r} are empty or stand twice: give each once")
    return replace(spec, columns=tuple(columns), details=())


def named_signature(
    signature: Signature, columns: Sequence[str], labels: Sequence[str]
) -> Signature:
    """The signature with the names that were given for the values of its rows.

    Raises:
        InvalidInput: there is no one tensor that they fit.
    """
    return Signature(
        _with_names(signature.inputs, columns, "columns"),
        _with_names(signature.outputs, labels, "labels"),
    )


def _with_names(
    specs: tuple[TensorSpec, ...], names: Sequence[str], what: str
) -> tuple[TensorSpec, ...]:
    if not names:
        return specs
    fitting = [one for one in specs if len(one.shape) == 2 and one.shape[1] in (len(names), -1)]
    if len(fitting) != 1:
        shapes = ", ".join(f"{one.name} {list(one.shape)}" for one in specs)
        raise InvalidInput(
            f"{len(names)} {what} fit {len(fitting)} of the model's tensors {shapes}: give one "
            "name for each value of a row"
        )
    return tuple(with_columns(one, names) if one is fitting[0] else one for one in specs)
