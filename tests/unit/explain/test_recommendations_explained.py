"""Recommendations explained: what a user took adds up to the score, and planted tastes are told."""

from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.explainer import NO_WISHES, LoadedVersion, Wishes
from lichen.explain.methods import Explainers
from lichen.explain.pictures.drawing import drawn
from lichen.frameworks.estimation import no_pause
from lichen.frameworks.recommender_writer import Recommender, recommender_model
from lichen.pipeline.declaration import Codes, Number, Pipeline, Ranking
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.history import HISTORY_FILE, History, history_files, read_history
from lichen.protocol.explaining import Explanation
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.recommendations.als import Setting, confidence_of, factorise, users_for
from lichen.training.recommendations.interactions import Taken

USERS, ITEMS, EACH = 40, 24, 7
SETTING = Setting(6, 1.0, 10.0)
TEXTS = "texts"


def clicks() -> Taken:
    """Users of three tastes, each mostly for every third item, with strengths."""
    random = np.random.default_rng(2)
    pairs = []
    for user in range(USERS):
        chances = np.where(np.arange(ITEMS) % 3 == user % 3, 20.0, 1.0)
        items = random.choice(ITEMS, EACH, replace=False, p=chances / chances.sum())
        pairs += [(user, int(item)) for item in sorted(items)]
    user, item = np.array(pairs, dtype=np.int64).T
    return Taken(USERS, ITEMS, user, item, random.uniform(0.2, 3.0, len(pairs)))


@cache
def files(*, are_numbers: bool = False, is_popular: bool = False) -> dict[str, bytes]:
    taken = clicks()
    popularity = taken.popularity[:, None]
    if is_popular:
        users, items = np.ones((USERS + 1, 1)), popularity
    else:
        fitted = factorise(taken, SETTING, 0, no_pause).items.astype(np.float32).astype(np.float64)
        users = np.zeros((USERS + 1, SETTING.factors + 1))
        users[:-1, :-1] = users_for(taken, fitted, SETTING, no_pause)
        users[-1, -1] = 1.0
        items = np.column_stack([fitted, popularity])
    places = np.append(np.insert(np.arange(USERS), 0, USERS), USERS) if are_numbers else None
    core = Recommender(
        users=users.astype(np.float32),
        items=items.astype(np.float32),
        starts=np.append(taken.starts, len(taken.item)),
        taken=taken.item,
        places=places,
    )
    user: Codes | Number = Codes(
        column="user",
        may_lack=True,
        values=[f"u{at}" for at in range(USERS)],
        numbers=[float(at) for at in range(USERS)],
        other=float(USERS),
    )
    if are_numbers:  # users 100 to 139
        user = Number(column="user", may_lack=True, fill=99, low=99, high=99 + USERS + 1, centre=99)
    head = Ranking(labels=[f"i{at}" for at in range(ITEMS)], top=4, item="film")
    history = history_files(History(confidence_of(taken, SETTING), SETTING.l2))
    made = {
        "model.onnx": recommender_model(core),
        **pipeline_files(Pipeline(encoders=[user], head=head)),
    }
    return made if is_popular else {**made, **history}


def version(**said: bool) -> LoadedVersion:
    made = files(**said)
    return LoadedVersion(PipelineAdapter().load(made, None), made)


def users(*names: str) -> Batch:
    cells: Array = np.empty((len(names), 1), dtype=np.object_)
    cells[:, 0] = [name.encode() for name in names]
    return Batch({TEXTS: cells})


def explained(rows: Batch, wishes: Wishes = NO_WISHES, **said: bool) -> Explanation:
    return Explainers(version(**said)).find(has_background=False).explain(rows, wishes)


def test_what_was_taken_adds_up_to_the_scores_that_are_answered() -> None:
    rows, taken = users("u0", "u1", "u17"), clicks()
    answer = version().predictor.predict(rows)
    found = explained(rows)
    assert (found.method, found.space, found.notes) == ("past-items", "score", [])
    assert found.largest_error < 1e-6
    for place, (row, user) in enumerate(zip(found.rows, (0, 1, 17), strict=True)):
        own = taken.item[taken.user == user].tolist()
        assert [(part.column, part.value) for part in row.parts] == [
            ("film", f"i{one}") for one in own
        ]
        assert [one.output.encode() for one in row.attributions] == answer["items"][place].tolist()
        for at, one in enumerate(row.attributions):
            assert one.base == 0.0
            assert one.prediction == answer["score"][place, at]
            assert sum(one.contributions) == pytest.approx(one.prediction, abs=1e-6)


