"""Made-up raw rows that a pipeline takes: to warm it up, and to measure what a row costs."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from lichen.core.batch import Array
from lichen.core.clock import parse_rfc3339, rfc3339
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
from lichen.pipeline.signature import (
    NUMBERS,
    TEXTS,
    first_encoders,
    number_columns,
    text_columns,
)

_SEED = 20260103
_ANYTHING = "other"
_TERMS_A_TEXT = 40
_SPAN_DAYS = 3650
_PLAIN_WORDS = ("water", "air", "energy", "the", "of", "river", "company", "smoke", "year")


def example_rows(pipeline: Pipeline, rows: int) -> dict[str, Array]:
    """`numbers` and `texts` as the signature has them, the same at every call.

    Numbers are spread as those that it was fitted on, texts are values and terms that it knows.

    Args:
        pipeline: with encoders.
        rows: how many.
    """
    random = np.random.default_rng(_SEED)
    tensors: dict[str, Array] = {}
    numbers, texts = number_columns(pipeline), text_columns(pipeline)
    first = first_encoders(pipeline)
    if numbers:
        columns = [_numbers(first[name], rows, random) for name in numbers]
        tensors[NUMBERS] = np.column_stack(columns)
    if texts:
        found = np.empty((rows, len(texts)), dtype=np.object_)
        for at, name in enumerate(texts):
            draw = _drawing(first[name], random)
            found[:, at] = [(draw() or _ANYTHING).encode() for _ in range(rows)]
        tensors[TEXTS] = found
    return tensors


def _numbers(said: Encoders, rows: int, random: np.random.Generator) -> Array:
    if not isinstance(said, Number) or said.is_boolean:
        return random.integers(0, 2, rows).astype(np.float64)
    drawn = random.normal(said.centre, abs(said.scale), rows)
    low = -np.inf if said.low is None else said.low
    return np.clip(drawn, low, np.inf if said.high is None else said.high)


def _drawing(said: Encoders, random: np.random.Generator) -> Callable[[], str]:
    """What draws a text for the column of an encoder."""
    match said:
        case OneHot() | Codes():
            return lambda: said.values[random.integers(len(said.values))] if said.values else ""
        case Moment():
            origin = parse_rfc3339(said.origin)
            return lambda: rfc3339(origin + timedelta(days=int(random.integers(_SPAN_DAYS))))
        case Words() | Tokens():
            return lambda: _text(said.terms, random)
        case Embedding() | Subwords():
            return lambda: _text(_PLAIN_WORDS, random)
        case Number():
            return str


def _text(terms: Sequence[str], random: np.random.Generator) -> str:
    count = min(_TERMS_A_TEXT, len(terms))
    return " ".join(terms[at] for at in random.choice(len(terms), count)) if count else ""
