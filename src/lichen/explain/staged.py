"""The stages of a version that explainers go through: raw rows, features, sums, answers.

A pipeline has encoders before its core and a head after it; contributions of features are summed
back to the raw columns that they were made of, and told in the space of the core's sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Floats, answers_of
from lichen.explain.columns import Column, columns_of
from lichen.explain.explainer import LoadedVersion
from lichen.pipeline.declaration import Alarm, Classes, Groups, Pipeline, Ranking, Value
from lichen.pipeline.encoding import width_of

Features = NDArray[np.floating[Any]]
_UNCALIBRATED = "probabilities are calibrated after this: what is told here is the model's own"
MOST_ROWS = 256
_BINARY = 2
_MOST_NUMBERS = 4_000_000
"""Contributions of features in memory at once: 32 MB."""


@runtime_checkable
class Encodes(Protocol):
    """A predictor that makes features of raw rows before its core sees them."""

    def features(self, rows: Batch) -> Features:
        """The features `(rows, width)`.

        Raises:
            InvalidInput: a cell cannot be what the model was trained on.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the core's sums are called, and what is made of them to be told.

    Attributes:
        names: of each column of the core.
        space: see `Explanation`.
        scale, centre: a told number is `sum * scale + centre`.
        unit: of it.
        other: of two classes that share one column: the name of the first.
        notes: what has to be known to read them.
    """

    names: tuple[str, ...]
    space: str
    scale: float = 1.0
    centre: float = 0.0
    unit: str | None = None
    other: str | None = None
    notes: tuple[str, ...] = ()

    def chosen(self, output: str | None) -> tuple[list[int], list[str], float]:
        """Which columns are told, what they are called, and 1, or -1 where they count against it.

        Raises:
            InvalidInput: no output is called so.
        """
        if output is None:
            return list(range(len(self.names))), list(self.names), 1.0
        if output in self.names:
            return [self.names.index(output)], [output], 1.0
        if output == self.other:
            return [0], [output], -1.0
        known = (*((self.other,) if self.other else ()), *self.names)
        said = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise InvalidInput(f"output {output!r} is none of this model: there are {said}")


class Stages:
    """The raw columns of a version, and how features come of them."""

    def __init__(
        self, columns: Sequence[Column], owner: Array, features: Callable[[Batch], Features]
    ) -> None:
        """Take the columns, of each feature the place of its column, and what makes features."""
        self.columns, self.owner = tuple(columns), owner
        self._make = features

    @property
    def width(self) -> int:
        """How many features a row has."""
        return len(self.owner)

    def features(self, rows: Batch) -> Features:
        """The features of raw rows."""
        return self._make(rows)

    def most_rows(self, outputs: int) -> int:
        """The most rows of one request: their contributions take memory."""
        return max(1, min(MOST_ROWS, _MOST_NUMBERS // (self.width * outputs)))

    def folded(self, contributions: Floats) -> Floats:
        """Contributions `(..., features)` summed to `(..., columns)`."""
        if np.array_equal(self.owner, np.arange(len(self.columns))):
            return contributions
        flat = contributions.reshape(-1, self.width)
        found = np.zeros((len(self.columns), len(flat)))
        np.add.at(found, self.owner, flat.T)
        return found.T.reshape(*contributions.shape[:-1], len(self.columns))


def stages_of(version: LoadedVersion) -> Stages | None:
    """The stages of a version of columns; None where they are not known.

    A pipeline that a predictor does not show its features of cannot be gone through.
    """
    signature = version.predictor.signature
    columns = columns_of(signature)
    if not columns:
        return None
    owner, pipeline = owners_of(version, columns), version.pipeline
    if pipeline is not None and pipeline.encoders:
        predictor = version.predictor
        return (
            Stages(columns, owner, predictor.features) if isinstance(predictor, Encodes) else None
        )
    name = signature.inputs[0].name

    def features(rows: Batch) -> Features:
        values = rows.arrays[name].astype(np.float32)
        return values.reshape(len(values), -1)

    is_plain = len(signature.inputs) == 1 and _is_float(signature.inputs[0].datatype)
    return Stages(columns, owner, features) if is_plain else None


def _is_float(datatype: object) -> bool:
    return str(datatype) in ("FP32", "FP64")


def owners_of(version: LoadedVersion, columns: Sequence[Column]) -> Array:
    """Of each feature that encoders make, or of each raw column, the place of its raw column."""
    pipeline = version.pipeline
    if pipeline is None or not pipeline.encoders:
        return np.arange(len(columns))
    place = {one.name: at for at, one in enumerate(columns)}
    return np.concatenate(
        [
            np.full(width_of(one, version.arrays), place[one.column], dtype=np.int64)
            for one in pipeline.encoders
        ]
    )


def outputs_of(version: LoadedVersion, width: int, link: str) -> Outputs | None:
    """How a core of so many columns is told; None where its answers are no numbers to part.

    Args:
        version: what is explained.
        width: columns of the core.
        link: what the core itself does to its sums: a key of `onnx_trees.LINKS`.
    """
    pipeline = version.pipeline
    if pipeline is not None and pipeline.head is not None:
        return _of_head(pipeline, width, link)
    answers = answers_of(version.predictor.signature)
    if answers is None:
        return None
    names = answers.names if len(answers.names) == width else _numbered(answers.tensor, width)
    if link == "none":
        return Outputs(names, answers.space, unit=answers.unit)
    if width == 1 and link == "logistic" and len(answers.names) == _BINARY:
        return Outputs(answers.names[1:], "log-odds", other=answers.names[0])
    return Outputs(names, _SPACES[link] if width == 1 or link != "logistic" else "log-odds")


_SPACES = {"logistic": "log-odds", "softmax": "margin", "exponential": "logarithm"}


def _numbered(name: str, width: int) -> tuple[str, ...]:
    return (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))


def _of_head(pipeline: Pipeline, width: int, link: str) -> Outputs | None:
    head = pipeline.head
    match head:
        case Value() if width == 1:
            if link != "none":
                return Outputs(("prediction",), _SPACES[link])
            space = "logarithm" if head.is_logarithm else "value"
            return Outputs(("prediction",), space, head.scale, head.centre, head.unit)
        case Classes():
            return _of_classes(head, width, link)
        case Alarm() if width == len(head.statistics):
            return Outputs(tuple(head.statistics), "score" if link == "none" else _SPACES[link])
        case Groups() | Ranking() | _:
            return None


def _of_classes(head: Classes, width: int, link: str) -> Outputs | None:
    labels = tuple(head.labels)
    if link != "none":
        space = _SPACES[link]
    elif head.link == "probability":
        space = "probability"
    else:
        space = "log-odds" if width == 1 else "margin"
    notes = (_UNCALIBRATED,) if head.slopes else ()
    if width == 1 and len(labels) == 2:
        is_share = space == "probability"
        other = None if is_share else labels[0]
        return Outputs(labels[1:], space, other=other, notes=notes)
    return Outputs(labels, space, notes=notes) if width == len(labels) else None
