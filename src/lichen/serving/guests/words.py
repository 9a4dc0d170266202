"""What a guest says, in words of ours: its signature, its tensors, what its code raised."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, LichenError, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.numbers import Mismatch
from lichen.protocol.raw import from_raw, to_raw
from lichen.serving.guests.main import Head

_LONGEST_REASON = 300
_PATH = re.compile(r"(?<![\w.~])(?:~|\.{1,2})?/[^\s'\"]+")
"""What begins like a path of a file; units such as kg/m3 do not."""
_CALLERS_FAULT = InvalidInput.__name__


def signature_of(told: Head, expected: Signature | None) -> Signature:
    """The signature that a guest states; the registered one where that speaks of the same.

    Raises:
        InvalidInput: it states none that can be read, or another than was registered.
    """
    try:
        read = Signature(_specs(told["inputs"]), _specs(told["outputs"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("the predictor states no signature that can be read") from error
    if expected is None:
        return read
    for side, found, wanted in (
        ("inputs", read.inputs, expected.inputs),
        ("outputs", read.outputs, expected.outputs),
    ):
        if {one.name: one.datatype for one in found} != {one.name: one.datatype for one in wanted}:
            raise InvalidInput(
                f"the predictor's {side} are not those that were registered: import it again"
            )
    return expected


def _specs(stated: Sequence[Head]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            str(one["name"]),
            Datatype(one["datatype"]),
            tuple(int(length) for length in one["shape"]),
            optional=bool(one.get("optional")),
        )
        for one in stated
    )


def packed(specs: Sequence[TensorSpec], arrays: Mapping[str, Array]) -> tuple[Head, list[bytes]]:
    """The head and the bytes of the tensors that are there."""
    heads, parts = [], []
    for spec in specs:
        values = arrays.get(spec.name)
        if values is not None:
            raw = to_raw(values)
            parts.append(raw)
            heads.append(
                {
                    "name": spec.name,
                    "datatype": spec.datatype.value,
                    "shape": values.shape,
                    "size": len(raw),
                }
            )
    return {"tensors": heads}, parts


def unpacked(head: Head, raw: memoryview) -> dict[str, Array]:
    """The tensors of an answer, in memory of their own.

    Raises:
        WorkFailed: the head does not fit the bytes.
    """
    found: dict[str, Array] = {}
    start = 0
    try:
        for spec in head["tensors"]:
            end = start + int(spec["size"])
            datatype = Datatype(spec["datatype"])
            found[str(spec["name"])] = from_raw(raw[start:end], datatype, spec["shape"])
            start = end
    except (Mismatch, KeyError, TypeError, ValueError) as error:
        raise WorkFailed("the model said what is no answer") from error
    return found


def check_output(spec: TensorSpec, outputs: Mapping[str, Array], rows: int) -> None:
    """Refuse an output that is not what the signature states.

    Raises:
        WorkFailed: it is missing, has another shape, or holds NaN or infinity.
    """
    values = outputs.get(spec.name)
    if values is None:
        raise WorkFailed(f"the model answered no output {spec.name!r}")
    wanted = (rows, *spec.shape[1:])
    fits = len(values.shape) == len(wanted) and all(
        length in (-1, found) for length, found in zip(wanted, values.shape, strict=True)
    )
    if not fits:
        raise WorkFailed(
            f"the model answered output {spec.name!r} in shape {list(values.shape)}, and its "
            f"signature states {list(spec.shape)} for {rows} rows"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise WorkFailed(f"the model answered NaN or infinity in output {spec.name!r}")


def raised(what: str, error: Mapping[str, object]) -> LichenError:
    """What the guest's code raised, as one of ours; an `InvalidInput` is its caller's fault."""
    kind, reason = error.get("kind"), _reason(str(error.get("message")))
    if kind == _CALLERS_FAULT:
        return InvalidInput(reason)
    return WorkFailed(f"{what}: {kind}: {reason}" if reason else f"{what}: {kind}")


def _reason(said: str) -> str:
    """On one line, and without paths of this machine."""
    return " ".join(_PATH.sub("...", said).split())[:_LONGEST_REASON]
