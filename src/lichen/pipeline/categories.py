"""Texts of a few values, or of many, as features: one look into a table a cell."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Codes, OneHot

_NOWHERE = -1


class OneHotEncoding:
    """A `OneHot`, prepared."""

    def __init__(self, said: OneHot, start: int) -> None:
        """Prepare it; its features begin at `start`."""
        self._places: Mapping[bytes, int] = {
            value.encode(): start + at for at, value in enumerate(said.values)
        }
        self._other = start + len(said.values) if said.flags_other else _NOWHERE

    def fill(self, cells: Sequence[bytes], features: NDArray[np.float32]) -> None:
        """Write the features of some rows: `cells` of its column, zeros where features stand."""
        found = map(self._places.get, cells, repeat(self._other))
        places = np.fromiter(found, np.int64, len(cells))
        rows = np.flatnonzero(places != _NOWHERE)
        features[rows, places[rows]] = 1.0

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write the features of one row."""
        place = self._places.get(cell, self._other)
        if place != _NOWHERE:
            row[place] = 1.0


class CodesEncoding:
    """A `Codes`, prepared."""

    def __init__(self, said: Codes, start: int) -> None:
        """Prepare it; its feature is `start`.

        Raises:
            InvalidInput: it has not one finite number for each value.
        """
        if len(said.values) != len(said.numbers) or not _are_finite(said.numbers, said.other):
            raise InvalidInput(
                f"column {said.column!r} has not one number for each of its values: train it again"
            )
        self._numbers = {
            value.encode(): number for value, number in zip(said.values, said.numbers, strict=True)
        }
        self._other = np.nan if said.other is None else said.other
        self._start = start

    def fill(self, cells: Sequence[bytes], features: NDArray[np.float32]) -> None:
        """Write the feature of some rows."""
        found = map(self._numbers.get, cells, repeat(self._other))
        features[:, self._start] = np.fromiter(found, np.float64, len(cells))

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write the feature of one row."""
        row[self._start] = self._numbers.get(cell, self._other)


def _are_finite(numbers: Iterable[float], other: float | None) -> bool:
    said = [*numbers] if other is None else [*numbers, other]
    return bool(np.isfinite(np.asarray(said, dtype=np.float64)).all())
