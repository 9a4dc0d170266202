"""Matrix factorisation of implicit feedback by alternating least squares.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM (2008): what
was taken is preferred with confidence `1 + weight * strength`, what was not is not, with confidence
1. The loss is quadratic in the users for given items and the other way round, so it never rises.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause
from lichen.training.recommendations.interactions import Taken

Matrix = NDArray[np.float64]
ROUNDS = 15
ENOUGH = 1e-4
"""Share of the loss that a round must still take away to be followed by another."""
_FIRST = 0.1
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Setting:
    """Hyperparameters.

    Attributes:
        factors: numbers that stand for a user or an item.
        l2: weight of their squares in the loss.
        weight: of the strength of what was taken.
    """

    factors: int
    l2: float
    weight: float


@dataclass(frozen=True, slots=True)
class Factors:
    """Users `(users, factors)`, items `(items, factors)`, and the loss after each round."""

    users: Matrix
    items: Matrix
    losses: tuple[float, ...]


def factorise(taken: Taken, setting: Setting, seed: int, pause: Pause) -> Factors:
    """The factors that reproduce what was taken; equal input gives equal factors.

    Raises:
        InvalidInput: a hyperparameter is not usable.
    """
    if setting.factors < 1 or setting.l2 <= 0 or setting.weight <= 0:
        raise InvalidInput(f"{setting} cannot be: each is over 0")
    by_item = taken.turned()
    random = np.random.default_rng(seed)
    items = random.normal(0.0, _FIRST, (taken.items, setting.factors))
    users = np.zeros((taken.users, setting.factors))
    losses: list[float] = []
    for _ in range(ROUNDS):
        users = _solved(taken, items, setting, pause)
        items = _solved(by_item, users, setting, pause)
        losses.append(loss(taken, users, items, setting))
        if len(losses) > 1 and losses[-2] - losses[-1] < ENOUGH * losses[-2]:
            break
    return Factors(users, items, tuple(losses))


def users_for(taken: Taken, items: Matrix, setting: Setting, pause: Pause) -> Matrix:
    """The best users for given items: what a user's scores are then is told by what it took."""
    return _solved(taken, items, setting, pause)


def confidence_of(taken: Taken, setting: Setting) -> Matrix:
    """How surely each entry is preferred, `(entries,)`."""
    return np.asarray(1 + setting.weight * taken.strength)


def _solved(taken: Taken, others: Matrix, setting: Setting, pause: Pause) -> Matrix:
    """The best factors of each row of `taken` for given factors of its columns (equation 4)."""
    size = setting.factors
    gram = others.T @ others + setting.l2 * np.eye(size)
    found = np.empty((taken.users, size))
    for first in range(0, taken.users, _TOGETHER):
        pause()
        last = min(first + _TOGETHER, taken.users)
        left = np.empty((last - first, size, size))
        right = np.empty((last - first, size))
        for place, row in enumerate(range(first, last)):
            own = slice(taken.starts[row], taken.starts[row + 1])
            chosen = others[taken.item[own]]
            extra = setting.weight * taken.strength[own]
            left[place] = gram + (chosen.T * extra) @ chosen
            right[place] = (1 + extra) @ chosen
        found[first:last] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return found


def loss(taken: Taken, users: Matrix, items: Matrix, setting: Setting) -> float:
    """What is minimised (equation 3), over all users and items."""
    everywhere = float(np.sum((users.T @ users) * (items.T @ items)))
    said = np.einsum("ij,ij->i", users[taken.user], items[taken.item])
    confidence = confidence_of(taken, setting)
    here = float(np.sum(confidence * np.square(1 - said) - np.square(said)))
    return everywhere + here + setting.l2 * float(np.square(users).sum() + np.square(items).sum())
