"""The ridge's search: the candidates of `forecasting.selection`, one at a time, until the best."""

from collections.abc import Callable, Iterable

from lichen.core.errors import InvalidInput
from lichen.forecasting.fitting import fit_moments, moments_between
from lichen.forecasting.inputs import parts
from lichen.forecasting.ridge import squared_error
from lichen.forecasting.selection import (
    WINDOW_PENALTIES,
    Candidate,
    Split,
    declared_candidates,
    window_candidates,
)
from lichen.forecasting.specification import Specification
from lichen.training.forecasts.spec import Refit
from lichen.training.forecasts.study import Study

Pause = Callable[[], None]
Found = tuple[Specification, tuple[float, ...]]


def tune_plain(study: Study, pause: Pause) -> Found:
    """The best window alone; the penalties hold one."""
    tried = window_candidates(study.base, study.panel, _split(study), _contexts(study))
    best = _best(tried, pause)
    return best.specification, (best.penalty,)


def tune_calendar(study: Study, pause: Pause) -> Found:
    """The best window with calendar and covariates; one penalty for each part of the model."""
    best = _best(
        declared_candidates(
            study.base,
            study.panel,
            _split(study),
            _contexts(study),
            refit=study.spec.refit is Refit.WEEKLY,
        ),
        pause,
    )
    others = range(1, len(parts(best.specification)))
    penalties = [_other_penalty(study, best.specification, part, pause) for part in others]
    return best.specification, (best.penalty, *penalties)


def _other_penalty(study: Study, specification: Specification, part: int, pause: Pause) -> float:
    """The penalty of a part that the search did not look at: starts at an unusual time of day."""
    split = study.split
    fitted = moments_between(specification, study.panel, part, 0, split.fit)
    first = split.fit + specification.horizon - 1
    unseen = moments_between(specification, study.panel, part, first, split.validate)
    if fitted.rows == 0 or unseen.rows == 0:
        raise InvalidInput(
            f"no forecast from a context of {specification.context} rows fits the rows to compare "
            "on: add rows, or ask for a shorter context"
        )
    errors: dict[float, float] = {}
    for share in WINDOW_PENALTIES:
        pause()
        penalty = share * fitted.rows
        errors[penalty] = squared_error(unseen, fit_moments(specification, part, fitted, penalty))
    return min(errors, key=lambda penalty: errors[penalty])


def _best(candidates: Iterable[Candidate], pause: Pause) -> Candidate:
    tried = []
    for candidate in candidates:
        pause()
        tried.append(candidate)
    return min(tried, key=lambda one: one.error)


def _split(study: Study) -> Split:
    return Split(study.split.fit, study.split.validate)


def _contexts(study: Study) -> tuple[int, ...] | None:
    return None if study.spec.context is None else (study.spec.context,)
