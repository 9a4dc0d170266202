"""Texts as TF-IDF of their terms, sparse until somebody needs them dense.

Term frequency times inverse document frequency, each row of unit length (Salton and Buckley,
1988); with a projection, latent semantic analysis (Deerwester et al., 1990).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import terms_of

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SparseRows:
    """The features of rows that are not 0, a row after the other (CSR).

    Attributes:
        ends: `(rows + 1,)` int64: row r has the entries from `ends[r]` to before `ends[r + 1]`.
        places: int64: which feature each entry is.
        values: float32: what it is.
    """

    ends: NDArray[np.int64]
    places: NDArray[np.int64]
    values: Matrix


class WordsEncoding:
    """A `Words`, prepared."""

    def __init__(self, said: Words, start: int, projection: Matrix | None = None) -> None:
        """Prepare it; its features begin at `start`.

        Args:
            said: what is encoded.
            start: its first feature.
            projection: `(terms, components)`, where it says that there is one.

        Raises:
            InvalidInput: it has not one weight for each term, or its projection does not fit.
            Unavailable: what parts texts of its language is not installed.
        """
        terms = len(said.terms)
        if len(said.weights) != terms or not np.isfinite(said.weights).all():
            raise InvalidInput(
                f"column {said.column!r} has not one weight for each of its terms: train it again"
            )
        fits = projection is None or (projection.ndim == 2 and len(projection) == terms)
        if not fits or (projection is None) != (said.projection is None):
            raise InvalidInput(
                f"column {said.column!r} has no projection of its {terms} terms: train it again"
            )
        self._terms_of = terms_of(said)
        self._weights = {
            term: (at, weight)
            for at, (term, weight) in enumerate(zip(said.terms, said.weights, strict=True))
        }
        self._column, self._is_sublinear = said.column, said.is_sublinear
        self._projection, self._is_directed = projection, said.is_directed
        self.start = start
        self.width = terms if projection is None else projection.shape[1]

    @property
    def is_sparse(self) -> bool:
        """Whether most of its features are 0."""
        return self._projection is None

    def fill(self, cells: Sequence[bytes], features: Matrix) -> None:
        """Write the features of some rows.

        Raises:
            InvalidInput: a cell is no UTF-8 text; the message names its row.
        """
        projection = self._projection
        for row, cell in enumerate(cells):
            places, values = self.entries(cell, row)
            if not places:
                continue
            if projection is None:
                features[row, [self.start + place for place in places]] = values
            else:
                found = np.array(values) @ projection[places].astype(np.float64)
                if self._is_directed:
                    found /= sqrt(float(found @ found)) or 1.0
                features[row, self.start : self.start + self.width] = found

    def entries(self, cell: bytes, row: int) -> tuple[list[int], list[float]]:
        """Terms of one text that are known, in ascending order, and their values of unit length.

        Raises:
            InvalidInput: it is no UTF-8 text.
        """
        try:
            text = cell.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"row {row} holds bytes in column {self._column!r} that are no UTF-8 text"
            ) from error
        weights = self._weights
        counts = Counter([term for term in self._terms_of(text) if term in weights])
        found = sorted((*weights[term], count) for term, count in counts.items())
        values = [weight * self._frequency(count) for _, weight, count in found]
        length = sqrt(sum(value * value for value in values)) or 1.0
        return [place for place, _, _ in found], [value / length for value in values]

    def _frequency(self, count: int) -> float:
        return 1.0 + log(count) if self._is_sublinear else float(count)


def sparse_rows(rows: Iterable[tuple[list[int], list[float]]]) -> SparseRows:
    """Entries of rows as one record."""
    ends, places, values = [0], list[int](), list[float]()
    for row_places, row_values in rows:
        places += row_places
        values += row_values
        ends.append(len(places))
    return SparseRows(
        np.array(ends, dtype=np.int64),
        np.array(places, dtype=np.int64),
        np.array(values, dtype=np.float32),
    )
