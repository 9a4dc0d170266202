"""Recommenders: the loss never rises, planted tastes are found, what was taken is not offered."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.explain.explainer import NO_WISHES, LoadedVersion
from lichen.explain.methods import Explainers
from lichen.frameworks.estimation import no_pause
from lichen.protocol.training import RecommendationTraining
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.materials import Materials
from lichen.training.recommendations.als import Setting, factorise, loss
from lichen.training.recommendations.interactions import Taken, interactions_of
from lichen.training.recommendations.task import train_recommendation
from lichen.training.result import TrainingResult
from lichen.training.watch import NoWatch

MaterialsOf = Callable[..., Materials]
USERS, ITEMS, EACH = 120, 60, 10


def clicks(*, numbers: bool = False) -> dict[str, NDArray[Any]]:
    """Users of three tastes, each for every third item; in the order in which they clicked."""
    random = np.random.default_rng(5)
    pairs = []
    for user in range(USERS):
        liked = np.arange(ITEMS) % 3 == user % 3
        chances = np.where(liked, 12.0, 1.0)
        items = random.choice(ITEMS, EACH, replace=False, p=chances / chances.sum())
        pairs += [(user, int(item)) for item in items]
    pairs = [pairs[at] for at in random.permutation(len(pairs))]
    named = [float(user + 1000) if numbers else f"u{user}" for user, _ in pairs]
    return {
        "user": np.array(named, dtype=np.float64 if numbers else np.object_),
        "item": np.array([f"i{item:02}" for _, item in pairs], dtype=np.object_),
    }


def asked(**options: Any) -> RecommendationTraining:  # noqa: ANN401 - of many types
    return RecommendationTraining(**{"data": "clicks", "user": "user", "item": "item", **options})


def answered(trained: TrainingResult, users: list[Any]) -> tuple[list[list[str]], NDArray[Any]]:
    predictor = PipelineAdapter().load(trained.files, trained.signature)
    assert predictor.joins_rows
    (takes,) = trained.signature.inputs
    cells = np.array([[user] for user in users], dtype=None if takes.name == "numbers" else object)
    answer = predictor.predict(Batch({takes.name: cells}))
    return [[item.decode() for item in row] for row in answer["items"]], answer["score"]


def taken_by(table: dict[str, NDArray[Any]], user: object) -> set[str]:
    return set(table["item"][table["user"] == user])


@pytest.mark.parametrize("setting", [Setting(4, 0.1, 1.0), Setting(16, 1.0, 40.0)])
def test_the_loss_never_rises(materials_of: MaterialsOf, setting: Setting) -> None:
    taken = interactions_of(asked(), materials_of(clicks()).rows(None)).taken
    losses = factorise(taken, setting, 0, no_pause).losses
    assert len(losses) > 2
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))


def test_the_loss_is_that_over_all_users_and_items() -> None:
    random = np.random.default_rng(1)
    taken = Taken(3, 4, np.array([0, 0, 2]), np.array([1, 3, 0]), np.array([1.0, 2.0, 0.5]))
    users, items = random.normal(size=(3, 2)), random.normal(size=(4, 2))
    confidence, preference = np.ones((3, 4)), np.zeros((3, 4))
    confidence[taken.user, taken.item] += 10 * taken.strength
    preference[taken.user, taken.item] = 1
    wanted = (confidence * (preference - users @ items.T) ** 2).sum()
    wanted += 0.3 * ((users**2).sum() + (items**2).sum())
    assert loss(taken, users, items, Setting(2, 0.3, 10.0)) == pytest.approx(wanted)


@pytest.mark.parametrize("numbers", [False, True])
def test_planted_tastes_are_found_and_what_was_taken_is_never_offered(
    materials_of: MaterialsOf, *, numbers: bool
) -> None:
    table = clicks(numbers=numbers)
    trained = train_recommendation(asked(search=2), materials_of(table))
    assert trained.algorithm == "als"
    figures = {one.name: one for one in trained.metrics}
    recall, guard = figures["recall@10"], figures["recall@10 of the most popular"]
    assert recall.low is not None
    assert recall.low > guard.value
    names: list[Any] = [1000.0, 1001.0, 1119.0] if numbers else ["u0", "u1", "u119"]
    items, scores = answered(trained, names if numbers else [name.encode() for name in names])
    for name, found in zip(names, items, strict=True):
        assert not set(found) & taken_by(table, name)
        assert len(set(found)) == 10
    assert (np.diff(scores, axis=1) <= 0).all()


def test_what_a_user_took_explains_its_scores(materials_of: MaterialsOf) -> None:
    trained = train_recommendation(asked(search=1), materials_of(clicks()))
    predictor = PipelineAdapter().load(trained.files, trained.signature)
    explainer = Explainers(LoadedVersion(predictor, trained.files)).find(has_background=False)
    cells = np.array([[b"u0"], [b"u7"]], dtype=object)
    found = explainer.explain(Batch({"texts": cells}), NO_WISHES)
    assert found.largest_error < 1e-6
    for name, row in zip(("u0", "u7"), found.rows, strict=True):
        assert {part.value for part in row.parts} == taken_by(clicks(), name)
        assert {part.column for part in row.parts} == {"item"}


@pytest.mark.parametrize("numbers", [False, True])
def test_a_user_that_is_not_known_gets_what_is_popular(
    materials_of: MaterialsOf, *, numbers: bool
) -> None:
    table = clicks(numbers=numbers)
    trained = train_recommendation(asked(search=1, top=3), materials_of(table))
    strangers: list[Any] = [999.0, 5e9, 1000.5, np.nan] if numbers else [b"nobody", b""]
    items, scores = answered(trained, strangers)
    names, counts = np.unique(table["item"].astype(str), return_counts=True)
    most = counts.max() / USERS
    for found, score in zip(items, scores, strict=True):
        assert score[0] == pytest.approx(most, rel=1e-6)
        assert counts[list(names).index(found[0])] == counts.max()


def test_who_took_all_but_one_item_is_offered_that_one_and_empty_places(
    materials_of: MaterialsOf,
) -> None:
    users = ["a"] * 4 + ["b"] * 2 + ["c"] * 2
    items = ["w", "x", "y", "z", "v", "w", "v", "x"]
    table = {"user": np.array(users, dtype=object), "item": np.array(items, dtype=object)}
    trained = train_recommendation(asked(algorithm="popular", top=3), materials_of(table))
    offered, scores = answered(trained, [b"a"])
    assert offered == [["v", "", ""]]
    assert scores[0].tolist() == pytest.approx([2 / 3, 0, 0])


def test_the_same_seed_and_rows_give_the_same_bytes(materials_of: MaterialsOf) -> None:
    made = [train_recommendation(asked(search=1), materials_of(clicks())) for _ in range(2)]
    assert made[0].files == made[1].files


def test_where_no_taste_can_be_told_the_most_popular_items_stay(materials_of: MaterialsOf) -> None:
    random = np.random.default_rng(6)
    table = {
        "user": np.array([f"u{at // 4}" for at in range(400)], dtype=object),
        "item": np.array([f"i{one}" for one in random.geometric(0.3, 400)], dtype=object),
    }
    trained = train_recommendation(asked(search=2, top=2), materials_of(table))
    assert trained.algorithm == "popular"
    assert all("not chosen" in one.sentence for one in trained.candidates[1:])
    taken = train_recommendation(asked(search=1, top=2, algorithm="als"), materials_of(table))
    assert taken.algorithm == "als"
    assert "taken, as asked" in taken.candidates[1].sentence


def test_a_run_that_died_takes_up_where_it_stood(materials_of: MaterialsOf) -> None:
    watch = NoWatch()
    whole = train_recommendation(asked(search=2), materials_of(clicks(), watch=watch))
    again = NoWatch()
    again.kept = dict(watch.kept)
    resumed = train_recommendation(asked(search=2), materials_of(clicks(), watch=again))
    assert resumed.files == whole.files
    assert resumed.candidates == whole.candidates


def test_strengths_of_one_pair_are_summed_and_rows_without_a_name_left_out(
    materials_of: MaterialsOf,
) -> None:
    table = {
        "user": np.array(["a", "a", "b", "", "b"], dtype=object),
        "item": np.array(["x", "x", "y", "x", "x"], dtype=object),
        "much": np.array([1.0, 2.5, 1.0, 1.0, 0.0]),
    }
    seen = interactions_of(asked(strength="much", top=1), materials_of(table).rows(None))
    assert seen.taken.strength.tolist() == pytest.approx([3.5 / 2.25, 1 / 2.25])
    assert seen.rows_left_out == 2


def texts(*values: str) -> NDArray[Any]:
    return np.array(values, dtype=object)


@pytest.mark.parametrize(
    ("options", "table", "says"),
    [
        ({"algorithm": "magic"}, {}, "algorithm 'magic' is unknown: take auto, popular or als"),
        ({"factors": 0}, {}, "factors is 0"),
        ({"search": 0}, {}, "search is 0"),
        ({"cv": 3}, {}, "leave out the folds"),
        ({"top": 0}, {}, "top is 0: ask for 1 to 60"),
        ({"top": 61}, {}, "top is 61: ask for 1 to 60"),
        ({"item": "user"}, {}, "name each once"),
        ({}, {"user": texts(*["a"] * 3), "item": texts("x", "y", "z")}, "1 users and 3 items"),
        ({}, {"user": texts("", "")}, "0 users"),
        ({"top": 1}, {"user": texts("a", "b"), "item": texts("x", "y")}, "one item alone"),
        ({}, {"user": np.array([0.5, 1.0]), "item": texts("x", "y")}, "must be whole"),
        ({}, {"user": np.array([0.0, 1e12]), "item": texts("x", "y")}, "must be whole"),
        ({}, {"user": np.array([np.nan] * 2), "item": texts("x", "y")}, "column 'user' is empty"),
        (
            {"strength": "much"},
            {"user": texts("a"), "item": texts("x"), "much": np.array([-1.0])},
            "strength 'much' holds -1",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_by_a_sentence_that_says_what_to_do(
    materials_of: MaterialsOf,
    options: dict[str, Any],
    table: dict[str, NDArray[Any]],
    says: str,
) -> None:
    rows = {**({} if "item" in table else clicks()), **table}
    shortest = min(len(values) for values in rows.values())
    whole = {name: values[:shortest] for name, values in rows.items()}
    with pytest.raises(InvalidInput, match=says):
        train_recommendation(asked(**options), materials_of(whole))
