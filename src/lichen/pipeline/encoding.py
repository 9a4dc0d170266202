"""Raw rows into a core's features: every encoder of a pipeline, prepared once and run often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.categories import CodesEncoding, OneHotEncoding
from lichen.pipeline.declaration import (
    Codes,
    Embedding,
    Encoders,
    Moment,
    Number,
    OneHot,
    Pipeline,
    Subwords,
    Tokens,
    Words,
)
from lichen.pipeline.embeddings import Embed, EmbeddingEncoding
from lichen.pipeline.moments import MomentEncoding, part_names
from lichen.pipeline.numbers import NumbersEncoding
from lichen.pipeline.signature import NUMBERS, TEXTS, number_columns, text_columns
from lichen.pipeline.tokens import TokensEncoding
from lichen.pipeline.words import WordsEncoding

Features = NDArray[np.float32]
Arrays = Mapping[str, Array]
NO_ARRAYS: Arrays = {}
_MOST_AT_ONCE = 512
"""Features of a row that is written as a list; more are quicker as an array."""


_NO_FEATURES = "a text network takes texts as tokens, not as features: ask it for texts"


class TextEncoding(Protocol):
    """The encoder of one column of texts, prepared."""

    def fill(self, cells: Sequence[bytes], features: Features) -> None:
        """Write its features of some rows, into zeros.

        Raises:
            InvalidInput: a cell is not what it takes; the message names row and column.
        """
        ...

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write its features of one row, into zeros; the same to the bit.

        Raises:
            InvalidInput: the cell is not what it takes; the message names the column.
        """
        ...


@dataclass(frozen=True, slots=True)
class _OfText:
    """One encoder of texts, and where its column stands."""

    column: int
    encoding: TextEncoding


class Encoding:
    """Encoders prepared; rows are independent: a batch gives each row what it gets alone."""

    def __init__(
        self,
        pipeline: Pipeline,
        arrays: Arrays = NO_ARRAYS,
        encoders: Sequence[Encoders] | None = None,
        embed: Embed | None = None,
    ) -> None:
        """Prepare them.

        Args:
            pipeline: with encoders; its raw columns are taken.
            arrays: of its `pipeline.npz`.
            encoders: those to run; None: all.
            embed: the sentence encoder, where an encoder is of one.

        Raises:
            InvalidInput: an encoder contradicts itself; the message names its column.
            Unavailable: what parts texts of a language is not installed.
        """
        chosen = pipeline.encoders if encoders is None else encoders
        widths = [width_of(one, arrays) for one in chosen]
        *starts, self.width = accumulate(widths, initial=0)
        self._numbers = _numbers(pipeline, chosen, starts)
        self._texts = _texts(pipeline, chosen, starts, arrays, embed)
        self._required = required_texts(pipeline)
        self._first = NUMBERS if number_columns(pipeline) else TEXTS

    def encode(self, tensors: Mapping[str, Array]) -> Features:
        """The features `(rows, width)` of raw rows.

        Args:
            tensors: `numbers` and `texts`, each where the signature has it.

        Raises:
            InvalidInput: a cell cannot be what the model was trained on; the message names row and
                column.
        """
        rows = len(tensors[self._first])
        if rows == 1 and self.width <= _MOST_AT_ONCE:
            return self._encode_one(tensors)
        features = np.zeros((rows, self.width), dtype=np.float32)
        if self._numbers is not None:
            self._numbers.fill(tensors[NUMBERS], features)
        if self._texts:
            columns = cells_of(tensors[TEXTS])
            check_present(columns, self._required)
            for one in self._texts:
                one.encoding.fill(columns[one.column], features)
        return features

    def _encode_one(self, tensors: Mapping[str, Array]) -> Features:
        """One row: a list costs less than the arrays of each encoder."""
        row = [0.0] * self.width
        if self._numbers is not None:
            self._numbers.put(tensors[NUMBERS], row)
        if self._texts:
            cells = tensors[TEXTS][0].tolist()
            for at, name in self._required:
                if not cells[at]:
                    check_present([[cell] for cell in cells], [(at, name)])
            for one in self._texts:
                one.encoding.put(cells[one.column], row)
        return np.array([row], dtype=np.float32)


def encode(
    pipeline: Pipeline, tensors: Mapping[str, Array], arrays: Arrays = NO_ARRAYS
) -> Features:
    """The features float32 `(rows, width)` of raw rows; prepare an `Encoding` to do it often.

    Args:
        pipeline: with encoders.
        tensors: `numbers` FP64 and `texts` of bytes, each where the signature has it.
        arrays: of its `pipeline.npz`.

    Raises:
        InvalidInput: an encoder contradicts itself, or a cell is not what it takes; the message
            names the column.
        Unavailable: what parts texts of a language is not installed.
    """
    return Encoding(pipeline, arrays).encode(tensors)


