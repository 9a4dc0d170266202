"""What rows are compared by: encoders of columns, or of one column of texts, and their features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.data.schema import Dtype, missing_column
from lichen.data.table import Table
from lichen.frameworks.estimation import Pause
from lichen.frameworks.sparse_linear import latent_directions
from lichen.pipeline.declaration import Embedding, Encoders, Number, OneHot, Pipeline, Words
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.signature import NUMBERS, TEXTS, number_columns, text_columns
from lichen.protocol.training import ClusteringTraining
from lichen.training.encoders import NamedEncoder
from lichen.training.languages import language_of
from lichen.training.vocabulary import Counts, count_terms

MOST_VALUES = 30
"""A text of more values than this names each row: it tells nothing of groups."""

FEWEST_COMPONENTS, MOST_COMPONENTS = 5, 50
ROWS_A_COMPONENT = 12
"""So many texts each latent direction must be seen in: of few texts more would be chance."""

FEWEST_ROWS = 6
WORDS = "words"


@dataclass(frozen=True, slots=True)
class ClusterRows:
    """Rows to group.

    Attributes:
        features: `(rows, features)`, as they are served.
        encoders: of the raw columns.
        arrays: projections of the encoders, by name.
        tensors: the raw columns of all rows.
        left_out: why columns or rows were, a sentence each.
        words: of texts, each word of each row counted; None of tables.
        language: of texts; None of tables.
        encoder: that embeds the texts; None: they are compared by their words.
    """

    features: NDArray[np.float64]
    encoders: Sequence[Encoders]
    arrays: Mapping[str, Array]
    tensors: Mapping[str, Array]
    left_out: tuple[str, ...]
    words: Counts | None = None
    language: str | None = None
    encoder: NamedEncoder | None = None

    def __len__(self) -> int:
        return len(self.features)


def table_rows(table: Table, asked: ClusteringTraining) -> ClusterRows:
    """Rows compared by columns: numbers of one scale, and what values a category has.

    Raises:
        InvalidInput: no column is left to compare by, or there are too few rows.
    """
    encoders: list[Encoders] = []
    left_out: list[str] = []
    for name in _compared(table, asked):
        found = _encoder(table, name)
        if isinstance(found, str):
            left_out.append(f"column {name!r} left out: it {found}")
        else:
            encoders.append(found)
    if not encoders:
        raise InvalidInput(
            f"no column is left to compare rows by: {'; '.join(left_out) or 'none was named'}; "
            "give columns that vary, or name a column of texts as text"
        )
    pipeline = Pipeline(encoders=encoders)
    tensors = _tensors(table, pipeline)
    features = Encoding(pipeline).encode(tensors).astype(np.float64)
    return _checked(ClusterRows(features, encoders, {}, tensors, tuple(left_out)), asked)


def text_rows(
    texts: Sequence[str],
    asked: ClusteringTraining,
    pause: Pause,
    named: NamedEncoder | None = None,
) -> ClusterRows:
    """Texts compared by their embeddings, or by the latent directions of their words (LSA).

    Raises:
        InvalidInput: there are too few texts, or no word stands in two of them.
    """
    kept = [text for text in dict.fromkeys(texts) if text]
    if len(kept) < FEWEST_ROWS:
        raise InvalidInput(
            f"column {asked.text!r} holds {len(kept)} different texts: give {FEWEST_ROWS} or more"
        )
    language = language_of(kept, asked.language)
    said = Words(column=asked.text or "", language=language, terms=[], weights=[])
    counts = count_terms(kept, said, pause)
    encoder, arrays = _text_encoder(counts, asked, named)
    pause()
    cells: Array = np.empty((len(kept), 1), dtype=np.object_)
    cells[:, 0] = [text.encode() for text in kept]
    tensors = {TEXTS: cells}
    if named is not None:
        features = named.embed(tuple(kept), pause).astype(np.float64)
    else:
        encoding = Encoding(Pipeline(encoders=[encoder]), arrays)
        features = encoding.encode(tensors).astype(np.float64)
    without = len(texts) - len(kept)
    left_out = (f"{without} rows left out: no text, or the same as another",) if without else ()
    made = ClusterRows(features, [encoder], arrays, tensors, left_out, counts, language, named)
    return _checked(made, asked)


def _text_encoder(
    counts: Counts, asked: ClusteringTraining, named: NamedEncoder | None
) -> tuple[Words | Embedding, dict[str, Array]]:
    if named is not None:
        return named.declared(asked.text or ""), {}
    texts = counts.rows.shape[0]
    vocabulary = counts.vocabulary(np.arange(texts), 2)
    weighed = counts.weighed(vocabulary)
    found = latent_directions(weighed, _components(texts), asked.seed)
    return replace(vocabulary.said, projection=WORDS), {WORDS: found.astype(np.float32)}


def _components(texts: int) -> int:
    return min(MOST_COMPONENTS, max(FEWEST_COMPONENTS, texts // ROWS_A_COMPONENT))


def _compared(table: Table, asked: ClusteringTraining) -> list[str]:
    for name in (*(asked.columns or ()), *asked.exclude):
        if name not in table.names:
            raise InvalidInput(missing_column(name, table.names))
    return [name for name in asked.columns or table.names if name not in asked.exclude]


def _encoder(table: Table, name: str) -> Encoders | str:
    """The encoder of a column, or why there is none."""
    column = next(one for one in table.columns if one.name == name)
    cells = table.arrays[name]
    if column.dtype is Dtype.TEXT:
        values = sorted({str(cell) for cell in cells if cell is not None})
        if not 2 <= len(values) <= MOST_VALUES:
            few = "is the same in every row" if values else "holds no value"
            return few if len(values) < 2 else f"has {len(values)} values, more than {MOST_VALUES}"
        return OneHot(column=name, may_lack=True, values=values, flags_other=False)
    there = cells[np.isfinite(cells)]
    if not len(there):
        return "holds no value"
    if there.min() == there.max():
        return "is the same in every row"
    filled = np.where(np.isfinite(cells), cells, np.median(there))
    return Number(
        column=name,
        may_lack=True,
        fill=float(np.median(there)),
        centre=float(filled.mean()),
        scale=float(filled.std()),
        is_boolean=column.dtype is Dtype.BOOLEAN,
        unit=column.unit,
    )


def _tensors(table: Table, pipeline: Pipeline) -> dict[str, Array]:
    made: dict[str, Array] = {}
    numbers, texts = number_columns(pipeline), text_columns(pipeline)
    if numbers:
        made[NUMBERS] = np.column_stack([table.arrays[name] for name in numbers])
    if texts:
        cells: Array = np.empty((len(table), len(texts)), dtype=np.object_)
        for place, name in enumerate(texts):
            cells[:, place] = [_bytes(cell) for cell in table.arrays[name]]
        made[TEXTS] = cells
    return made


def _bytes(cell: Any) -> bytes:  # noqa: ANN401 - a text or None
    return b"" if cell is None else str(cell).encode()


def _checked(rows: ClusterRows, asked: ClusteringTraining) -> ClusterRows:
    if asked.clusters is not None and asked.clusters < 2:
        raise InvalidInput(f"{asked.clusters} clusters tell nothing apart: ask for 2 or more")
    different = len(np.unique(rows.features, axis=0))
    wanted = asked.clusters or 2
    if len(rows) < FEWEST_ROWS or different < wanted:
        raise InvalidInput(
            f"{len(rows)} rows, {different} of them different, are too few for {wanted} clusters: "
            "add rows, or ask for fewer clusters"
        )
    return rows
