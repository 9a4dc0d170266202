"""The portfolio of a table as contenders of a search, cheapest to fit first."""

from dataclasses import replace

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.portfolio import left_out, portfolio
from lichen.frameworks.estimators.spaces import options_of, search_space
from lichen.training.choosing.contender import Contender
from lichen.training.choosing.rules import AUTO
from lichen.training.networks import hyperparameters
from lichen.training.tables.columns import Kind, Planned
from lichen.training.tables.effort import Size, effort_nj
from lichen.training.tables.encoders import Preparation
from lichen.training.tables.monotone import keeps_monotone, refuse_unkept
from lichen.training.tables.problem import preparation_for
from lichen.training.tables.study import Study
from lichen.training.tables.words import COMPONENTS, MOST_TERMS

TITLES = {
    "linear": "Linear regression",
    "linear-gd": "Linear regression by gradient descent",
    "linear-sgd": "Linear regression by stochastic gradient descent",
    "lasso": "Lasso",
    "elastic-net": "Elastic net",
    "logistic": "Logistic regression",
    "logistic-sgd": "Logistic regression by stochastic gradient descent",
    "svm": "Support vector machine",
    "linear-svm": "Linear support vector machine",
    "forest": "Random forest",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
    "mlp": "Multilayer perceptron",
}

ON_REQUEST = ("linear-gd", "linear-sgd", "logistic-sgd")
"""The same models as cheaper ones that are found more surely: tried where they are asked for, or
where the rows are too many for those."""

MANY_CELLS = 50_000_000


def contenders_of(study: Study) -> tuple[Contender, ...]:
    """What a search over a study's rows may try; the cheapest whatever the budget, for a model.

    Raises:
        InvalidInput: the algorithm that is asked for is none of the portfolio.
    """
    outputs = study.target.classes if study.target.classes > 2 else 1
    sizes = {
        one: Size(len(study.rows), feature_estimate(study, one), outputs) for one in Preparation
    }
    asked = study.asked.algorithm
    names = [one.name for one in portfolio(study.target.classes)]
    lacking = left_out(study.target.classes)
    if asked in lacking:
        raise InvalidInput(lacking[asked])
    if asked not in (AUTO, *names):
        raise InvalidInput(
            f"algorithm {asked!r} is none for this target: there are {AUTO}, {', '.join(names)}"
        )
    if study.asked.monotone:
        names = [name for name in names if keeps_monotone(name, study.plan.columns)]
        if asked not in (AUTO, *names) or not names:
            raise refuse_unkept(asked)
    said = hyperparameters(study.asked.network)
    made = [
        _contender(name, size, _told(name, said, is_asked=name == asked))
        for name in names
        for size in (sizes[preparation_for(name)],)
        if _is_tried(name, asked, size)
    ]
    cheapest, *dearer = sorted(made, key=lambda one: one.effort_nj(one.defaults))
    return (replace(cheapest, is_guard=asked == AUTO), *dearer)


def _told(name: str, said: Settings, *, is_asked: bool) -> Settings:
    """What of the options is for an algorithm: of others than networks where it is asked for."""
    if name == "mlp":
        return said
    taken = options_of(name) if is_asked else ()
    return {option: value for option, value in said.items() if option in taken}


def feature_estimate(study: Study, preparation: Preparation) -> int:
    """About how many features the columns of a study make."""
    return max(1, sum(_features(study, one, preparation) for one in study.plan.columns))


def _features(study: Study, column: Planned, preparation: Preparation) -> int:
    is_plain = preparation is Preparation.PLAIN
    match column.kind:
        case Kind.CATEGORY if not is_plain:
            return len(np.unique(study.rows.columns[column.name]))
        case Kind.MOMENT:
            return 4
        case Kind.WORDS:
            return COMPONENTS if is_plain else MOST_TERMS
        case _:
            return 1 if is_plain else 1 + column.may_lack


def _is_tried(name: str, asked: str, size: Size) -> bool:
    if asked != AUTO:
        return name == asked
    return name not in ON_REQUEST or size.cells > MANY_CELLS


def _contender(name: str, size: Size, asked: Settings) -> Contender:
    """What was asked for is not searched."""
    space = search_space(name, size.rows, size.features)
    ranges = tuple(one for one in space if one.name not in asked)
    usual = {one.name: one.default for one in ranges if one.default is not None}
    defaults: Settings = {**usual, **asked}

    def effort(settings: Settings) -> float:
        return effort_nj(name, size, settings)

    return Contender(name, TITLES.get(name, name), defaults, ranges, effort)
