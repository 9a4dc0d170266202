"""Texts as vectors of a sentence encoder, which whoever prepares the encoding hands in."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Embedding
from lichen.pipeline.terms import LONGEST_TEXT

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Vectors `(texts, width)` of texts."""


class EmbeddingEncoding:
    """An `Embedding`, prepared."""

    def __init__(self, said: Embedding, start: int, embed: Embed | None) -> None:
        """Prepare it; its features begin at `start`.

        Raises:
            InvalidInput: no sentence encoder is at hand.
        """
        if embed is None:
            raise InvalidInput(
                f"column {said.column!r} needs the model's sentence encoder: load it from the "
                "registry, or train it again"
            )
        self._column, self._width, self._start, self._embed = said.column, said.width, start, embed

    def fill(self, cells: Sequence[bytes], features: NDArray[np.float32]) -> None:
        """Write the features of some rows.

        Raises:
            InvalidInput: a cell is no UTF-8 text; the message names its row.
        """
        texts = [self._text(cell, row) for row, cell in enumerate(cells)]
        features[:, self._start : self._start + self._width] = self._embed(texts)

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write the features of one row.

        Raises:
            InvalidInput: the cell is no UTF-8 text.
        """
        found = self._embed([self._text(cell, 0)])[0].tolist()
        row[self._start : self._start + self._width] = found

    def _text(self, cell: bytes, row: int) -> str:
        try:
            return cell.decode()[:LONGEST_TEXT]
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"row {row} holds bytes in column {self._column!r} that are no UTF-8 text"
            ) from error
