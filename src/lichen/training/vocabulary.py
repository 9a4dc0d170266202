"""Terms of texts, counted once; vocabularies of any of the rows, and TF-IDF by them.

What is counted here is what `lichen.pipeline.words` counts when the model is served: the terms come
from the same function.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy import sparse

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import terms_of

Sparse = Any
"""A `scipy.sparse.csr_array`, which has no types."""

MOST_TERMS = 100_000
"""The terms that most rows have; more only make a model larger."""

PAUSE_EVERY = 200


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each term stands in each text.

    Attributes:
        said: how they were counted, its vocabulary empty.
        terms: in the order of the columns.
        rows: `(texts, terms)`.
    """

    said: Words
    terms: tuple[str, ...]
    rows: Sparse

    def vocabulary(self, fit: NDArray[np.int64], fewest_rows: int = 1) -> "Vocabulary":
        """The terms of some of the rows, weighed by how few of these have them.

        Args:
            fit: the rows that may be looked at.
            fewest_rows: a term counts when it stands in so many of them.

        Raises:
            InvalidInput: no term does.
        """
        having = np.bincount(self.rows[fit].indices, minlength=len(self.terms))
        kept = np.flatnonzero(having >= fewest_rows)
        if len(kept) > MOST_TERMS:
            usual = np.argsort(-having[kept], kind="stable")[:MOST_TERMS]
            kept = np.sort(kept[usual])
        if not len(kept):
            raise InvalidInput(
                f"column {self.said.column!r} has no {_TITLES[self.said.analyzer]} that stand in "
                f"{fewest_rows} of {len(fit)} texts: give texts of some length"
            )
        weights = np.log((1 + len(fit)) / (1 + having[kept])) + 1
        said = replace(
            self.said, terms=[self.terms[place] for place in kept], weights=weights.tolist()
        )
        return Vocabulary(said, kept)

    def weighed(self, vocabulary: "Vocabulary") -> Sparse:
        """TF-IDF of all rows `(texts, terms)`, each of unit length."""
        found = self.rows[:, vocabulary.kept]
        values = 1.0 + np.log(found.data) if self.said.is_sublinear else found.data
        made = sparse.csr_array((values, found.indices, found.indptr), shape=found.shape)
        made = made.multiply(np.asarray(vocabulary.said.weights)).tocsr()
        lengths = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
        scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return sparse.csr_array(sparse.diags_array(scales) @ made)


_TITLES = {"word": "words", "char": "runs of characters"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """An encoder, and which of the counted terms it has."""

    said: Words
    kept: NDArray[np.int64]


def count_terms(texts: Sequence[str], said: Words, pause: Pause) -> Counts:
    """Count the terms of texts.

    Raises:
        InvalidInput: the language is not known.
        Unavailable: what parts texts of it is not installed.
    """
    terms_in = terms_of(said)
    places: dict[str, int] = {}
    columns, values, ends = array("i"), array("d"), array("i", [0])  # as scikit-learn takes them
    for row, text in enumerate(texts):
        if row % PAUSE_EVERY == 0:
            pause()
        for term, count in Counter(terms_in(text)).items():
            columns.append(places.setdefault(term, len(places)))
            values.append(count)
        ends.append(len(columns))
    ordered = sorted(places)
    renamed = np.empty(len(places), dtype=np.int32)
    renamed[[places[term] for term in ordered]] = np.arange(len(places), dtype=np.int32)
    shape = (len(texts), len(places))
    entries = (np.array(values), renamed[np.array(columns)], np.array(ends))
    made = sparse.csr_array(entries, shape=shape)
    made.sort_indices()
    return Counts(said, tuple(ordered), made)
