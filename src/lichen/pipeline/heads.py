"""What a core says into what is answered: values, classes, alarms, groups, rankings."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.classes import ClassesAnswer
from lichen.pipeline.declaration import (
    Alarm,
    Classes,
    Entities,
    Groups,
    Heads,
    Ranking,
    Value,
    Vector,
)

Raw = NDArray[np.floating[Any]]
Answers = dict[str, Array]
_NOT_OFFERED = np.finfo(np.float32).min
_LARGEST_LOGARITHM = float(np.log(np.finfo(np.float64).max))


class Answering(Protocol):
    """A head, prepared."""

    def answer(self, raw: Raw) -> Answers:
        """What is answered, from the core's outputs `(rows, k)`."""
        ...


def answer(head: Heads, raw: Raw) -> Answers:
    """What is answered, by name; prepare it with `answering` to do it often.

    Args:
        head: what becomes of it.
        raw: the core's outputs `(rows, k)`.

    Raises:
        InvalidInput: the head contradicts itself, or the core says another number of columns.
    """
    return answering(head).answer(raw)


def answering(head: Heads) -> Answering:
    """A head, prepared to answer.

    Raises:
        InvalidInput: it contradicts itself.
    """
    if isinstance(head, Entities):
        raise InvalidInput("entities are of texts as tokens: give the version's tokenizer")
    return _ANSWERING[type(head)](head)


def columns_of(head: Heads) -> tuple[int, ...]:
    """How many columns its core may say."""
    match head:
        case Value():
            return (1,)
        case Classes():
            return (1, 2) if len(head.labels) == 2 else (len(head.labels),)
        case Alarm():
            return (len(head.statistics) + len(head.columns),)
        case Groups() | Vector():
            return (head.clusters if isinstance(head, Groups) else head.width,)
        case Ranking() | Entities():
            return (len(head.labels),)


class _VectorAnswer:
    def __init__(self, said: Vector) -> None:
        if said.columns and len(said.columns) != said.width:
            raise InvalidInput("a vector needs one name a value, or none: import it again")
        self._name = said.name

    def answer(self, raw: Raw) -> Answers:
        return {self._name: raw.astype(np.float32, copy=False)}


class _ValueAnswer:
    def __init__(self, said: Value) -> None:
        self._said = said

    def answer(self, raw: Raw) -> Answers:
        said = self._said
        values = raw.reshape(len(raw)).astype(np.float64) * said.scale + said.centre
        if said.is_logarithm:
            values = np.exp(np.minimum(values, _LARGEST_LOGARITHM))
        if said.half_width is None:
            return {"prediction": values}
        return {
            "prediction": values,
            "low": values - said.half_width,
            "high": values + said.half_width,
        }


class _AlarmAnswer:
    def __init__(self, said: Alarm) -> None:
        self._thresholds = np.array(said.thresholds)
        self._contributes = bool(said.columns)
        fits = len(said.thresholds) == len(said.statistics)
        if not fits or not np.isfinite(self._thresholds).all() or (self._thresholds <= 0).any():
            raise InvalidInput("an alarm needs one threshold over 0 a statistic: train it again")

    def answer(self, raw: Raw) -> Answers:
        first = len(self._thresholds)
        score = raw[:, :first] / self._thresholds
        answers: Answers = {"anomaly": (score > 1.0).any(axis=1), "score": score}
        if self._contributes:
            answers["contribution"] = raw[:, first:].astype(np.float64)
        return answers


class _GroupsAnswer:
    def __init__(self, said: Groups) -> None:
        if said.topics and len(said.topics) != said.clusters:
            raise InvalidInput("clusters need one topic each, or none: train it again")
        self._least = said.least
        self._topics = texts_of([*said.topics, ""]) if said.topics else None

    def answer(self, raw: Raw) -> Answers:
        prediction = raw.argmax(axis=1)
        if self._least > 0:
            prediction = np.where(raw.max(axis=1) < self._least, -1, prediction)
        answers: Answers = {
            "prediction": prediction,
            "membership": raw.astype(np.float32),
        }
        if self._topics is not None:
            answers["topic"] = self._topics[prediction]
        return answers


class _RankingAnswer:
    def __init__(self, said: Ranking) -> None:
        if not 1 <= said.top <= len(said.labels):
            raise InvalidInput(
                f"the best {said.top} of {len(said.labels)} items are none: train it again"
            )
        self._top, self._labels = said.top, texts_of(said.labels)

    def answer(self, raw: Raw) -> Answers:
        best = np.argsort(-raw, axis=1, kind="stable")[:, : self._top]
        score = np.take_along_axis(raw, best, axis=1).astype(np.float32)
        items = self._labels[best]
        is_left = score > _NOT_OFFERED
        if not is_left.all():
            items, score = np.where(is_left, items, b""), np.where(is_left, score, np.float32(0))
        return {"items": items, "score": score}


_ANSWERING: dict[type, Callable[[Any], Answering]] = {
    Value: _ValueAnswer,
    Classes: ClassesAnswer,
    Alarm: _AlarmAnswer,
    Groups: _GroupsAnswer,
    Ranking: _RankingAnswer,
    Vector: _VectorAnswer,
}


def check_columns(head: Heads, raw: Raw) -> None:
    """Does the core say what the head takes?

    Raises:
        InvalidInput: it says another number of columns.
    """
    if raw.ndim != 2 or raw.shape[1] not in columns_of(head):
        said = " or ".join(str(count) for count in columns_of(head))
        raise InvalidInput(
            f"the core says {list(raw.shape[1:])} a row, and its head takes {said}: train it again"
        )


def texts_of(labels: Sequence[str]) -> Array:
    """Labels as BYTES travel."""
    found = np.empty(len(labels), dtype=np.object_)
    found[:] = [label.encode() for label in labels]
    return found
