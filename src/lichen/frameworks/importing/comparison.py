"""Does a converted model answer as its own framework did? Differences, and where the largest is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, LichenError
from lichen.frameworks.base import Predictor
from lichen.frameworks.importing.conversion import Conversion, Trial

AT_ONCE = 64
"""Rows that are run together: enough to be quick, few enough for large models."""
_MOST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How far a model's answers are from those of its framework.

    Attributes:
        inputs: how many were compared.
        largest_difference: of any number, as a share of the largest answer of its output or of 1
            if that is more; infinite where texts, classes or shapes differ.
        output: where it was.
        at: which input it was; None: of all as one.
    """

    inputs: int
    largest_difference: float
    output: str
    at: int | None


def check_faithful(predictor: Predictor, conversion: Conversion) -> Faithfulness:
    """The largest difference on the trial, if it is within the tolerance.

    Raises:
        InvalidInput: it is not; the message says how far, and on which input. Or there is nothing
            to compare.
    """
    trial, library = conversion.trial, conversion.library
    if not trial.outputs:
        raise InvalidInput(f"{library} answered nothing that could be compared")
    try:
        found = _answers(predictor, trial)
    except LichenError as error:
        raise InvalidInput(
            f"converted, the model fails on what {library} answers: {error}"
        ) from error
    faithful = compared(trial, found)
    if faithful.largest_difference <= trial.tolerance:
        return faithful
    where = "" if faithful.at is None else f", on {_shown(trial, faithful.at)}"
    raise InvalidInput(
        f"converted, the model would answer otherwise than {library}: {faithful.output!r} differs "
        f"by {faithful.largest_difference:.1e} of the largest answer, where {trial.tolerance:.0e} "
        f"is allowed{where}: export it as ONNX yourself, and import that"
    )


def compared(trial: Trial, found: Batch) -> Faithfulness:
    """Where answers differ most from the trial's; pure.

    Raises:
        InvalidInput: an output that was expected is missing.
    """
    rows = 1 if trial.is_one else len(next(iter(trial.inputs.values())))
    worst = Faithfulness(rows, 0.0, next(iter(trial.outputs)), None)
    for name, expected in trial.outputs.items():
        if name not in found:
            raise InvalidInput(f"converted, the model answers no {name!r}, which it should")
        apart = _apart(expected, found[name], is_one=trial.is_one)
        at = int(np.argmax(apart))
        if apart[at] > worst.largest_difference:
            row = None if trial.is_one or len(apart) == 1 else at
            worst = Faithfulness(rows, float(apart[at]), name, row)
    return worst


def _answers(predictor: Predictor, trial: Trial) -> Batch:
    if trial.is_one:
        return predictor.predict(Batch(trial.inputs))
    rows = len(next(iter(trial.inputs.values())))
    step = AT_ONCE if predictor.joins_rows else 1
    parts = [
        predictor.predict(
            Batch({name: values[first : first + step] for name, values in trial.inputs.items()})
        )
        for first in range(0, rows, step)
    ]
    return Batch({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _apart(expected: Array, found: Array, *, is_one: bool) -> NDArray[np.float64]:
    """The difference of each row; one that is infinite where they cannot be compared at all."""
    expected, found = _as_bytes(expected), _as_bytes(found)
    if is_one:
        expected, found = expected[np.newaxis], found[np.newaxis]
    is_number = expected.dtype.kind == "f" and found.dtype.kind == "f"
    if expected.shape != found.shape or (not is_number and not _is_alike(expected, found)):
        return np.array([np.inf])
    if not expected.size:
        return np.zeros(1)
    rows = (len(expected), -1)
    if not is_number:
        return np.where((expected != found).reshape(rows).any(axis=1), np.inf, 0.0)
    apart = _distance(expected.astype(np.float64), found.astype(np.float64)).reshape(rows)
    return np.array(apart.max(axis=1), dtype=np.float64)


def _as_bytes(values: Array) -> Array:
    """Texts as bytes, which ONNX Runtime answers as `str`."""
    if values.dtype.kind != "O":
        return values
    made = np.empty(values.size, dtype=np.object_)
    made[:] = [one.encode() if isinstance(one, str) else one for one in values.ravel()]
    return made.reshape(values.shape)


def _is_alike(expected: Array, found: Array) -> bool:
    """Whole numbers and truths may differ in their width, texts in nothing."""
    kinds = {"i": "whole", "u": "whole", "b": "truth", "O": "text"}
    one, other = kinds.get(expected.dtype.kind), kinds.get(found.dtype.kind)
    return one is not None and one == other


def _distance(expected: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the largest finite answer; what is not finite must be so alike."""
    finite = np.isfinite(expected)
    scale = max(1.0, float(np.max(np.abs(expected[finite]), initial=0.0)))
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    with np.errstate(invalid="ignore"):
        apart = np.abs(expected - found) / scale
    apart = np.where(np.isfinite(apart), apart, np.inf)
    return np.where(same, 0.0, apart)


def _shown(trial: Trial, at: int) -> str:
    """An input as a person may look at it: the first values of each tensor."""
    shown = []
    for name, values in trial.inputs.items():
        flat = np.asarray(values[at], dtype=values.dtype).ravel()
        few = ", ".join(_value(one) for one in flat[:_MOST_SHOWN].tolist())
        shown.append(f"{name} = [{few}{', ...' if flat.size > _MOST_SHOWN else ''}]")
    return f"input {at} ({'; '.join(shown)})"


def _value(one: object) -> str:
    if isinstance(one, float):
        return f"{one:.6g}"
    return repr(one.decode(errors="replace") if isinstance(one, bytes) else one)[:40]
