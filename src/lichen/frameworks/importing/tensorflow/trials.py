"""Made-up inputs for a function of TensorFlow, and what it answers to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import CHECKED_ROWS
from lichen.frameworks.importing.tensorflow.runtime import reason

_SEED = 20261122
_PICTURE = 4
"""Dimensions of a batch of pictures."""
_LARGEST_BYTES = 64 * 2**20
_LONGEST_SECONDS = 20.0
_TRIED_ROWS, _FEWEST_ROWS = 4, 16
_LENGTHS = (16, 64, 224, 5, 1)
_BOUNDS = (30_000, 10_000, 1_000, 100, 50, 20, 10, 5, 2, 1)
_SPREADS = (0.1, 0.3, 1.0, 3.0, 10.0)

Answers = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One input: `shape` holds None where any length fits, its first number the rows.

    `is_whole` says that all whole numbers of its type are taken, as of a quantised picture.
    """

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int | None, ...]
    is_whole: bool = False


def made_up_rows(
    inputs: Sequence[Asked],
    answers: Answers,
    words: Sequence[str] = (),
    most_rows: int = CHECKED_ROWS,
) -> dict[str, Array]:
    """Inputs of all magnitudes that the model takes: fewer rows where one is large or slow.

    Whole numbers are drawn below what the model takes: a number of a word that it does not know
    is an error there.

    Raises:
        InvalidInput: it answers nothing that could be made up.
    """
    lengths, bounds, failure = _first_that_answers(inputs, answers, words)
    if lengths is None:
        raise InvalidInput(
            f"the model answers no made-up input ({failure}): export it with the shapes that it "
            "takes"
        )
    bounds = _widest(inputs, answers, words, lengths)
    rows = _row_count(inputs, answers, words, (lengths, bounds), most_rows)
    return _drawn(inputs, words, lengths, bounds, rows)


def _first_that_answers(
    inputs: Sequence[Asked], answers: Answers, words: Sequence[str]
) -> tuple[int | None, dict[str, int], str]:
    failure = ""
    nothing = {one.name: 1 for one in inputs}
    for length in _LENGTHS:
        failure = _failure(answers, _drawn(inputs, words, length, nothing, _TRIED_ROWS))
        if not failure:
            return length, nothing, ""
    return None, nothing, failure


def _failure(answers: Answers, rows: Mapping[str, Array]) -> str:
    """Why the framework does not answer; empty where it does. Its errors are of many kinds."""
    try:
        answers(rows)
    except Exception as error:  # noqa: BLE001 - whatever a graph of a stranger raises
        return reason(error)
    return ""


def _widest(
    inputs: Sequence[Asked], answers: Answers, words: Sequence[str], length: int
) -> dict[str, int]:
    """For each input of whole numbers, the largest bound tried below which all are taken."""
    bounds = {one.name: 1 for one in inputs}
    for one in inputs:
        if one.dtype.kind not in "iu" or one.is_whole:
            continue
        for bound in _BOUNDS:
            tried = {**bounds, one.name: min(bound, int(np.iinfo(one.dtype.name).max))}
            rows = dict(_drawn(inputs, words, length, tried, _TRIED_ROWS))
            rows[one.name] = _highest(rows[one.name], tried[one.name])
            if not _failure(answers, rows):
                bounds = tried
                break
    return bounds


def _highest(values: Array, bound: int) -> Array:
    """The same, with the largest number that may be drawn in every row."""
    return np.full_like(values, bound - 1)


def _row_count(
    inputs: Sequence[Asked],
    answers: Answers,
    words: Sequence[str],
    drawn_by: tuple[int, Mapping[str, int]],
    most_rows: int,
) -> int:
    fixed = {one.shape[0] or 1 for one in inputs if one.shape}
    if max(fixed, default=1) > 1:
        return max(fixed)
    rows = _drawn(inputs, words, *drawn_by, _TRIED_ROWS)
    started = process_time()
    answers(rows)
    seconds = max((process_time() - started) / _TRIED_ROWS, 1e-9)
    size = max(sum(one.nbytes for one in rows.values()) // _TRIED_ROWS, 1)
    affordable = min(_LARGEST_BYTES // size, int(_LONGEST_SECONDS / seconds))
    return int(min(most_rows, max(affordable, _FEWEST_ROWS)))


def _drawn(
    inputs: Sequence[Asked],
    words: Sequence[str],
    length: int,
    bounds: Mapping[str, int],
    rows: int,
) -> dict[str, Array]:
    random = np.random.default_rng(_SEED)
    return {one.name: _values(one, words, length, bounds[one.name], rows, random) for one in inputs}


def _values(
    asked: Asked,
    words: Sequence[str],
    length: int,
    bound: int,
    rows: int,
    random: np.random.Generator,
) -> Array:
    first, rest = asked.shape[:1], asked.shape[1:]
    shape = [rows if size in (None, 1) else size for size in first]  # 1: one call a row
    shape += [length if size is None else size for size in rest]
    if asked.dtype.kind == "f":
        return _numbers(shape, random).astype(asked.dtype)
    if asked.dtype.kind == "b":
        return random.integers(0, 2, shape).astype(np.bool_)
    if asked.is_whole:
        ends = np.iinfo(asked.dtype.name)
        return random.integers(ends.min, ends.max, shape, dtype=ends.dtype, endpoint=True)
    if asked.dtype.kind in "iu":
        return random.integers(0, max(bound, 1), shape).astype(asked.dtype)
    known = np.array([*words[:500], "", "unheard of", "Ünknown"], dtype=np.object_)
    return known[random.integers(0, len(known), shape)]


def _numbers(shape: Sequence[int], random: np.random.Generator) -> Array:
    """Rows of several magnitudes, of zeros, and of a picture's values where it may be one."""
    values = random.standard_normal(shape)
    if not shape:
        return values
    kinds = len(_SPREADS) + (len(shape) >= _PICTURE)
    for row in range(shape[0]):
        place = row % kinds
        if place < len(_SPREADS):
            values[row] *= _SPREADS[place]
        else:
            values[row] = np.abs(values[row]) * 80 % 256
    values[0] = 0
    return values
