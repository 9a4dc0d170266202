"""The task `recommendation`: from what users took to a recommender that their names are sent to."""

from collections.abc import Mapping

import msgspec
import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.recommender_writer import Recommender, recommender_model
from lichen.pipeline.declaration import Codes, Number, Pipeline, Ranking
from lichen.pipeline.history import History, history_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.training import RecommendationTraining
from lichen.registry.manifest import Metric
from lichen.training.materials import Materials
from lichen.training.recommendations.als import confidence_of, factorise, users_for
from lichen.training.recommendations.interactions import Interactions, interactions_of
from lichen.training.recommendations.search import ALS, POPULAR, Outcome, search, settings_of
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending

MODEL_FILE, PIPELINE_FILE = "model.onnx", "pipeline.json"


def train_recommendation(asked: RecommendationTraining, materials: Materials) -> TrainingResult:
    """Train a recommender: the most popular items, or a factorisation that beats them.

    Raises:
        InvalidInput: what is asked or the rows cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    settings_of(asked)  # refused before any row is read
    with one_blas_thread():
        return _trained(asked, materials)


def _trained(asked: RecommendationTraining, materials: Materials) -> TrainingResult:
    spending = Spending(materials.gauge, materials.watch, asked.budget_nj, asked.budget_ng)
    spending.begin("reading the rows", 0.0)
    seen = interactions_of(asked, materials.rows(_columns(asked)))
    outcome = search(asked, seen, spending)
    spending.begin("fitting the choice", 1.0)
    pipeline = Pipeline(
        encoders=[_encoder(asked, seen)],
        head=Ranking(labels=list(seen.items), top=asked.top, item=asked.item),
    )
    files = {
        MODEL_FILE: recommender_model(_recommender(asked, seen, outcome, spending)),
        PIPELINE_FILE: msgspec.json.encode(pipeline),
        **_history(seen, outcome),
    }
    spending.end()
    return TrainingResult(
        algorithm=POPULAR if outcome.chosen.setting is None else ALS,
        files=files,
        signature=pipeline_signature(pipeline),
        metrics=_metrics(asked, outcome),
        parameters=_parameters(asked, seen, outcome),
        candidates=outcome.candidates,
    )


def _columns(asked: RecommendationTraining) -> tuple[str, ...]:
    names = (asked.user, asked.item, *((asked.strength,) if asked.strength else ()))
    if len(set(names)) < len(names):
        raise InvalidInput("user, item and strength are columns of their own: name each once")
    return names


def _encoder(asked: RecommendationTraining, seen: Interactions) -> Codes | Number:
    """From the name of a user to its place, or to its number counted from just below the first."""
    if not seen.are_numbers:
        count = len(seen.users)
        return Codes(
            column=asked.user,
            may_lack=True,
            values=list(seen.users),
            numbers=[float(one) for one in range(count)],
            other=float(count),
        )
    first, last = float(seen.users[0]), float(seen.users[-1])
    below = first - 1
    return Number(
        column=asked.user, may_lack=True, fill=below, low=below, high=last + 1, centre=below
    )


def _recommender(
    asked: RecommendationTraining, seen: Interactions, outcome: Outcome, spending: Spending
) -> Recommender:
    """The choice, fitted on everything; users that are not known get what is popular.

    Users are solved once more for the items as they are served, so that what a user took explains
    its scores to float32's rounding.
    """
    popularity = seen.taken.popularity[:, None]
    setting = outcome.chosen.setting
    count = len(seen.users)
    if setting is None:
        users, items = np.ones((count + 1, 1)), popularity
    else:
        fitted = factorise(seen.taken, setting, asked.seed, spending.check)
        users = np.zeros((count + 1, setting.factors + 1))
        served = fitted.items.astype(np.float32).astype(np.float64)
        users[:-1, :-1] = users_for(seen.taken, served, setting, spending.check)
        users[-1, -1] = 1.0
        items = np.column_stack([served, popularity])
    return Recommender(
        users=users.astype(np.float32),
        items=items.astype(np.float32),
        starts=np.append(seen.taken.starts, len(seen.taken.item)),
        taken=seen.taken.item,
        places=_places(seen) if seen.are_numbers else None,
    )


def _history(seen: Interactions, outcome: Outcome) -> dict[str, bytes]:
    """What explains the scores of users; the most popular items have nothing to do with them."""
    setting = outcome.chosen.setting
    if setting is None:
        return {}
    return history_files(History(confidence_of(seen.taken, setting), setting.l2))


def _places(seen: Interactions) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    numbers = np.array([int(one) for one in seen.users], dtype=np.int64)
    places = np.full(int(numbers[-1] - numbers[0]) + 3, len(numbers), dtype=np.int64)
    places[numbers - numbers[0] + 1] = np.arange(len(numbers))
    return places


def _metrics(asked: RecommendationTraining, outcome: Outcome) -> tuple[Metric, ...]:
    """On each user's last item: of the choice, and of the guard."""
    top = asked.top
    made = []
    for name, trial in (("", outcome.chosen), (" of the most popular", outcome.guard)):
        for figure, bounded in (("recall", trial.ranked.recall), ("NDCG", trial.ranked.ndcg)):
            said = f"{figure}@{top}{name}"
            split = "validation"
            made.append(Metric(said, bounded.value, None, split, bounded.low, bounded.high))
    return tuple(made)


def _parameters(
    asked: RecommendationTraining, seen: Interactions, outcome: Outcome
) -> Mapping[str, object]:
    """What was asked, and what was found."""
    told: dict[str, object] = msgspec.to_builtins(asked)
    setting = outcome.chosen.setting
    return {
        **told,
        **({} if setting is None else msgspec.to_builtins(setting)),
        "users": len(seen.users),
        "items": len(seen.items),
        "pairs": len(seen.taken.item),
        "rows_left_out": seen.rows_left_out,
    }
