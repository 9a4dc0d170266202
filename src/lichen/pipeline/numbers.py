"""Numbers and booleans as features: all columns of a row at once."""

from collections.abc import Sequence, Set
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Number

Floats = NDArray[np.float64]
_LARGEST = float(np.finfo(np.float32).max)


class _Prepared(NamedTuple):
    """One encoder: where its feature stands, and how it is made."""

    place: int
    centre: float
    scale: float
    low: float
    high: float
    fill: float
    flag: int | None


class Scaling(NamedTuple):
    """How all features are made, each `(features,)`: `clip((x - centre) / scale, low, high)`.

    `fill` is the feature of what is missing.
    """

    centre: Floats
    scale: Floats
    low: Floats
    high: Floats
    fill: Floats


class NumbersEncoding:
    """Every `Number` of a pipeline, prepared."""

    def __init__(
        self, encoders: Sequence[Number], starts: Sequence[int], columns: Sequence[str]
    ) -> None:
        """Prepare them.

        Args:
            encoders: at least one.
            starts: the feature that each begins at.
            columns: of the tensor of numbers, in its order.

        Raises:
            InvalidInput: a scale is 0, or what an encoder says is not finite.
        """
        known = {name: at for at, name in enumerate(columns)}
        at = [known[one.column] for one in encoders]
        flagged = [place for place, one in enumerate(encoders) if one.flags_missing]
        self._columns = None if at == list(range(len(columns))) else np.array(at)
        self._names = [one.column for one in encoders]
        self._required = np.array([not one.may_lack for one in encoders])
        self._target = _places(starts)
        self._flags = np.array([starts[place] + 1 for place in flagged], dtype=np.int64)
        self._flagged = np.array(flagged, dtype=np.int64)
        self._centre = np.array([one.centre for one in encoders])
        self._scale = np.array([one.scale for one in encoders])
        if not np.isfinite(self._centre).all() or not _divides(self._scale):
            raise InvalidInput("a number is scaled by 0 or by what is no number: train it again")
        ends = np.array([self._bounds(place, one) for place, one in enumerate(encoders)])
        self._low, self._high = ends[:, 0].copy(), ends[:, 1].copy()
        filled = [np.nan if one.fill is None else one.fill for one in encoders]
        self._fill = self._clipped((np.array(filled) - self._centre) / self._scale)
        self._each = self._prepared(starts, set(flagged))

    @property
    def scaling(self) -> Scaling:
        """How features are made, for whoever writes that down in another form."""
        return Scaling(self._centre, self._scale, self._low, self._high, self._fill)

    def _prepared(self, starts: Sequence[int], flagged: Set[int]) -> list[_Prepared]:
        """The same for a row alone."""
        return [
            _Prepared(
                starts[place],
                float(self._centre[place]),
                float(self._scale[place]),
                float(self._low[place]),
                float(self._high[place]),
                float(self._fill[place]),
                starts[place] + 1 if place in flagged else None,
            )
            for place in range(len(starts))
        ]

    def put(self, values: Floats, row: list[float]) -> None:
        """Write the features of one row; the same to the bit as `fill`, and quicker for one.

        Raises:
            InvalidInput: a value is missing that must be, or is infinite; the message names it.
        """
        raw = values if self._columns is None else values[:, self._columns]
        each = zip(raw[0].tolist(), self._each, strict=True)
        for value, (place, centre, scale, low, high, fill, flag) in each:
            if isfinite(value):
                feature = (value - centre) / scale
                row[place] = low if feature < low else high if feature > high else feature
                continue
            self._check(raw, np.isnan(raw))
            row[place] = fill
            if flag is not None:
                row[flag] = 1.0

    def fill(self, values: Floats, features: NDArray[np.float32]) -> None:
        """Write the features of some rows.

        Args:
            values: `(rows, columns)`, NaN where missing.
            features: `(rows, features)`, zeros where these stand.

        Raises:
            InvalidInput: a value is missing that must be, or is infinite; the message names it.
        """
        raw = values if self._columns is None else values[:, self._columns]
        with np.errstate(over="ignore"):  # what overflows is clipped
            found = self._clipped((raw - self._centre) / self._scale)
        if not np.isfinite(raw).all():
            absent = np.isnan(raw)
            self._check(raw, absent)
            np.copyto(found, self._fill, where=absent)
            if len(self._flags):
                features[:, self._flags] = absent[:, self._flagged]
        features[:, self._target] = found

    def _bounds(self, place: int, one: Number) -> tuple[float, float]:
        """Where its feature ends; within what float32 holds."""
        if not all(isfinite(end) for end in (one.low, one.high) if end is not None):
            raise InvalidInput(f"the range of column {one.column!r} is no range: train it again")
        centre, scale = float(self._centre[place]), float(self._scale[place])
        low = ((-inf if one.low is None else one.low) - centre) / scale
        high = ((inf if one.high is None else one.high) - centre) / scale
        first, last = np.clip(sorted((low, high)), -_LARGEST, _LARGEST).tolist()
        return first, last

    def _clipped(self, features: Array) -> Array:
        clipped: Array = np.minimum(np.maximum(features, self._low), self._high)
        return clipped

    def _check(self, raw: Floats, absent: NDArray[np.bool_]) -> None:
        wrong = (absent & self._required) | np.isinf(raw)
        if not wrong.any():
            return
        row, place = (int(one) for one in np.argwhere(wrong)[0])
        if absent[row, place]:
            raise InvalidInput(
                f"row {row} has nothing in column {self._names[place]!r}: the model needs a number"
            )
        raise InvalidInput(
            f"row {row} holds an infinite number in column {self._names[place]!r}: give a finite "
            "one, or nothing where it is not known"
        )


def _places(starts: Sequence[int]) -> Any:  # noqa: ANN401 - a slice or an array, as NumPy takes
    """Where the features stand; a slice, which costs less, where they stand side by side."""
    first = starts[0]
    if list(starts) == list(range(first, first + len(starts))):
        return slice(first, first + len(starts))
    return np.array(starts)


def _divides(scale: Floats) -> bool:
    return bool(np.isfinite(scale).all() and (scale != 0).all())
