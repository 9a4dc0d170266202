"""Shapley values of any table model, by what it answers with columns taken from a background.

With few columns every set of them is tried; with many, sets are drawn and the values solved for
(Kernel SHAP: Lundberg and Lee, 2017, "A unified approach to interpreting model predictions").
"""

from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.deadline import Deadline
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Answers, Floats, answers_of, chosen
from lichen.explain.attributed import Attributed, explanation
from lichen.explain.columns import Column, Truths, columns_of, mixed, parts_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.frameworks.base import Predictor
from lichen.pipeline.declaration import Ranking
from lichen.protocol.explaining import MOST_SAMPLES, Explanation

MOST_EXACT = 10
"""Columns of which every set is tried."""
DEFAULT_SAMPLES = 40_000
MOST_BACKGROUND = 32
_ROWS_AT_ONCE = 4096


def sampled_explainer(version: LoadedVersion) -> "ShapleyExplainer | None":
    """It fits every version that takes columns and answers numbers, but for rankings.

    Those answer numbers of other items each time, and a user's name is no column to take away.
    """
    pipeline = version.pipeline
    if pipeline is not None and isinstance(pipeline.head, Ranking):
        return None
    signature = version.predictor.signature
    columns, answers = columns_of(signature), answers_of(signature)
    if not columns or answers is None or not version.predictor.joins_rows:
        return None
    return ShapleyExplainer(version, columns, answers)


class ShapleyExplainer:
    """Shapley values by the answers of the model alone."""

    most_rows = 8

    def __init__(
        self, version: LoadedVersion, columns: tuple[Column, ...], answers: Answers
    ) -> None:
        self._version, self._columns, self._answers = version, columns, answers

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        background = wishes.background or self._version.background
        if background is None:
            raise InvalidInput(
                "this model's answers are explained by rows of the usual, and the version keeps "
                "none: give some as `background` (--background FILE)"
            )
        samples = DEFAULT_SAMPLES if wishes.samples is None else wishes.samples
        background = _thinned(background)
        if not background.rows * 2 <= samples <= MOST_SAMPLES:
            raise InvalidInput(
                f"samples is {samples}: give {background.rows * 2} to {MOST_SAMPLES}"
            )
        outputs = chosen(self._answers.names, wishes.output)
        game = _Game(
            self._version.predictor, self._columns, self._answers, background, wishes.deadline
        )
        each = [game.row(_one(rows, at), samples, wishes.seed) for at in range(rows.rows)]
        found = Attributed(
            [self._answers.names[at] for at in outputs],
            game.base[outputs],
            np.stack([shares[outputs] for shares, _ in each]),
            np.stack([said[outputs] for _, said in each]),
        )
        return explanation(
            found,
            parts_of(self._columns, rows),
            "kernel-shap" if game.is_sampled else "exact-shap",
            self._answers.space,
            self._answers.unit,
            [f"the base is the mean answer of {background.rows} background rows"],
        )


