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
        if len(cells) == 1:
            place = self._places.get(cells[0], self._other)
            if place != _NOWHERE:
                features[0, place] = 1.0
            return
        found = map(self._places.get, cells, repeat(self._other))
        places = np.fromiter(found, np.int64, len(cells))
        rows = np.flatnonzero(places != _NOWHERE)
        features[rows, places[rows]] = 1.0


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
        if len(cells) == 1:
            features[0, self._start] = self._numbers.get(cells[0], self._other)
            return
        found = map(self._numbers.get, cells, repeat(self._other))
        features[:, self._start] = np.fromiter(found, np.float64, len(cells))


def _are_finite(numbers: Iterable[float], other: float | None) -> bool:
    said = [*numbers] if other is None else [*numbers, other]
    return bool(np.isfinite(np.asarray(said, dtype=np.float64)).all())
