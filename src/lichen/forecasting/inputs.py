"""From (history, start, known) to the linear core's inputs and back.

The one path for training and serving: what was fitted is what is asked.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.calendar import local_seconds, starts_on
from lichen.forecasting.features import Surroundings, compute, width
from lichen.forecasting.specification import Feature, Specification

Floats = NDArray[np.floating[Any]]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Assembled:
    """What goes into the linear core, and what `restore` needs to undo the normalisation.

    Attributes:
        features: float32 `(batch * series, features)`, rows ordered batch first, C-contiguous:
            row `i * series + j` is series `j` of batch entry `i`. The constant 1 is among them,
            so the core is one MatMul with no bias.
        level: float64 `(batch * series,)`, each window's trailing mean.
        batch: how many forecasts.
    """

    features: NDArray[np.float32]
    level: NDArray[np.float64]
    batch: int


@dataclass(frozen=True, slots=True)
class Part:
    """One of a model's parts: which columns of the assembled features are its own."""

    features: tuple[Feature, ...]
    columns: slice


@lru_cache(maxsize=256)
def parts(specification: Specification) -> tuple[Part, ...]:
    """The usual part and, where a time of day is special, the one for any other start."""
    declared = [specification.features]
    if specification.start_seconds is not None:
        declared.append(specification.anytime)
    made: list[Part] = []
    first = 0
    for features in declared:
        last = first + specification.context + width(specification, features) + 1
        made.append(Part(features, slice(first, last)))
        first = last
    return tuple(made)


def feature_count(specification: Specification) -> int:
    """How many numbers `assemble` makes for one window: the rows of the core's matrix."""
    return int(parts(specification)[-1].columns.stop)


def part_of(specification: Specification, start: Moments) -> NDArray[np.int64]:
    """Which part answers each start: 0 the usual one, 1 the one for any other time of day."""
    aligned = starts_on(
        specification.timezone, specification.start_seconds, specification.step_seconds, start
    )
    return np.where(aligned, 0, 1)


def assemble(
    specification: Specification,
    history: Floats,
    start: Moments,
    known: Floats | None = None,
    past: Floats | None = None,
) -> Assembled:
    """The linear core's inputs.

    Args:
        specification: what the model declares.
        history: `(batch, context, series)`, oldest row first, the last row one step before
            `start`.
        start: `(batch,)` datetime64[s], UTC: the first step predicted.
        known: `(batch, horizon, covariates)` in the order of `specification.known`; required
            if and only if the specification names known columns.
        past: `(batch, specification.past, covariates)`: the same covariates over the rows just
            before `start`. Where it is absent they are taken to have been, day by day, as they
            are over the horizon: an answer, but a less accurate one.

    Raises:
        InvalidInput: a shape does not fit, a value is not finite, or a target is not positive
            under a logarithm.
    """
    history = np.asarray(history, dtype=np.float64)
    batch = len(history)
    _check_shape("history", history, (batch, specification.context, len(specification.targets)))
    moments = np.asarray(start).astype("datetime64[s]")
    _check_shape("start", moments, (batch,))
    if np.isnat(moments).any():
        raise InvalidInput("start holds a missing time: give the time of the first step")
    _check_finite("history", history)
    if specification.logarithm and (history <= 0).any():
        raise InvalidInput(
            "history holds a value that is not positive, and this model works on logarithms: "
            "check the units, or train it again with such rows in its data"
        )
    ahead, before = _covariates(specification, batch, known, past)
    return arrange(specification, history, moments, ahead, before)


def arrange(
    specification: Specification, history: Floats, start: Moments, ahead: Floats, past: Floats
) -> Assembled:
    """`assemble` without its checks: a window that touches NaN makes rows of NaN."""
    batch = len(history)
    series = len(specification.targets)
    windows = transform(specification, history).transpose(0, 2, 1)
    windows = windows.reshape(batch * series, specification.context)
    level = trailing_mean(windows, specification.normalisation)
    windows -= level[:, None]
    own = parts(specification)
    features = np.zeros((batch * series, own[-1].columns.stop), dtype=np.float32)
    which = part_of(specification, start)
    local = local_seconds(specification.timezone, start)
    for number, part in enumerate(own):
        mine = np.flatnonzero(which == number)
        if mine.size == 0:
            continue
        around = Surroundings(local[mine], ahead[mine], past[mine], specification.known)
        rows = (mine[:, None] * series + np.arange(series)).ravel()
        blocks = [np.repeat(block, series, axis=0) for block in compute(part.features, around)]
        constant = np.ones((len(rows), 1))
        features[rows, part.columns] = np.concatenate([windows[rows], *blocks, constant], axis=1)
    return Assembled(features, level, batch)


def restore(specification: Specification, assembled: Assembled, raw: Floats) -> NDArray[np.float64]:
    """The forecast `(batch, horizon, series)` in the targets' units.

    `raw` is the core's output `(batch * series, horizon)`.
    """
    levelled = np.asarray(raw, dtype=np.float64) + assembled.level[:, None]
    shaped = levelled.reshape(assembled.batch, len(specification.targets), specification.horizon)
    return untransform(specification, shaped.transpose(0, 2, 1))


def transform(specification: Specification, values: Floats) -> NDArray[np.float64]:
    """Targets `(..., series)` as the core sees them before levelling; a fresh array."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.log(values) if specification.logarithm else np.array(values, dtype=np.float64)
    if specification.centres:
        shown -= np.asarray(specification.centres)
    if specification.scales:
        shown /= np.asarray(specification.scales)
    return shown


def untransform(specification: Specification, shown: Floats) -> NDArray[np.float64]:
    """The reverse of `transform`."""
    values = np.array(shown, dtype=np.float64)
    if specification.scales:
        values *= np.asarray(specification.scales)
    if specification.centres:
        values += np.asarray(specification.centres)
    return np.exp(values) if specification.logarithm else values


def trailing_mean(windows: Floats, length: int) -> NDArray[np.float64]:
    """The mean of the last `length` columns of each row; 0 when there are none to take."""
    if length == 0:
        return np.zeros(len(windows))
    return np.asarray(windows[:, -length:].mean(axis=1))


def _covariates(
    specification: Specification, batch: int, known: Floats | None, past: Floats | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    columns = len(specification.known)
    if columns == 0:
        if known is not None or past is not None:
            raise InvalidInput("this model takes no known covariates: leave `known` out")
        return np.zeros((batch, specification.horizon, 0)), np.zeros((batch, 0, 0))
    if known is None:
        raise InvalidInput(
            f"`known` is missing: give {', '.join(specification.known)} for each of the "
            f"{specification.horizon} steps ahead"
        )
    ahead = np.asarray(known, dtype=np.float64)
    _check_shape("known", ahead, (batch, specification.horizon, columns))
    _check_finite("known", ahead)
    if past is None:
        return ahead, ahead[:, _like_ahead(specification)]
    before = np.asarray(past, dtype=np.float64)
    _check_shape("past", before, (batch, specification.past, columns))
    _check_finite("past", before)
    return ahead, before


def _like_ahead(specification: Specification) -> NDArray[np.int64]:
    """For each row of the past, the step of the horizon at the same time of day."""
    period = min(specification.steps_per_day, specification.horizon)
    return np.arange(-specification.past, 0) % period


def _check_shape(name: str, array: NDArray[Any], expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise InvalidInput(
            f"{name} has shape {list(array.shape)}, and this model takes {list(expected)}"
        )


def _check_finite(name: str, array: Floats) -> None:
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InvalidInput(f"{name} is not finite at {place}: fill the gap before asking")
