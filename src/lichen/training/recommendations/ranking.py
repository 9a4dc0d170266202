"""How well the item that a user took last is ranked among those it had not taken."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.alarms import Bounded, share
from lichen.training.recommendations.interactions import Taken

Scores = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Of some users: `(users, items)`, larger for what they would rather take."""
_TOGETHER = 512
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Ranked:
    """Figures over users, with 95 % intervals.

    Attributes:
        recall: share of users whose last item is among the first `top`.
        ndcg: mean over users of `1 / log2(1 + place)`, 0 where it is not among the first `top`
            (Jaervelin and Kekaelaeinen, 2002, for one relevant item).
    """

    recall: Bounded
    ndcg: Bounded


def ranked(scores: Scores, known: Taken, last: Taken, top: int) -> Ranked:
    """How a recommender that knew `known` ranks the item of each user in `last`.

    Ties count half.

    Raises:
        InvalidInput: no user has a last item.
    """
    places = _places(scores, known, last)
    if not len(places):
        raise InvalidInput(
            "every user took one item alone: nothing can be held back to learn how well others are "
            "ranked"
        )
    is_found = places <= top
    gains = np.where(is_found, 1 / np.log2(1 + places), 0.0)
    mean = float(gains.mean())
    half = _NORMAL_95 * float(gains.std()) / float(np.sqrt(len(gains)))
    return Ranked(
        share(int(is_found.sum()), len(places)),
        Bounded(mean, max(0.0, mean - half), min(1.0, mean + half)),
    )


def _places(scores: Scores, known: Taken, last: Taken) -> NDArray[np.float64]:
    """The place of each user's last item, from 1, among the items that it had not taken."""
    found = []
    for first in range(0, len(last.user), _TOGETHER):
        users, items = last.user[first : first + _TOGETHER], last.item[first : first + _TOGETHER]
        said = scores(users)
        for row, user in enumerate(users):
            said[row, known.item[known.starts[user] : known.starts[user + 1]]] = -np.inf
        own = said[np.arange(len(users)), items][:, None]
        found.append(((said > own).sum(axis=1) + (said >= own).sum(axis=1) + 1) / 2)
    return np.concatenate(found) if found else np.empty(0)
