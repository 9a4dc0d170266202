"""Recommendations explained by what the user took: each item's part of the score, exactly.

Of a factorisation of implicit feedback the score of an item is a sum over the user's own items
(Hu, Koren and Volinsky, 2008, section 5): with W the inverse of the user's weighted Gram matrix of
items it is the sum over the items j that were taken of `confidence_j * (y' W y_j)`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Floats, chosen
from lichen.explain.asking import Found, row_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.staged import Encodes
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.frameworks.onnx_cut import ending_at
from lichen.frameworks.onnx_linear import array_of
from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_trees import Ints
from lichen.pipeline.declaration import Ranking
from lichen.pipeline.history import History, read_history
from lichen.protocol.explaining import Explanation, Part

PAST_ITEMS = "past-items"
_POPULAR = (
    "it ranks by how popular items are with all users, so nothing that a user took speaks for one"
)
_NO_HISTORY = (
    "it does not keep how much each user took, which its scores are made of: train it again"
)
_STRANGER = "a user is not known: what it is answered is the share of users that took each item"
_SUMS_TO = "base and contributions sum to the score: what each item that the user took adds to it"
_CHECKED_USERS = 8
_AGREES = 1e-4
_POPULARITY = 1
"""Numbers of an item that are of no taste: the last."""


def recommendation_explainer(version: LoadedVersion) -> "RecommendationExplainer | None":
    """It fits a factorisation that keeps how much its users took."""
    pipeline, history = version.pipeline, read_history(version.files)
    is_ranking = pipeline is not None and isinstance(pipeline.head, Ranking)
    if not is_ranking or history is None or MODEL_FILE not in version.files:
        return None
    try:
        tastes = _tastes(version.files[MODEL_FILE], history)
        if tastes is None or not tastes.agree():
            return None
    except (LookupError, ValueError):
        return None  # tables that do not fit each other, or a history that solves to nothing
    return RecommendationExplainer(version, tastes)


def why_no_history(version: LoadedVersion) -> str:
    """Why what was taken explains nothing: one clause; empty where it is no recommender."""
    pipeline = version.pipeline
    if pipeline is None or not isinstance(pipeline.head, Ranking):
        return ""
    graph = parsed(version.files.get(MODEL_FILE, b"")).graph
    widths = [one.dims[-1] for one in graph.initializer if one.name == "users"]
    return _POPULAR if widths == [_POPULARITY] else _NO_HISTORY


@dataclass(frozen=True)
class _Tastes:
    """The numbers of users and items, as they are served.

    Attributes:
        users: `(users, factors)`.
        items: `(items, factors)`.
        popularity: `(items,)`.
        starts: `(users + 1,)`: where in `taken` the items of each user begin.
        taken: numbers of items.
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    popularity: Floats
    starts: Ints
    taken: Ints
    history: History

    @cached_property
    def gram(self) -> Floats:
        """Of all items, and what is added for l2."""
        items = self.items.astype(np.float64)
        return np.asarray(items.T @ items + self.history.l2 * np.eye(items.shape[1]))

    def own(self, user: int) -> tuple[Ints, Floats]:
        """The items that a user took, and with which confidence."""
        part = slice(self.starts[user], self.starts[user + 1])
        return self.taken[part], self.history.confidence[part]

    def shares(self, user: int, items: list[int]) -> Floats:
        """What each item that the user took adds to the scores of some `(taken, items)`."""
        own, confidence = self.own(user)
        mine = self.items[own].astype(np.float64)
        weighed = self.gram + (mine.T * (confidence - 1)) @ mine
        asked = self.items[items].astype(np.float64)
        found: Floats = (mine * confidence[:, None]) @ np.linalg.solve(weighed, asked.T)
        return found

    def scores(self, user: int, items: list[int]) -> Floats:
        """The scores of some items."""
        return np.asarray(
            self.items[items].astype(np.float64) @ self.users[user].astype(np.float64)
        )

    def agree(self) -> bool:
        """Whether the shares of some users sum to their scores."""
        some = list(range(min(len(self.items), _CHECKED_USERS)))
        return all(
            np.allclose(self.shares(user, some).sum(axis=0), self.scores(user, some), atol=_AGREES)
            for user in range(min(len(self.users), _CHECKED_USERS))
        )