def test_items_of_the_same_taste_speak_for_an_item() -> None:
    alike: list[float] = []
    others: list[float] = []
    for row in explained(users(*(f"u{at}" for at in range(USERS)))).rows:
        for one in row.attributions:
            for part, share in zip(row.parts, one.contributions, strict=True):
                is_alike = (int(str(part.value)[1:]) - int(one.output[1:])) % 3 == 0
                (alike if is_alike else others).append(share)
    assert min(len(alike), len(others)) > USERS
    assert np.mean(alike) > 3 * abs(np.mean(others))


def test_an_item_that_was_not_offered_can_be_asked_for_and_one_that_was_taken_cannot() -> None:
    own = {f"i{one}" for one in clicks().item[clicks().user == 0]}
    offered = {one.output for one in explained(users("u0")).rows[0].attributions}
    other = next(f"i{at}" for at in range(ITEMS) if f"i{at}" not in own | offered)
    found = explained(users("u0"), Wishes(output=other))
    assert [one.output for one in found.rows[0].attributions] == [other]
    assert found.largest_error < 1e-6
    with pytest.raises(InvalidInput, match="was taken already"):
        explained(users("u0"), Wishes(output=own.pop()))
    with pytest.raises(InvalidInput, match="there are i0, i1"):
        explained(users("u0"), Wishes(output="song"))


@pytest.mark.parametrize("output", [None, "i5"])
def test_a_user_that_is_not_known_is_told_what_is_popular(output: str | None) -> None:
    found = explained(users("nobody"), Wishes(output=output))
    one = found.rows[0].attributions[0]
    assert not found.rows[0].parts
    assert not one.contributions
    assert one.base == one.prediction == pytest.approx(clicks().popularity[int(one.output[1:])])
    assert "not known" in found.notes[0]


def test_users_that_are_numbers_are_told_as_those_that_are_texts() -> None:
    numbers = Batch({"numbers": np.array([[101.0], [500.0]])})
    found = explained(numbers, are_numbers=True)
    assert found.rows == explained(users("u1", "nobody")).rows


def changed(made: dict[str, bytes], name: str, value: int) -> None:
    """The core with another number first in one of its tables."""
    model = onnx.load_from_string(made["model.onnx"])
    (kept,) = (one for one in model.graph.initializer if one.name == name)
    numbers = numpy_helper.to_array(kept).copy()
    numbers[0] = value
    kept.CopyFrom(numpy_helper.from_array(numbers, name))
    made["model.onnx"] = model.SerializeToString()


def unsolvable(made: dict[str, bytes]) -> None:
    """A factor that no item has, and nothing added for it."""
    changed(made, "items", 0)
    made.update(history_files(History(np.ones(USERS * EACH), 0.0)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda made: made.pop(HISTORY_FILE), "does not keep how much each user took"),
        (lambda made: made.update(files(is_popular=True)) or made.pop(HISTORY_FILE), "how popular"),
        (
            lambda made: made.update(history_files(History(np.ones(USERS * EACH), 9.0))),
            "does not keep how much",
        ),
        (unsolvable, "does not keep how much"),
        (lambda made: changed(made, "taken", ITEMS + 5), "does not keep how much"),
    ],
    ids=[
        "without history",
        "the most popular",
        "another history",
        "nothing to solve",
        "items that are none",
    ],
)
def test_what_no_history_explains_is_refused_by_a_sentence(
    change: Callable[[dict[str, bytes]], object], says: str
) -> None:
    made = dict(files())
    change(made)
    explainers = Explainers(LoadedVersion(PipelineAdapter().load(made, None), made))
    for method in ("auto", "past-items"):
        with pytest.raises(InvalidInput, match=says):
            explainers.find(method)


def test_a_history_is_kept_as_it_is_and_a_broken_one_refused() -> None:
    history = History(np.array([1.0, 2.5]), 0.3)
    kept = read_history(history_files(history))
    assert kept is not None
    assert (kept.confidence.tolist(), kept.l2) == ([1.0, 2.5], 0.3)
    assert read_history({}) is None
    for broken in (b"no archive", files()["model.onnx"]):
        with pytest.raises(InvalidInput, match=HISTORY_FILE):
            read_history({HISTORY_FILE: broken})


def test_a_recommendation_is_drawn_with_the_items_that_speak_for_it() -> None:
    (drawing,) = drawn(explained(users("u1")), "svg")
    assert "film = i" in drawing
