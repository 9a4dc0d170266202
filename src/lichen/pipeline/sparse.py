"""Features that stay sparse: of 50,000 terms a linear core needs only the few that a text has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.pipeline.declaration import Encoders, Pipeline, Words
from lichen.pipeline.encoding import (
    NO_ARRAYS,
    Arrays,
    Encoding,
    Features,
    cells_of,
    check_present,
    required_texts,
    width_of,
)
from lichen.pipeline.signature import TEXTS, text_columns
from lichen.pipeline.words import SparseRows, WordsEncoding, sparse_rows


@dataclass(frozen=True, slots=True)
class PartlySparse:
    """The features of some rows.

    Attributes:
        dense: `(rows, k)`: those at `SparseEncoding.dense_places`.
        terms: all others that are not 0, by their places among all features.
    """

    dense: Features
    terms: SparseRows


class SparseEncoding:
    """Encoders prepared; terms of texts stay sparse, all else is dense."""

    def __init__(self, pipeline: Pipeline, arrays: Arrays = NO_ARRAYS) -> None:
        """Prepare them.

        Raises:
            InvalidInput: an encoder contradicts itself; the message names its column.
            Unavailable: what parts texts of a language is not installed.
        """
        columns = text_columns(pipeline)
        self._required = required_texts(pipeline)
        self._words: list[tuple[int, WordsEncoding]] = []
        dense: list[Encoders] = []
        places: list[int] = []
        start = 0
        for one in pipeline.encoders:
            width = width_of(one, arrays)
            if isinstance(one, Words) and one.projection is None:
                self._words.append((columns.index(one.column), WordsEncoding(one, start)))
            else:
                dense.append(one)
                places += range(start, start + width)
            start += width
        self.width = start
        self.dense_places: NDArray[np.int64] = np.array(places, dtype=np.int64)
        self._dense = Encoding(pipeline, arrays, dense)

    def encode(self, tensors: Mapping[str, Array]) -> PartlySparse:
        """The features of raw rows.

        Raises:
            InvalidInput: a cell cannot be what the model was trained on; the message names row and
                column.
        """
        if not self._words:
            return PartlySparse(self._dense.encode(tensors), sparse_rows(()))
        columns = cells_of(tensors[TEXTS])
        check_present(columns, self._required)
        return PartlySparse(self._dense.encode(tensors), sparse_rows(self._rows(columns)))

    def _rows(self, columns: Sequence[Sequence[bytes]]) -> Iterator[tuple[list[int], list[float]]]:
        for row in range(len(columns[0])):
            places: list[int] = []
            values: list[float] = []
            for column, words in self._words:
                found, weights = words.entries(columns[column][row], row)
                places += [words.start + place for place in found]
                values += weights
            yield places, values


def encode_sparse(
    pipeline: Pipeline, tensors: Mapping[str, Array], arrays: Arrays = NO_ARRAYS
) -> tuple[PartlySparse, NDArray[np.int64]]:
    """The features of raw rows, and at which places the dense ones stand.

    Raises:
        InvalidInput: an encoder contradicts itself, or a cell is not what it takes; the message
            names the column.
        Unavailable: what parts texts of a language is not installed.
    """
    encoding = SparseEncoding(pipeline, arrays)
    return encoding.encode(tensors), encoding.dense_places
