"""Candidates for the ridge, cheapest first, each with its error on rows it was not fitted on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.forecasting.backtest import refits
from lichen.forecasting.declaration import Shape, declared, window_only
from lichen.forecasting.fitting import (
    Rows,
    examples,
    fit_moments,
    fitted_origins,
    has_intercept,
    part_alone,
)
from lichen.forecasting.inputs import transform
from lichen.forecasting.moments import Moments, WindowMoments, window_moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.ridge import solve, squared_error
from lichen.forecasting.specification import Specification

WINDOW_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Per window: those that start a step apart are nearly the same window."""
DECLARED_PENALTIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""In all: windows that start a day apart are nearly independent."""
WINDOW_DAYS = (7, 14, 21, 30)
DECLARED_DAYS = (5, 7, 3, 10, 14)
LONGEST_CONTEXT = 1024
SEARCH_REFIT_DAYS = 28


@dataclass(frozen=True, slots=True)
class Split:
    """Rows before `train` are fitted on, rows from it up to `validate` are compared on."""

    train: int
    validate: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing tried: `error` is the mean squared error on the core's own scale."""

    specification: Specification
    penalty: float
    error: float


def window_candidates(
    base: Specification, panel: Panel, split: Split, contexts: Sequence[int] | None = None
) -> Iterator[Candidate]:
    """The plain ridge at each context, normalisation and penalty, from one autocorrelation pass.

    Windows start a step apart, on the validation rows too. Targets, horizon and scales are taken
    from `base`.

    Raises:
        InvalidInput: too few rows for the shortest context and one horizon.
    """
    lengths = usable_contexts(base, split, contexts, WINDOW_DAYS)
    longest = max(lengths)
    seen = transform(base, panel.values[: split.validate])
    fitted = window_moments(seen[: split.train], longest, base.horizon)
    unseen = window_moments(seen[max(0, split.train - longest) :], longest, base.horizon)
    for context in lengths:
        for normalisation in _normalisations(base, context):
            specification = window_only(base, Shape(context, normalisation))
            yield from _penalised(specification, fitted, unseen)


def declared_candidates(
    base: Specification,
    panel: Panel,
    split: Split,
    contexts: Sequence[int] | None = None,
    *,
    refit: bool = False,
) -> Iterator[Candidate]:
    """The ridge with declared features, one trait of its shape after the other.

    Starts from the first context; each trait is tried with the others at their best so far.
    With `refit` the validation is rolled with a refit each four weeks.
    """
    lengths = usable_contexts(base, split, contexts, DECLARED_DAYS)
    day = base.steps_per_day
    best = Shape(lengths[0], min(day, lengths[0]))
    first = list(_shaped(base, panel, split, best, refit=refit))
    yield from first
    least = min(candidate.error for candidate in first)
    quantities = any(feature.knots for feature in first[0].specification.features)
    traits = {
        "context": lengths[1:],
        "past_blocks": (1, 0) if quantities else (),
        "knots": (3, 0) if quantities else (),
        "normalisation": (7 * day, 0),
    }
    for trait, values in traits.items():
        for value in values:
            shape = replace(best, **{trait: value})
            if shape.normalisation > shape.context:
                continue
            tried = list(_shaped(base, panel, split, shape, refit=refit))
            yield from tried
            error = min(candidate.error for candidate in tried)
            if error < least:
                least, best = error, shape


def usable_contexts(
    base: Specification, split: Split, asked: Sequence[int] | None, days: Sequence[int]
) -> list[int]:
    """The contexts that the rows to fit on can carry, in the order given.

    Raises:
        InvalidInput: they carry none of those asked for, or not even one row and one horizon.
    """
    if asked is not None:
        fitting = [context for context in asked if context + base.horizon <= split.train]
        if fitting:
            return fitting
        raise InvalidInput(
            f"{split.train} rows to fit on are fewer than one context ({min(asked)}) and one "
            f"horizon ({base.horizon}): add rows, or ask for a shorter context or horizon"
        )
    wanted = [number * base.steps_per_day for number in days]
    usable = [
        context
        for context in wanted
        if context <= LONGEST_CONTEXT and 2 * (context + base.horizon) <= split.train
    ]
    if usable:
        return usable
    shortest = min(min(wanted), LONGEST_CONTEXT, (split.train - base.horizon) // 2)
    if shortest < 1:
        raise InvalidInput(
            f"{split.train} rows to fit on are too few for a horizon of {base.horizon}: "
            f"at least {base.horizon + 2} are needed"
        )
    return [shortest]


def _penalised(
    specification: Specification, fitted: WindowMoments, unseen: WindowMoments
) -> Iterator[Candidate]:
    trained = fitted.moments(specification.context, specification.normalisation)
    validated = unseen.moments(specification.context, specification.normalisation)
    intercept = has_intercept(specification, 0)
    for share in WINDOW_PENALTIES:
        penalty = share * trained.rows
        weights = solve(trained, penalty, intercept=intercept)
        yield Candidate(specification, penalty, squared_error(validated, weights))


def _shaped(
    base: Specification, panel: Panel, split: Split, shape: Shape, *, refit: bool
) -> Iterator[Candidate]:
    specification = declared(base, panel.until(split.train), shape)
    rows = fitted_origins(specification, panel, 0, split.train, split.validate)
    steps = SEARCH_REFIT_DAYS * base.steps_per_day if refit else None
    penalties = _penalties(specification, panel, split)
    errors = _errors(specification, panel, rows, steps, penalties)
    for penalty, error in zip(penalties, errors, strict=True):
        yield Candidate(specification, penalty, error)


def _penalties(specification: Specification, panel: Panel, split: Split) -> Sequence[float]:
    if specification.start_seconds is not None:
        return DECLARED_PENALTIES
    windows = len(fitted_origins(specification, panel, 0, 0, split.train))
    return [share * windows for share in WINDOW_PENALTIES]


def _errors(
    specification: Specification,
    panel: Panel,
    rows: Rows,
    refit_steps: int | None,
    penalties: Sequence[float],
) -> list[float]:
    """The mean squared error of each penalty, refitting from shared moments."""
    alone = part_alone(specification, 0)
    sums = np.zeros(len(penalties))
    count = 0
    for group, moments in refits(specification, panel, rows, refit_steps):
        laid = examples(alone, panel, group)
        held = Moments.of(laid.features, laid.targets)
        count += held.rows
        for place, penalty in enumerate(penalties):
            weights = fit_moments(specification, 0, moments, penalty)
            sums[place] += squared_error(held, weights) * held.rows if held.rows else 0.0
    if count == 0:
        raise InvalidInput("no complete forecast fits the validation rows: state a later time")
    return [float(total) / count for total in sums]


def _normalisations(base: Specification, context: int) -> list[int]:
    day = base.steps_per_day
    return sorted(
        {length for length in (day, 3 * day, 7 * day, 14 * day) if length <= context} or {context}
    )
