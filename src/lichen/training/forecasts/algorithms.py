"""The portfolio, cheapest first: seasonal guards, closed-form ridges, boosted trees, networks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.backtest import Backtest, roll
from lichen.forecasting.crossvalidation import cross_residuals
from lichen.forecasting.fitting import Rows, ahead_of, fit, origins
from lichen.forecasting.inputs import parts
from lichen.forecasting.naive import seasonal
from lichen.forecasting.quantiles import residuals
from lichen.forecasting.specification import Specification
from lichen.frameworks.boosting import BoostingSettings
from lichen.frameworks.fracast import CONTEXT, fracast_core
from lichen.frameworks.networks.architecture import Architecture
from lichen.frameworks.networks.training import Attendance
from lichen.frameworks.pretrained import USUAL_CONTEXT
from lichen.protocol.training import NetworkOptions
from lichen.training.forecasts.core import Core, Fitted, LinearCore
from lichen.training.forecasts.networks import Lesson, dense, fit_network, patch_transformer
from lichen.training.forecasts.ridge import tune_calendar, tune_plain
from lichen.training.forecasts.spec import AUTO, PRETRAINED, Refit
from lichen.training.forecasts.statistical import (
    PREFIX,
    LastFit,
    fit_as_matrix,
    statistical_specification,
    window_specification,
)
from lichen.training.forecasts.study import MOST_ORIGINS, Study, coprime_stride
from lichen.training.forecasts.trees import Growing, boosted_specification, fit_boosted

Pause = Callable[[], None]
"""Called between steps of work; raises when the run must end."""

BLOCKS = 3
"""Blocks that trees and networks are cross-validated in: each costs a whole fit."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a search found: enough to fit the algorithm again, anywhere. Travels as JSON."""

    specification: Specification
    penalties: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Misses:
    """Residuals of forecasts by models that were not fitted on them.

    Attributes:
        origins: the row each forecast starts at.
        left: truth less forecast on the core's scale, `(origins, horizon, series)`.
    """

    origins: Rows
    left: NDArray[np.float64]


class Algorithm(Protocol):
    """One way to forecast."""

    @property
    def name(self) -> str:
        """One of `spec.ALGORITHMS`."""
        ...

    def tune(self, study: Study, pause: Pause) -> Setting:
        """The best setting on the validation part."""
        ...

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:
        """A forecaster fitted on the rows before `until`."""
        ...

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:
        """Forecasts at some origins by models that saw only what came before them.

        `fitted` is the one fitted on what came before the first.
        """
        ...

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Residuals on the rows before `until`, cross-validated in blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Guard:
    """The same as a season before: nothing is fitted."""

    name: str
    days: int

    def tune(self, study: Study, pause: Pause) -> Setting:  # noqa: ARG002 - nothing to search
        """One season of context."""
        study.check_context(self.days * study.day, self.name)
        return Setting(seasonal(study.base, self.days * study.day)[0])

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:  # noqa: ARG002
        """The matrix that picks the last season."""
        specification, weights = seasonal(study.base, setting.specification.context)
        return Fitted(specification, LinearCore(weights))

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:  # noqa: ARG002
        """The season before each origin."""
        return backtest(fitted, study, rows)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Whatever it missed: nothing was fitted, so nothing need be left out."""
        rows = _spread(origins(setting.specification, study.panel, 0, until), study)
        fitted = self.fit(study, setting, until, pause)
        return _misses(backtest(fitted, study, rows), setting.specification)


@dataclass(frozen=True, slots=True)
class Ridge:
    """Closed-form ridge on normalised windows, with or without calendar and covariates."""

    name: str
    calendar: bool

    def tune(self, study: Study, pause: Pause) -> Setting:
        """Context, normalisation and penalty by the error on the validation part's moments."""
        return Setting(*(tune_calendar if self.calendar else tune_plain)(study, pause))

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:
        """The weights of every part, one under the other in one matrix."""
        pause()
        panel = study.panel.until(until)
        weights = fit(setting.specification, panel, setting.penalties)
        return Fitted(setting.specification, LinearCore(weights))

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:
        """Refitted each week where that was asked for, else fitted once."""
        if study.spec.refit is Refit.NEVER:
            return backtest(fitted, study, rows)
        return roll(setting.specification, study.panel, setting.penalties[0], rows, study.week)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Each part's, from one set of moments with a block at a time taken off."""
        found = []
        panel = study.panel.until(until)
        for part in range(len(parts(setting.specification))):
            pause()
            found.append(
                cross_residuals(setting.specification, panel, part, setting.penalties[part])
            )
        return Misses(
            np.concatenate([rows for rows, _ in found]), np.concatenate([left for _, left in found])
        )


