"""Texts explained word by word: exactly where the model is a sum of its terms, else by leaving out.

What is told of a word is where it stands, `[first, after the last]` characters of the text as it
came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.tensors import ColumnKind, Datatype, TensorSpec
from lichen.explain.answers import Floats
from lichen.explain.asking import Asking, Found, Numbers, numbers_of, row_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.leaving_out import MOST_RUNS, Scores, left_out
from lichen.explain.spans import Span, shown_words
from lichen.pipeline.declaration import Embedding, Subwords, Tokens, Words
from lichen.pipeline.terms import CHINESE, ENGLISH, Terms, words_of
from lichen.protocol.explaining import MOST_SAMPLES, Explanation, Part

LEFT_OUT = "word-occlusion"
LIKENESS = "likeness to the whole"
LEAST_VECTOR = 16
"""Numbers without names from which an answer is taken for a vector, and compared as a whole."""
_OF_LIKENESS = "of a vector: the cosine between the whole text's and that of what is left"
_LEAST = 1e-12
_LOSSES = (
    "each contribution is what the answer loses without that word, the base what is left without "
    "any: they need not sum"
)
_CHINESE_SIGNS = ("\u3400", "\u9fff")


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A raw column of texts: its place in the tensor, None where the tensor is one column."""

    name: str
    tensor: str
    place: int | None

    def text(self, row: Batch) -> str:
        """The text of one row.

        Raises:
            InvalidInput: it is empty, or no UTF-8.
        """
        values = row.arrays[self.tensor]
        cell = values.ravel()[0] if self.place is None else values[0, self.place]
        try:
            text = bytes(cell).decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"column {self.name!r} holds bytes that are no UTF-8 text"
            ) from error
        if not text.strip():
            raise InvalidInput(
                f"column {self.name!r} is empty, so no word of it explains anything: give a text"
            )
        return text

    def copies(self, row: Batch, texts: Sequence[str]) -> Array:
        """The tensor of a row once for each text, which stands in its place."""
        values = row.arrays[self.tensor]
        made = np.repeat(values, len(texts), axis=0)
        told = np.empty(len(texts), dtype=np.object_)
        told[:] = [text.encode() for text in texts]
        if self.place is None:
            return told.reshape(made.shape)
        made[:, self.place] = told
        return made


def text_columns_of(version: LoadedVersion) -> tuple[TextColumn, ...]:
    """The columns that hold texts of words, not categories or dates."""
    encoders = () if version.pipeline is None else version.pipeline.encoders
    worded = {
        one.column for one in encoders if isinstance(one, Words | Tokens | Embedding | Subwords)
    }
    found: list[TextColumn] = []
    for spec in version.predictor.signature.inputs:
        if spec.datatype is Datatype.BYTES and spec.shape[:1] == (-1,) and not spec.optional:
            found += _columns(spec, worded if encoders else None)
    return tuple(found)


def _columns(spec: TensorSpec, worded: set[str] | None) -> list[TextColumn]:
    if worded is None:
        is_one = len(spec.shape) == 1 or spec.shape[1:] == (1,)
        return [TextColumn(spec.name, spec.name, None)] if is_one else []
    return [
        TextColumn(name, spec.name, at) for at, name in enumerate(spec.columns) if name in worded
    ]


def has_other_columns(version: LoadedVersion) -> bool:
    """Whether it takes anything but texts of words."""
    signature, texts = version.predictor.signature, text_columns_of(version)
    required = [one for one in signature.inputs if not one.optional]
    named = sum(max(len(one.columns), 1) for one in required)
    return named != len(texts) or any(
        detail.kind is not ColumnKind.TEXT for one in required for detail in one.details
    )


def parts_words(version: LoadedVersion, text: str) -> Terms:
    """What parts a text into words: as the model does, else by the signs that it is written in."""
    encoders = () if version.pipeline is None else version.pipeline.encoders
    languages = [one.language for one in encoders if isinstance(one, Words)]
    first, last = _CHINESE_SIGNS
    if CHINESE not in languages and not any(first <= sign <= last for sign in text):
        return words_of(ENGLISH)
    try:
        return words_of(CHINESE)
    except Unavailable:
        return list


def left_out_explainer(version: LoadedVersion) -> "LeftOutExplainer | None":
    """It fits every model that takes texts and answers numbers."""
    columns = text_columns_of(version)
    answers = numbers_of(version) if columns else None
    return None if answers is None else LeftOutExplainer(version, columns, answers)


class LeftOutExplainer:
    """Leaves one word out after the other."""

    most_rows = 8

    def __init__(
        self, version: LoadedVersion, columns: Sequence[TextColumn], answers: Numbers
    ) -> None:
        self._version, self._columns, self._answers = version, columns, answers
        names = answers.names
        self._is_vector = len(names) >= LEAST_VECTOR and names[0].endswith("[0]")

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        most = MOST_RUNS if wishes.samples is None else wishes.samples
        if not 4 <= most <= MOST_SAMPLES:
            raise InvalidInput(f"samples is {most}: give 4 to {MOST_SAMPLES} model runs a text")
        is_likeness = self._is_vector and wishes.output is None
        found, runs = [], 0
        for at in range(rows.rows):
            row = row_of(rows, at)
            for column in self._columns:
                asking = Asking(
                    self._version.predictor, self._answers, row, column.tensor, wishes.deadline
                )
                found.append(self._text(asking, column, wishes, most))
                runs += asking.runs
        return Explanation(
            method=LEFT_OUT,
            space="score" if is_likeness else self._answers.space,
            sums_to=_LOSSES,
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            unit=self._answers.unit,
            notes=[_OF_LIKENESS] if is_likeness else [],
            model_runs=runs,
        )

    def _text(self, asking: Asking, column: TextColumn, wishes: Wishes, most: int) -> Found:
        text = column.text(asking.row)
        words = shown_words(text, parts_words(self._version, text))
        scores: Scores = _Copies(asking, column)
        if wishes.output is None and self._is_vector:
            lost = left_out(_Likeness(scores), text, words, most)
            parts = parts_of_text(column.name, text, lost.parts)
            return Found(parts, [LIKENESS], lost.drops, lost.base, lost.prediction)
        lost = left_out(scores, text, words, most)
        outputs = asking.outputs(lost.prediction, wishes.output)
        return Found(
            parts_of_text(column.name, text, lost.parts),
            [self._answers.names[at] for at in outputs],
            np.asarray(lost.drops[:, outputs]),
            lost.base[outputs],
            lost.prediction[outputs],
        )


@dataclass(frozen=True, slots=True)
class _Copies:
    """What a model says of texts in one column of a row."""

    asking: Asking
    column: TextColumn

    def __call__(self, texts: Sequence[str]) -> Floats:
        return self.asking(self.column.copies(self.asking.row, texts))


class _Likeness:
    """How alike the vectors of texts are to that of the first: the cosine between them."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores
        self._first: Floats | None = None

    def __call__(self, texts: Sequence[str]) -> Floats:
        vectors = self._scores(texts)
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _LEAST)
        if self._first is None:
            self._first = unit[0]
        return np.asarray((unit @ self._first)[:, None])


def parts_of_text(column: str, text: str, words: Sequence[Span]) -> list[Part]:
    """Words as they are told."""
    return [Part(column, text[start:end], place=[start, end]) for start, end in words]