def _tastes(content: bytes, history: History) -> _Tastes | None:
    """What the core of a recommender holds; None where it is another."""
    kept = {one.name: one for one in parsed(content).graph.initializer}
    if not {"users", "items", "starts", "ends", "taken"} <= kept.keys():
        return None
    users, items = (array_of(kept[name]).astype(np.float32) for name in ("users", "items"))
    starts, ends, taken = (
        array_of(kept[name]).astype(np.int64) for name in ("starts", "ends", "taken")
    )
    if len(users) < 2 or items.ndim != 2 or len(taken) - 1 != len(history.confidence):
        return None
    rows = items[:, :-1].T  # the last column takes what pads lists of items
    if not ((taken[:-1] >= 0) & (taken[:-1] < len(rows))).all():
        return None
    return _Tastes(
        users=users[:-1, :-_POPULARITY],
        items=rows[:, :-_POPULARITY],
        popularity=rows[:, -1].astype(np.float64),
        starts=np.append(starts[:-1], ends[-2]),
        taken=taken[:-1],
        history=history,
    )


class RecommendationExplainer:
    """The items that a user took, and what each adds to the score of those that it is offered."""

    most_rows = 8

    def __init__(self, version: LoadedVersion, tastes: _Tastes) -> None:
        pipeline = version.pipeline
        if pipeline is None or not isinstance(pipeline.head, Ranking):
            raise InvalidInput("a version that ranks nothing has no recommendations to explain")
        self._predictor, self._tastes, self._head = version.predictor, tastes, pipeline.head
        self._place_of = OnnxPredictor(ending_at(version.files[MODEL_FILE], "user"))

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        users = self._users(rows)
        found = [self._row(row_of(rows, at), user, wishes) for at, user in enumerate(users)]
        return Explanation(
            method=PAST_ITEMS,
            space="score",
            sums_to=_SUMS_TO,
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            notes=[_STRANGER] if max(users) >= len(self._tastes.users) else [],
        )

    def _users(self, rows: Batch) -> list[int]:
        if not isinstance(self._predictor, Encodes):
            raise InvalidInput("this recommender does not show which user a row is: train it again")
        (taken,) = (one.name for one in self._place_of.signature.inputs)
        features: Array = self._predictor.features(rows)
        answer = self._place_of.predict(Batch({taken: features}))
        return [int(one) for one in answer["user"].reshape(-1)]

    def _row(self, row: Batch, user: int, wishes: Wishes) -> Found:
        wishes.deadline.check()
        items, score = self._asked(row, user, wishes)
        names = [self._head.labels[one] for one in items]
        if user >= len(self._tastes.users):
            return Found([], names, np.zeros((0, len(items))), score, score)
        own, _ = self._tastes.own(user)
        parts = [Part(self._head.item, self._head.labels[one]) for one in own.tolist()]
        shares = self._tastes.shares(user, items)
        return Found(parts, names, shares, np.zeros(len(items)), score)

    def _asked(self, row: Batch, user: int, wishes: Wishes) -> tuple[list[int], Floats]:
        """The items that are explained, and their scores: those offered, or the one asked for."""
        labels = self._head.labels
        if wishes.output is None:
            answer = self._predictor.predict(row)
            offered = [bytes(one).decode() for one in answer["items"][0]]
            items = [labels.index(name) for name in offered if name]
            return items, answer["score"][0, : len(items)].astype(np.float64)
        items = chosen(labels, wishes.output)
        if user >= len(self._tastes.users):
            return items, self._tastes.popularity[items]
        if items[0] in self._tastes.own(user)[0]:
            raise InvalidInput(
                f"{wishes.output!r} was taken already, so it is not offered: ask for another item"
            )
        return items, self._tastes.scores(user, items)
