"""Free text in a column of a table: TF-IDF of its words, or for trees what is left of it by LSA."""

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.pipeline.declaration import Pipeline, Words
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.signature import TEXTS
from lichen.pipeline.terms import CHINESE, ENGLISH, terms_of
from lichen.training.tables.columns import Planned

MOST_TERMS = 2_000
PROJECTED_TERMS = 800
"""Terms that are projected: the directions of more take longer to find than trees to grow."""

MOST_CELLS = 40_000_000
"""Rows times terms that are held at once: 160 MB."""

FEWEST_ROWS = 2
COMPONENTS = 32


def fit_words(
    cells: NDArray[Any], column: Planned, *, is_projected: bool
) -> tuple[Words | None, Array | None]:
    """The encoder of a column of texts, and its projection where it has one.

    Args:
        cells: texts as bytes.
        column: which they are of.
        is_projected: whether the terms are brought down to `COMPONENTS` features.

    Returns:
        None where no term stands in two rows.
    """
    texts = [cell.decode() for cell in cells]
    plain = _vocabulary(texts, column, PROJECTED_TERMS if is_projected else MOST_TERMS)
    if plain is None or not is_projected:
        return plain, None
    features = Encoding(Pipeline(encoders=[plain])).encode({TEXTS: cells[:, None]})
    variances, directions = np.linalg.eigh((features.T @ features).astype(np.float64))
    kept = np.argsort(-variances, kind="stable")[:COMPONENTS]
    kept = kept[variances[kept] > 1e-9 * max(float(variances.max()), 1e-9)]
    found = directions[:, kept]
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    key = f"words {column.name}"
    return (
        Words(
            column=plain.column,
            may_lack=plain.may_lack,
            language=plain.language,
            ngrams=plain.ngrams,
            terms=plain.terms,
            weights=plain.weights,
            projection=key,
        ),
        np.asarray(found * signs, dtype=np.float32),
    )


def _vocabulary(texts: Sequence[str], column: Planned, terms: int) -> Words | None:
    """The words that most rows have, weighed by how few have them."""
    language = CHINESE if _is_chinese(texts) else ENGLISH
    empty = Words(
        column=column.name,
        may_lack=column.may_lack,
        language=language,
        ngrams=(1, 2),
        terms=[],
        weights=[],
    )
    terms_in = terms_of(empty)
    rows_with: Counter[str] = Counter()
    for text in texts:
        rows_with.update(set(terms_in(text)))
    most = min(terms, max(50, MOST_CELLS // max(len(texts), 1)))
    usual = [(count, term) for term, count in rows_with.items() if count >= FEWEST_ROWS]
    kept = sorted(usual, key=lambda one: (-one[0], one[1]))[:most]
    if not kept:
        return None
    chosen = sorted((term, count) for count, term in kept)
    return Words(
        column=empty.column,
        may_lack=empty.may_lack,
        language=language,
        ngrams=empty.ngrams,
        terms=[term for term, _ in chosen],
        weights=[log((1 + len(texts)) / (1 + count)) + 1 for _, count in chosen],
    )


def _is_chinese(texts: Sequence[str]) -> bool:
    signs = "".join(texts[:200])
    return sum("\u4e00" <= one <= "\u9fff" for one in signs) > 0.2 * max(len(signs), 1)
