"""What drives a forecast, in groups that a person knows: lags by age, calendar, covariates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.calendar import weekday
from lichen.forecasting.features import Surroundings, compute, width
from lichen.forecasting.inputs import Part
from lichen.forecasting.specification import Feature, Kind, Specification

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_HOUR, _DAY = 3600, 86_400
_AGES = (
    (3 * _HOUR, "last 3 hours"),
    (_DAY, "rest of the last day"),
    (2 * _DAY, "2nd day before"),
    (6 * _DAY, "3rd to 6th day before"),
    (7 * _DAY, "7th day before"),
)
"""Up to which age, in seconds before the first step, a row of the history belongs to a group."""
EARLIER = "earlier"
BIAS = "bias"
_BEFORE = " before"
_CALENDAR = {
    Kind.WEEKDAY: "weekday",
    Kind.TIME_OF_DAY: "time of day",
    Kind.ANNUAL: "time of year",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Group:
    """Features that belong together.

    Attributes:
        name: as a person knows it.
        places: of its features among all that are assembled.
        value: what it is in this row, where one number or word says it.
        unit: of a number.
    """

    name: str
    places: Places
    value: str | float | bool | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What surrounds one forecast.

    Attributes:
        local: local seconds since 1970 of the first step.
        ahead: `(horizon, covariates)`.
        past: `(past, covariates)`; empty where none were given.
    """

    local: int
    ahead: Floats
    past: Floats


def lag_groups(
    specification: Specification, first: int, history: Floats, unit: str | None
) -> list[Group]:
    """The rows of the history by their age.

    Args:
        specification: of the model.
        first: the feature that the oldest row stands at.
        history: `(context,)` in the target's unit.
        unit: of the target.
    """
    rows = np.arange(specification.context)
    age = (specification.context - rows) * specification.step_seconds
    bounds = [bound for bound, _ in _AGES]
    which = np.searchsorted(bounds, age)
    names = [*(name for _, name in _AGES), EARLIER]
    if not (which == 0).any():
        names[1] = "last day"
    return [
        Group(names[at], first + rows[which == at], float(history[which == at].mean()), unit)
        for at in range(len(names))
        if (which == at).any()
    ]


def declared_groups(specification: Specification, part: Part, around: Moment) -> list[Group]:
    """Calendar and covariates, each feature in the group of what it is computed from."""
    places: dict[str, list[Places]] = {}
    for feature, place in _placed(specification, part):
        places.setdefault(_name(specification, feature, around), []).append(place)
    return [
        Group(name, np.concatenate(each), _value(specification, name, around))
        for name, each in places.items()
    ]


def usual_features(
    specification: Specification, part: Part, around: Moment, level: float
) -> Floats:
    """The features of an even history on a usual day, of one part; 0 elsewhere.

    The calendar is at its mean, each covariate at what is usual of it: the mean that the model was
    fitted around, where it keeps that, 0 for a flag, else the mean of the values given.

    Args:
        specification: of the model.
        part: the one that answers.
        around: this forecast's surroundings.
        level: of the even history, as features hold it.
    """
    usual = np.zeros(part.columns.stop)
    usual[part.columns.start : part.columns.start + specification.context] = level
    usual[part.columns.stop - 1] = 1.0
    values = np.array([_usual_of(specification, at, around) for at in _columns(specification)])
    still = Surroundings(
        np.array([around.local]),
        np.tile(values, (1, specification.horizon, 1)),
        np.tile(values, (1, specification.past, 1)),
        specification.known,
    )
    for (feature, place), block in zip(
        _placed(specification, part), compute(part.features, still), strict=True
    ):
        usual[place] = _MEANS[feature.kind](feature) if feature.kind in _MEANS else block[0]
    return usual


def _columns(specification: Specification) -> range:
    return range(len(specification.known))


def _placed(specification: Specification, part: Part) -> Iterator[tuple[Feature, Places]]:
    first = part.columns.start + specification.context
    for feature in part.features:
        last = first + width(specification, (feature,))
        yield feature, np.arange(first, last)
        first = last


def _mean_weekday(feature: Feature) -> Floats:
    days = np.full(7, feature.weight / 7)
    return days if feature.column is None else np.append(days, 0.0)


def _mean_cycle(feature: Feature) -> Floats:
    return np.zeros(2 * len(feature.lengths))


_MEANS: dict[Kind, Callable[[Feature], Floats]] = {
    Kind.WEEKDAY: _mean_weekday,
    Kind.TIME_OF_DAY: _mean_cycle,
    Kind.ANNUAL: _mean_cycle,
}
"""Of the calendar over its cycle."""


def _usual_of(specification: Specification, at: int, around: Moment) -> float:
    name = specification.known[at]
    declared = (*specification.features, *specification.anytime)
    centre = next((one.centre for one in declared if one.column == name and one.centre), None)
    if centre is not None:
        return centre
    given = np.concatenate([around.ahead[:, at], around.past[:, at]])
    return 0.0 if np.isin(given, (0.0, 1.0)).all() else float(given.mean())


def _name(specification: Specification, feature: Feature, around: Moment) -> str:
    """The group of a feature; the weekday gives way to a flag that is up."""
    column = str(feature.column)
    if feature.kind is Kind.WEEKDAY and feature.column is not None:
        is_up = bool(around.ahead[0, specification.known.index(column)])
        return column if is_up else _CALENDAR[Kind.WEEKDAY]
    if feature.kind in _CALENDAR:
        return _CALENDAR[feature.kind]
    return column if feature.kind is Kind.AHEAD else f"{column}{_BEFORE}"


def _value(specification: Specification, name: str, around: Moment) -> Any:  # noqa: ANN401 - a cell
    if name == _CALENDAR[Kind.WEEKDAY]:
        return _DAYS[int(weekday(np.array([around.local]))[0])]
    moment = np.datetime64(around.local, "s")
    if name == _CALENDAR[Kind.TIME_OF_DAY]:
        return str(moment)[11:16]
    if name == _CALENDAR[Kind.ANNUAL]:
        return str(moment)[:10]
    column = name.removesuffix(_BEFORE)
    values = around.ahead if name in specification.known else around.past
    at = specification.known.index(column)
    return float(values[:, at].mean()) if len(values) else None