@dataclass(frozen=True, slots=True)
class Trees:
    """LightGBM, direct."""

    name: str = "lightgbm"

    def tune(self, study: Study, pause: Pause) -> Setting:  # noqa: ARG002 - nothing to search
        """A week of history, the calendar and the covariates."""
        specification = boosted_specification(study.base, study.spec.context)
        study.check_context(max(specification.context, specification.past), self.name)
        return Setting(specification)

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:
        """Trees on every forecast whose truth was known by then."""
        rows = origins(setting.specification, study.panel, 0, until)
        return self._fit(study, setting, rows, pause)

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:  # noqa: ARG002
        """Fitted once: a refit a week would cost more than it gives."""
        return backtest(fitted, study, rows)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Each block's, by trees that saw no forecast that overlaps it."""
        return _blocked(study, setting, until, lambda rows: self._fit(study, setting, rows, pause))

    def _fit(self, study: Study, setting: Setting, rows: Rows, pause: Pause) -> Fitted:
        growing = Growing(BoostingSettings(seed=study.spec.seed), lambda _: pause(), study.nursery)
        return fit_boosted(setting.specification, study.panel, rows, growing)


@dataclass(frozen=True, slots=True)
class Networks:
    """A neural network beside the ridge whose features it shares.

    Attributes:
        name: one of `spec.ALGORITHMS`.
        structure: from what was asked for and what the model looks at.
    """

    name: str
    structure: Callable[[NetworkOptions | None, Specification], Architecture]

    def tune(self, study: Study, pause: Pause) -> Setting:
        """The ridge's own search: context, normalisation, features and penalties."""
        return Setting(*tune_calendar(study, pause))

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:
        """Ridge and network on every forecast whose truth was known by then."""
        rows = origins(setting.specification, study.panel, 0, until)
        return self._fit(study, setting, rows, pause)

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:  # noqa: ARG002
        """Fitted once: a refit a week would cost more than it gives."""
        return backtest(fitted, study, rows)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Each block's, by a network that saw no forecast that overlaps it."""
        return _blocked(study, setting, until, lambda rows: self._fit(study, setting, rows, pause))

    def _fit(self, study: Study, setting: Setting, rows: Rows, pause: Pause) -> Fitted:
        options = study.spec.network
        return fit_network(
            self.structure(options, setting.specification),
            setting.specification,
            study.panel,
            rows,
            Lesson(options, setting.penalties, study.spec.seed),
            Attendance(pause=pause, nursery=study.networks),
        )


