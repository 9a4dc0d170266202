"""What one training on texts works on: rows, how they are split, and their features, made once."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.splits import (
    Fold,
    SplitKind,
    blocks_of,
    check_folds,
    folds_of,
    forward_folds,
    spread_again,
)
from lichen.frameworks.estimation import Pause
from lichen.frameworks.sparse_linear import latent_directions
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import CHINESE
from lichen.protocol.training import TextClassificationTraining
from lichen.training.encoders import NamedEncoder
from lichen.training.splitting import (
    Sides,
    balanced_weights,
    part_for_test,
    positions_by,
    split_kind,
)
from lichen.training.texts.rows import TextRows
from lichen.training.vocabulary import Counts, Sparse, Vocabulary, count_terms

FOLDS = 5
LARGE_ROWS = 20_000
FOLDS_OF_LARGE = 3
"""Of many rows fewer folds tell as much, for fewer joules."""

MANY_ROWS = 500
"""From so many rows on a term must stand in two of them: of fewer, every word may tell."""

WORDS, CHARACTERS = "words", "characters"
COMPONENTS = 100
"""Latent directions of each block (LSA)."""

MOST_KEPT = 12
"""Weighed blocks that are kept in memory at once."""


@dataclass(frozen=True, slots=True)
class Block:
    """The features of one way to count terms, of all rows, by the vocabulary of some.

    Attributes:
        vocabulary: the encoder.
        features: `(rows, terms)`, every row of the study's.
        directions: LSA `(terms, components)`; None: none were asked for.
    """

    vocabulary: Vocabulary
    features: Sparse
    directions: NDArray[np.float64] | None = None

    def latent(self) -> NDArray[np.float64]:
        """Every row along the directions `(rows, components)`, each of unit length."""
        if self.directions is None:
            raise ValueError("no directions were asked for")
        along = np.asarray(self.features @ self.directions)
        lengths = np.sqrt((along * along).sum(axis=1, keepdims=True))
        made: NDArray[np.float64] = along / np.where(lengths > 0, lengths, 1.0)
        return made


class TextStudy:
    """Rows, splits and features of one training."""

    def __init__(
        self,
        asked: TextClassificationTraining,
        rows: TextRows,
        language: str,
        encoder: NamedEncoder | None = None,
    ) -> None:
        """Split the rows; `encoder` embeds their texts where one was asked for.

        Raises:
            InvalidInput: they cannot be split as asked; one sentence says why.
        """
        self.asked = asked
        self.rows = rows
        self.language = language
        self.encoder = encoder
        self._embedded: NDArray[np.float32] | None = None
        sides = Sides(target=rows.target, groups=rows.groups, times=rows.times)
        self.kind = split_kind(asked.split, sides, SplitKind.STRATIFIED)
        positions = positions_by(self.kind, sides, asked.seed)
        self.positions = positions
        self.test = part_for_test(positions, asked.test_share, 1)
        fit = self.test.fit
        spread = spread_again(positions[fit])
        split = forward_folds if self.kind is SplitKind.TIME else folds_of
        self.folds = tuple(
            Fold(fit[one.fit], fit[one.held]) for one in split(spread, self._fold_count(fit))
        )
        self._counts: dict[str, Counts] = {}
        self._blocks: OrderedDict[tuple[str, int, bool], Block] = OrderedDict()

    def blocks(self, at: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """What each of these rows may be like others of; None: they are independent."""
        return blocks_of(self.kind, self.positions[at])

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.rows.labels)

    def weights(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Weights of some rows to fit with: what a column says times what balances the classes."""
        said = None if self.rows.weights is None else self.rows.weights[rows]
        if self.asked.class_weight is None:
            return said
        target = self.rows.target[rows]
        return balanced_weights(target, said, self.classes)

    def block(self, name: str, fold: int, pause: Pause, *, is_latent: bool = False) -> Block:
        """Features by the vocabulary of the rows that a fold fits on; fold -1 fits on all but test.

        Raises:
            InvalidInput: there are no terms.
        """
        key = (name, fold, is_latent)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        pause()
        made = self._latent(name, fold, pause) if is_latent else self._plain(name, fold, pause)
        self._blocks[key] = made
        if len(self._blocks) > MOST_KEPT:
            self._blocks.popitem(last=False)
        return made

    def embeddings(self, pause: Pause) -> NDArray[np.float32]:
        """The vectors of all texts, made at the first call.

        Raises:
            InvalidInput: no encoder was asked for.
        """
        if self.encoder is None:
            raise InvalidInput("embeddings need a sentence encoder: name one as encoder")
        if self._embedded is None:
            self._embedded = self.encoder.embed(self.rows.texts, pause)
        return self._embedded

    def fitted_on(self, fold: int) -> NDArray[np.int64]:
        """The rows that a fold fits on."""
        return self.test.fit if fold < 0 else self.folds[fold].fit

    def entries(self, name: str) -> int:
        """Terms of all texts, each text's once: what a fit goes through."""
        return int(self._counts[name].rows.nnz) if name in self._counts else 0

    def count(self, name: str, pause: Pause) -> Counts:
        """The terms of all texts, counted at the first call."""
        if name not in self._counts:
            self._counts[name] = count_terms(self.rows.texts, self._declared(name), pause)
        return self._counts[name]

    def fingerprint(self) -> str:
        """Names the task and its data: a checkpoint of another is of no use."""
        digest = sha256(msgspec.json.encode(self.asked))
        digest.update("\0".join(self.rows.texts).encode())
        digest.update(self.rows.target.tobytes())
        return digest.hexdigest()

    def _plain(self, name: str, fold: int, pause: Pause) -> Block:
        counts = self.count(name, pause)
        fit = self.fitted_on(fold)
        vocabulary = counts.vocabulary(fit, 2 if len(fit) >= MANY_ROWS else 1)
        return Block(vocabulary, counts.weighed(vocabulary))

    def _latent(self, name: str, fold: int, pause: Pause) -> Block:
        plain = self.block(name, fold, pause)
        fitted = plain.features[self.fitted_on(fold)]
        found = latent_directions(fitted, COMPONENTS, self.asked.seed)
        return Block(plain.vocabulary, plain.features, found)

    def _declared(self, name: str) -> Words:
        is_chinese = self.language == CHINESE
        ngrams = {
            WORDS: (1, 2) if is_chinese else (1, 3),
            CHARACTERS: (1, 3) if is_chinese else (2, 5),
        }
        return Words(
            column=self.asked.text,
            analyzer="word" if name == WORDS else "char",
            language=self.language,
            ngrams=ngrams[name],
            terms=[],
            weights=[],
        )

    def _fold_count(self, fit: NDArray[np.int64]) -> int:
        if self.asked.cv is not None:
            check_folds(self.asked.cv, len(fit))
            return self.asked.cv
        if self.kind is SplitKind.GROUPED and self.rows.groups is not None:
            return max(2, min(FOLDS, len(np.unique(self.rows.groups[fit]))))
        return FOLDS_OF_LARGE if len(fit) >= LARGE_ROWS else FOLDS
