"""Permutation importance: how much worse a model answers when a column is shuffled.

Breiman (2001), for any model as Fisher, Rudin and Dominici (2019): the cells of one column change
places among the rows, and the error of the answers is held against that of the rows as they are.
"""

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np

from lichen.core.batch import Batch
from lichen.explain.columns import Column
from lichen.explain.truth import Truth
from lichen.protocol.explaining_data import Importance

Answering = Callable[[Batch], Batch]
_STUDENT_95 = (
    *(6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812),
    *(1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725),
)
"""95 % quantiles of Student's t, from one degree of freedom on."""
_NORMAL_95 = 1.645


def importances(
    answer: Answering,
    rows: Batch,
    columns: Sequence[Column],
    truth: Truth,
    drawn: tuple[int, int],
    tell: Callable[[float], None] = lambda _: None,
) -> tuple[float, list[Importance]]:
    """The error of the rows as they are, and how much each column matters, the most first.

    Args:
        answer: what the model answers.
        rows: as it takes them.
        columns: those that are shuffled, each by itself.
        truth: of the rows.
        drawn: how often each is shuffled, at least twice, and the seed.
        tell: how far it is, 0 to 1.
    """
    repeats, seed = drawn
    usual = truth.error(answer(rows))
    found = []
    for number, column in enumerate(columns):
        tell(number / len(columns))
        random = np.random.default_rng((seed, number))
        worse = [
            truth.error(answer(_shuffled(rows, column, random))) - usual for _ in range(repeats)
        ]
        found.append(_importance(column.name, worse))
    return usual, sorted(found, key=lambda one: (-one.mean, one.column))


def _importance(column: str, worse: Sequence[float]) -> Importance:
    mean, count = float(np.mean(worse)), len(worse)
    freedom = count - 1
    times = _STUDENT_95[freedom - 1] if freedom <= len(_STUDENT_95) else _NORMAL_95
    reach = times * float(np.std(worse, ddof=1)) / sqrt(count)
    return Importance(column, mean, mean - reach, mean + reach)


def _shuffled(rows: Batch, column: Column, random: np.random.Generator) -> Batch:
    order = random.permutation(rows.rows)
    values = rows.arrays[column.tensor].copy()
    if column.place is None:
        values = values[order]
    else:
        values[:, column.place] = values[order, column.place]
    return Batch({**rows.arrays, column.tensor: values})