class _Game:
    """What a set of columns is worth: the mean answer, the others taken from the background."""

    def __init__(
        self,
        predictor: Predictor,
        columns: tuple[Column, ...],
        answers: Answers,
        background: Batch,
        deadline: Deadline,
    ) -> None:
        self._predictor, self._columns, self._deadline = predictor, columns, deadline
        self._answers, self._background = answers, background
        self.base: Floats = answers.of(predictor.predict(background)).mean(axis=0)
        self.is_sampled = False

    def row(self, row: Batch, samples: int, seed: int) -> tuple[Floats, Floats]:
        """The contributions `(outputs, columns)` of one row, and what is answered for it."""
        said = self._answers.of(self._predictor.predict(row))[0]
        active = [at for at, one in enumerate(self._columns) if self._differs(one, row)]
        shares = np.zeros((len(said), len(self._columns)))
        most_sets = samples // self._background.rows
        if not active:
            return shares, said
        if len(active) <= MOST_EXACT and 2 ** len(active) <= most_sets:
            sets = _every_set(len(active))
            found = exact_shapley(self._worth(row, active, sets))
        else:
            self.is_sampled = True
            sets, weights = drawn_sets(len(active), most_sets, seed)
            worth = self._worth(row, active, sets)
            found = solved(sets, weights, worth - self.base, said - self.base)
        shares[:, active] = found
        return shares, said

    def _differs(self, column: Column, row: Batch) -> bool:
        """Whether it matters where the column is taken from: equal cells share in nothing."""
        cell, usual = column.cells(row)[0], column.cells(self._background)
        is_same = (usual == cell) | ((usual != usual) & (cell != cell))
        return not bool(np.all(is_same))

    def _worth(self, row: Batch, active: list[int], sets: Truths) -> Floats:
        """What each set is worth `(sets, outputs)`."""
        usual = self._background.rows
        step = max(1, _ROWS_AT_ONCE // usual)
        columns = [self._columns[at] for at in active]
        worth = []
        for start in range(0, len(sets), step):
            self._deadline.check()
            taken = sets[start : start + step]
            said = self._predictor.predict(mixed(columns, row, self._background, taken))
            answers = self._answers.of(said)
            worth.append(answers.reshape(len(taken), usual, -1).mean(axis=1))
        return np.concatenate(worth)


def exact_shapley(worth: Floats) -> Floats:
    """The Shapley values `(outputs, columns)` of a game (Shapley, 1953).

    Args:
        worth: `(2 ** columns, outputs)`: of the set whose bits are its number.
    """
    count = len(worth).bit_length() - 1
    numbers = np.arange(len(worth))
    sizes = np.array([int(one).bit_count() for one in numbers])
    values = np.zeros((worth.shape[1], count))
    for at in range(count):
        without = numbers[(numbers >> at) & 1 == 0]
        weights = np.array(
            [factorial(s) * factorial(count - s - 1) / factorial(count) for s in range(count)]
        )[sizes[without]]
        values[:, at] = weights @ (worth[without | (1 << at)] - worth[without])
    return values


def _every_set(count: int) -> Truths:
    found: Truths = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    return found


def drawn_sets(count: int, most: int, seed: int) -> tuple[Truths, Floats]:
    """Sets of columns, neither none nor all, and the weight of each in the regression.

    Whole sizes first, from both ends, where the weight of the Shapley kernel is; what is left is
    drawn in pairs of a set and its complement.
    """
    kernel = np.array([(count - 1) / (size * (count - size)) for size in range(1, count)])
    sets: list[Truths] = []
    weights: list[Floats] = []
    size, left = 1, most
    while size <= count // 2 and comb(count, size) * (1 if 2 * size == count else 2) <= left:
        for one in {size, count - size}:
            members = _of_size(count, one)
            sets.append(members)
            weights.append(np.full(len(members), kernel[one - 1] / len(members)))
            left -= len(members)
        size += 1
    rest = np.arange(size, count - size + 1)
    if len(rest) and left >= 2:
        members = _drawn(count, rest, kernel[rest - 1], left // 2, seed)
        sets.append(members)
        weights.append(np.full(len(members), kernel[rest - 1].sum() / len(members)))
    return np.concatenate(sets), np.concatenate(weights)


def _of_size(count: int, size: int) -> Truths:
    members = np.array(list(combinations(range(count), size)))
    made = np.zeros((len(members), count), dtype=np.bool_)
    np.put_along_axis(made, members, values=True, axis=1)
    return made


def _drawn(count: int, sizes: NDArray[np.int64], kernel: Floats, pairs: int, seed: int) -> Truths:
    random = np.random.default_rng(seed)
    drawn = random.choice(sizes, pairs, p=kernel / kernel.sum())
    order = random.random((pairs, count)).argsort(axis=1).argsort(axis=1)
    made: Truths = order < drawn[:, None]
    return np.concatenate([made, ~made])


def solved(sets: Truths, weights: Floats, worth: Floats, whole: Floats) -> Floats:
    """The values `(outputs, columns)` that fit the sets best and sum to `whole` exactly.

    The last column is taken out by the constraint (Lundberg and Lee, 2017, supplement).
    """
    members = sets.astype(np.float64)
    root = np.sqrt(weights)[:, None]
    known = members[:, :-1] - members[:, -1:]
    aim = worth - members[:, -1:] * whole
    found, *_ = np.linalg.lstsq(known * root, aim * root, rcond=None)
    return np.concatenate([found, whole[None] - found.sum(axis=0, keepdims=True)]).T


def _one(rows: Batch, at: int) -> Batch:
    return Batch({name: values[at : at + 1] for name, values in rows.items()})


def _thinned(background: Batch) -> Batch:
    """At most so many rows, evenly spaced."""
    if background.rows <= MOST_BACKGROUND:
        return background
    places = np.linspace(0, background.rows - 1, MOST_BACKGROUND).round().astype(np.int64)
    return Batch({name: values[places] for name, values in background.items()})