def feature_names(pipeline: Pipeline, arrays: Arrays = NO_ARRAYS) -> list[str]:
    """What each feature is, in their order; of some encoders the columns say it, as `color=red`."""
    return [name for one in pipeline.encoders for name in _names(one, arrays)]


def feature_count(pipeline: Pipeline, arrays: Arrays = NO_ARRAYS) -> int:
    """How many features its encoders make."""
    return sum(width_of(one, arrays) for one in pipeline.encoders)


def width_of(said: Encoders, arrays: Arrays = NO_ARRAYS) -> int:
    """How many features one encoder makes.

    Raises:
        InvalidInput: its projection is not among the arrays.
    """
    match said:
        case Number():
            return 2 if said.flags_missing else 1
        case OneHot():
            return len(said.values) + said.flags_other
        case Codes() | Embedding():
            return said.width if isinstance(said, Embedding) else 1
        case Moment():
            return len(part_names(said))
        case Subwords():
            raise InvalidInput(_NO_FEATURES)
        case Words() | Tokens():
            projection = _projection(said, arrays) if isinstance(said, Words) else None
            return len(said.terms) if projection is None else projection.shape[1]


def required_texts(pipeline: Pipeline) -> tuple[tuple[int, str], ...]:
    """Columns of texts that no row may lack: where each stands, and its name."""
    required = {one.column for one in pipeline.encoders if not one.may_lack}
    return tuple((at, name) for at, name in enumerate(text_columns(pipeline)) if name in required)


def cells_of(texts: Array) -> list[list[bytes]]:
    """The cells of each column, row by row."""
    found: list[list[bytes]] = texts.T.tolist()
    return found


def check_present(columns: Sequence[Sequence[bytes]], required: Sequence[tuple[int, str]]) -> None:
    """Are there texts where there must be?

    Raises:
        InvalidInput: one is missing; the message names row and column.
    """
    for at, name in required:
        if b"" in columns[at]:
            raise InvalidInput(
                f"row {columns[at].index(b'')} has nothing in column {name!r}: the model needs a "
                "text"
            )


def _names(said: Encoders, arrays: Arrays) -> list[str]:
    column = said.column
    match said:
        case Number():
            return [column, f"{column} is missing"] if said.flags_missing else [column]
        case OneHot():
            other = [f"{column}=other"] if said.flags_other else []
            return [*(f"{column}={value}" for value in said.values), *other]
        case Moment():
            return [f"{column}.{part}" for part in part_names(said)]
        case Words() | Tokens() | Embedding():
            parts: Sequence[object] = range(width_of(said, arrays))
            if isinstance(said, Tokens) or (isinstance(said, Words) and said.projection is None):
                parts = said.terms
            return [f"{column}:{part}" for part in parts]
        case Codes():
            return [column]
        case Subwords():
            raise InvalidInput(_NO_FEATURES)


def _numbers(
    pipeline: Pipeline, chosen: Sequence[Encoders], starts: Sequence[int]
) -> NumbersEncoding | None:
    found = [
        (one, start) for one, start in zip(chosen, starts, strict=True) if isinstance(one, Number)
    ]
    if not found:
        return None
    encoders, first = zip(*found, strict=True)
    return NumbersEncoding(encoders, first, number_columns(pipeline))


def _texts(
    pipeline: Pipeline,
    chosen: Sequence[Encoders],
    starts: Sequence[int],
    arrays: Arrays,
    embed: Embed | None,
) -> tuple[_OfText, ...]:
    columns = {name: at for at, name in enumerate(text_columns(pipeline))}
    return tuple(
        _OfText(columns[one.column], _of_text(one, start, arrays, embed))
        for one, start in zip(chosen, starts, strict=True)
        if not isinstance(one, Number)
    )


def _of_text(
    said: OneHot | Codes | Moment | Words | Tokens | Embedding | Subwords,
    start: int,
    arrays: Arrays,
    embed: Embed | None,
) -> TextEncoding:
    match said:
        case OneHot():
            return OneHotEncoding(said, start)
        case Codes():
            return CodesEncoding(said, start)
        case Moment():
            return MomentEncoding(said, start)
        case Words() | Tokens():
            return _of_terms(said, start, arrays)
        case Embedding():
            return EmbeddingEncoding(said, start, embed)
        case Subwords():
            raise InvalidInput(_NO_FEATURES)


def _of_terms(said: Words | Tokens, start: int, arrays: Arrays) -> TextEncoding:
    if isinstance(said, Tokens):
        return TokensEncoding(said, start)
    return WordsEncoding(said, start, _projection(said, arrays))


def _projection(said: Words, arrays: Arrays) -> Features | None:
    if said.projection is None:
        return None
    found = arrays.get(said.projection)
    if found is None or found.ndim != 2 or not np.isfinite(found).all():
        raise InvalidInput(
            f"column {said.column!r} needs the projection {said.projection!r}, which the "
            "pipeline's arrays do not hold: train it again"
        )
    return found.astype(np.float32, copy=False)