@dataclass(frozen=True, slots=True)
class Statistical:
    """A statistical model of StatsForecast, served as the matrix that it is."""

    name: str
    last: LastFit = field(default_factory=LastFit)

    def tune(self, study: Study, pause: Pause) -> Setting:  # noqa: ARG002 - it fits itself
        """Two weeks of context, or what was asked for."""
        return Setting(statistical_specification(study))

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:
        """Its parameters on the last weeks before `until`."""
        return fit_as_matrix(study, setting.specification, until, pause, self.last)

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:  # noqa: ARG002
        """Fitted once."""
        return backtest(fitted, study, rows)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """What it misses by on rows that its few parameters were mostly not fitted on."""
        rows = _spread(origins(setting.specification, study.panel, 0, until), study)
        fitted = self.fit(study, setting, until, pause)
        return _misses(backtest(fitted, study, rows), setting.specification)


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A model that was trained on other series: nothing is fitted.

    Attributes:
        name: one of `spec.ALGORITHMS`.
        core_of: makes what forecasts, from the steps of a window and those ahead.
        longest: steps of a window at most, where nobody says how many.
        own: steps that the model's windows have, if it takes no others.
    """

    name: str
    core_of: Callable[[int, int], Core]
    longest: int
    own: int | None = None

    def tune(self, study: Study, pause: Pause) -> Setting:  # noqa: ARG002 - nothing to search
        """The longest window that it takes and the rows carry, or what was asked for."""
        carried = max(1, (study.split.fit - study.base.horizon) // 2)
        context = study.spec.context or self.own or min(self.longest, carried)
        study.check_context(context, self.name)
        return Setting(window_specification(study.base, context))

    def fit(self, study: Study, setting: Setting, until: int, pause: Pause) -> Fitted:  # noqa: ARG002
        """The model as it came."""
        pause()
        specification = setting.specification
        core = self.core_of(specification.context, specification.horizon)
        return Fitted(specification, core)

    def roll(self, study: Study, setting: Setting, rows: Rows, fitted: Fitted) -> Backtest:  # noqa: ARG002
        """From the window before each origin."""
        return backtest(fitted, study, rows)

    def misses(self, study: Study, setting: Setting, until: int, pause: Pause) -> Misses:
        """Whatever it missed: nothing was fitted."""
        rows = origins(setting.specification, study.panel, 0, until)
        spread = rows[:: coprime_stride(study.day, -(-len(rows) // MOST_ORIGINS))]
        fitted = self.fit(study, setting, until, pause)
        return _misses(backtest(fitted, study, spread), setting.specification)


GUARDS = (Guard("naive-day", 1), Guard("naive-week", 7))

PORTFOLIO: tuple[Algorithm, ...] = (
    *GUARDS,
    Ridge("ridge", calendar=False),
    Ridge("ridge-calendar", calendar=True),
    Trees(),
    Networks("mlp", dense),
    Networks("patch-transformer", patch_transformer),
    Pretrained("fracast", fracast_core, CONTEXT),
)

ON_REQUEST = ("patch-transformer", "fracast")
"""Too dear to be tried unless it is asked for by name."""


def algorithms(study: Study) -> tuple[Algorithm, ...]:
    """What is to be tried, cheapest first: the guards always, then all or the one asked for.

    A pretrained model that was named is the last of all.
    """
    asked = study.spec.algorithm
    if asked.startswith(PREFIX):
        return (*GUARDS, Statistical(asked))
    given = _given(study)
    if asked == PRETRAINED:
        return (*GUARDS, *given)
    every = PORTFOLIO if asked != AUTO else [one for one in PORTFOLIO if one.name not in ON_REQUEST]
    taken = [one for one in every if isinstance(one, Guard) or asked in (AUTO, one.name)]
    return (*taken, *(given if asked == AUTO else ()))


def _given(study: Study) -> tuple[Algorithm, ...]:
    """The pretrained model that was named, if one was."""
    model = study.pretrained
    if model is None:
        return ()
    return (Pretrained(PRETRAINED, model.core, USUAL_CONTEXT, model.windows.context),)


def backtest(fitted: Fitted, study: Study, rows: Rows) -> Backtest:
    """What a fitted forecaster says at some origins, beside what came true."""
    panel = study.panel
    return Backtest(
        rows,
        panel.time_of(rows),
        fitted.forecast(panel, rows),
        ahead_of(fitted.specification, panel.values, rows),
    )


def _blocked(
    study: Study, setting: Setting, until: int, fit_on: Callable[[Rows], Fitted]
) -> Misses:
    """Residuals block by block, by models fitted on the forecasts that do not overlap it."""
    horizon = setting.specification.horizon
    whole = origins(setting.specification, study.panel, 0, until)
    found = []
    for block in np.array_split(whole, BLOCKS):
        others = whole[(whole <= block[0] - horizon) | (whole >= block[-1] + horizon)]
        rolled = backtest(fit_on(others), study, _spread(block, study))
        found.append(_misses(rolled, setting.specification))
    return Misses(
        np.concatenate([one.origins for one in found]),
        np.concatenate([one.left for one in found]),
    )


def _misses(rolled: Backtest, specification: Specification) -> Misses:
    return Misses(rolled.origins, residuals(specification, rolled.mean, rolled.truth))


def _spread(rows: Rows, study: Study) -> Rows:
    """Enough of some origins to take quantiles from, at every time of day in turn."""
    least = -(-len(rows) // (MOST_ORIGINS * 4))
    return rows[:: coprime_stride(study.day, least)]
