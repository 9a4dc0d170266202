"""Neural networks, direct: they learn what a closed-form ridge leaves over, all steps at once."""

from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.fitting import Examples, Rows, examples, fit_moments, part_alone
from lichen.forecasting.inputs import part_of, parts
from lichen.forecasting.moments import Moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.networks.architecture import Architecture, Dense, Transformer
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.training import Attendance, train_network
from lichen.protocol.training import NetworkOptions
from lichen.training.forecasts.core import Fitted
from lichen.training.networks import network_settings, structured

USUAL_TRAINING = NetworkSettings(
    optimizer="adamw",
    l2=1e-2,
    epochs=40,
    batch_size=64,
    learning_rate=1e-3,
    schedule="cosine",
)
"""Strong shrinking and no early stopping: a year of days is few rows to spare any of."""

USUAL_DENSE = Dense(layers=(128, 64), dropout=0.2)
USUAL_WIDTH, USUAL_DROPOUT = 32, 0.1

MOST_USUAL, MOST_OTHER = 6000, 1500
"""Forecasts trained on that start at the usual time of day, and at any other."""

OTHER_WEIGHT = 0.25
"""Of one that starts at another time, beside 1."""

HELD_SHARE = 0.15
"""Of the rows, the last, that are validated by where patience was asked for."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is fitted by.

    Attributes:
        options: asked for.
        penalties: of the ridge, one for each of the model's parts.
        seed: of the network.
    """

    options: NetworkOptions | None
    penalties: tuple[float, ...]
    seed: int


def dense(options: NetworkOptions | None, specification: Specification) -> Architecture:  # noqa: ARG001 - any rows do
    """The hidden layers that were asked for."""
    return structured(options, USUAL_DENSE)


def patch_transformer(options: NetworkOptions | None, specification: Specification) -> Architecture:
    """A transformer whose tokens are days of the window."""
    own = parts(specification)
    usual = Transformer(
        patch=gcd(specification.context, max(specification.steps_per_day, 1)),
        window=specification.context,
        again=own[1].columns.start if len(own) > 1 else None,
        width=USUAL_WIDTH,
        dropout=USUAL_DROPOUT,
    )
    return structured(options, usual)


def fit_network(
    architecture: Architecture,
    specification: Specification,
    panel: Panel,
    rows: Rows,
    lesson: Lesson,
    attendance: Attendance,
) -> Fitted:
    """A ridge and a network beside it, fitted on the forecasts that start at `rows`.

    Raises:
        InvalidInput: an option is not usable, or it does not converge.
        Unavailable: PyTorch is not installed.
    """
    matrix = _ridge(specification, panel, rows, lesson.penalties)
    laid = examples(specification, panel, _spread(specification, panel, rows))
    settings = network_settings(lesson.options, replace(USUAL_TRAINING, seed=lesson.seed))
    fitted, held = _lessons(specification, panel, laid, matrix, is_held=settings.patience > 0)
    trained = train_network(architecture, fitted, settings, attendance, held)
    return Fitted(specification, trained.beside(matrix))


def _ridge(
    specification: Specification, panel: Panel, rows: Rows, penalties: tuple[float, ...]
) -> NDArray[np.float32]:
    """The matrix `(features, horizon)` of every part, fitted on some forecasts alone."""
    aligned = part_of(specification, panel.time_of(rows)) == 0
    made = []
    for number, penalty in enumerate(penalties):
        usual = number == 0 and specification.start_seconds is not None
        mine = rows[aligned] if usual else _thinned(rows, MOST_USUAL, specification)
        laid = examples(part_alone(specification, number), panel, mine)
        moments = Moments.of(laid.features, laid.targets)
        made.append(fit_moments(specification, number, moments, penalty))
    return np.concatenate(made)


def _spread(specification: Specification, panel: Panel, rows: Rows) -> Rows:
    """Forecasts to train on, in order: many that start as usual, some that do not."""
    aligned = part_of(specification, panel.time_of(rows)) == 0
    usual = _thinned(rows[aligned], MOST_USUAL, specification)
    others = _thinned(rows[~aligned], MOST_OTHER, specification)
    return np.sort(np.concatenate([usual, others]))


def _thinned(rows: Rows, most: int, specification: Specification) -> Rows:
    """Every n-th, so that with all series there are at most so many."""
    stride = max(1, -(-len(rows) * len(specification.targets) // most))
    while gcd(stride, specification.steps_per_day) > 1:
        stride += 1
    return rows[::stride] if len(rows) * len(specification.targets) > most else rows


def _lessons(
    specification: Specification,
    panel: Panel,
    laid: Examples,
    matrix: NDArray[np.float32],
    *,
    is_held: bool,
) -> tuple[NetworkRows, NetworkRows | None]:
    """What the ridge leaves over; the last of it to validate by, where that is wanted."""
    aligned = part_of(specification, panel.time_of(laid.origins)) == 0
    weights = np.where(aligned, 1.0, OTHER_WEIGHT)
    whole = NetworkRows(
        features=laid.features,
        target=laid.targets - laid.features @ matrix,
        weights=weights / weights.mean(),
    )
    if not is_held:
        return whole, None
    border = round((1 - HELD_SHARE) * len(whole))
    return whole.taken(np.arange(border)), whole.taken(np.arange(border, len(whole)))
