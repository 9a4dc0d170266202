"""A text network as a predictor: tokens of a text, its ONNX core, and what its head makes of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.frameworks.alternatives import choices_of
from lichen.frameworks.base import Predictor
from lichen.frameworks.encoders.graph import IDS, MASK
from lichen.frameworks.runtimes import Choice
from lichen.frameworks.tokenizing import TOKENIZER_FILE, tokenizer_of
from lichen.pipeline.declaration import Entities, Pipeline, Subwords
from lichen.pipeline.encoding import cells_of, check_present, required_texts
from lichen.pipeline.examples import example_rows
from lichen.pipeline.heads import Answering, answering, check_columns
from lichen.pipeline.signature import TEXTS
from lichen.pipeline.spans import Token, entities_of
from lichen.pipeline.terms import LONGEST_TEXT

_ENTITIES = "entities"
_NO_ENTITIES = b"[]"


class TextNetworkPredictor:
    """Raw texts in, answers out.

    Each text goes through the network alone: no padding is computed on, and it gets the same answer
    to the bit whatever stands beside it.
    """

    def __init__(
        self, signature: Signature, pipeline: Pipeline, core: Predictor, files: Mapping[str, bytes]
    ) -> None:
        """Put it together.

        Raises:
            InvalidInput: core, tokenizer and head do not fit each other, or a file is missing.
            Unavailable: the package of tokenizers is not installed.
        """
        said = pipeline.encoders[0]
        if not isinstance(said, Subwords) or len(pipeline.encoders) > 1 or pipeline.head is None:
            raise InvalidInput("tokens stand alone and need a head: import the model again")
        if TOKENIZER_FILE not in files:
            raise InvalidInput(f"a text network needs {TOKENIZER_FILE}: import the model again")
        self._signature, self._pipeline, self._core = signature, pipeline, core
        self._column, self._required = said.column, required_texts(pipeline)
        self._tokenizer = tokenizer_of(files[TOKENIZER_FILE], said.longest)
        self._raw = _output_of(core)
        self._entities = pipeline.head if isinstance(pipeline.head, Entities) else None
        self._head: Answering | None = None if self._entities else answering(pipeline.head)
        self._check()

    @property
    def signature(self) -> Signature:
        """Texts in; what its head answers out."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Always: each text is looked at alone."""
        return True

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Which form of the core runs."""
        return choices_of(self._core)

    @property
    def device(self) -> str:
        """Where the core computes."""
        return str(getattr(self._core, "device", "cpu"))

    def predict(self, batch: Batch) -> Batch:
        """What is answered for texts.

        Raises:
            InvalidInput: one is missing, no UTF-8, or has no tokens; the message names row and
                column.
            WorkFailed: the core failed.
        """
        columns = cells_of(batch[TEXTS])
        check_present(columns, self._required)
        texts = [self._text(cell, row) for row, cell in enumerate(columns[0])]
        if self._entities is not None:
            return Batch({_ENTITIES: _column([self._marked(one) for one in texts])})
        raw = [self._said(self._tokens(text, row)) for row, text in enumerate(texts)]
        return Batch(self._answered(np.concatenate(raw)))

    def example(self, rows: int) -> Batch:
        """Texts of plain words."""
        return Batch(example_rows(self._pipeline, rows))

    def close(self) -> None:
        """Let go of the network."""
        self._core.close()

    def _tokens(self, text: str, row: int) -> list[int]:
        found: list[int] = self._tokenizer.encode(text).ids
        if not found:
            raise InvalidInput(
                f"row {row} holds a text in column {self._column!r} of which the model's tokenizer "
                "leaves nothing: send words"
            )
        return found

    def _said(self, tokens: list[int]) -> NDArray[np.float32]:
        ids = np.array([tokens], dtype=np.int64)
        found: NDArray[np.float32] = self._core.predict(Batch({IDS: ids, MASK: np.ones_like(ids)}))[
            self._raw
        ]
        return found

    def _answered(self, raw: NDArray[Any]) -> Mapping[str, Array]:
        return {} if self._head is None else self._head.answer(raw)

    def _marked(self, text: str) -> bytes:
        """The entities of one text."""
        made = self._tokenizer.encode(text)
        if not made.ids:
            return _NO_ENTITIES
        scores = self._said(made.ids)[0]
        own = [place for place, is_put in enumerate(made.special_tokens_mask) if not is_put]
        tokens = [Token(*made.offsets[place]) for place in own]
        labels = () if self._entities is None else self._entities.labels
        return entities_of(text, tokens, scores[own], labels)

    def _text(self, cell: bytes, row: int) -> str:
        try:
            return cell.decode()[:LONGEST_TEXT]
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"row {row} holds bytes in column {self._column!r} that are no UTF-8 text"
            ) from error

    def _check(self) -> None:
        """Do its parts fit each other?"""
        raw = self._said(self._tokenizer.encode("air").ids)
        if self._pipeline.head is not None:
            check_columns(self._pipeline.head, raw[0] if self._entities else raw)


def is_text_network(pipeline: Pipeline) -> bool:
    """Is it tokens that its core takes?"""
    return any(isinstance(one, Subwords) for one in pipeline.encoders)


def _output_of(core: Predictor) -> str:
    takes = {spec.name for spec in core.signature.inputs}
    gives = core.signature.outputs
    if takes != {IDS, MASK} or len(gives) != 1:
        raise InvalidInput(
            f"a text network takes {IDS} and {MASK} and gives one tensor: import it again"
        )
    return gives[0].name


def _column(texts: list[bytes]) -> Array:
    found = np.empty(len(texts), dtype=np.object_)
    found[:] = texts
    return found
