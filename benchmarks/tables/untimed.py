"""A search that nobody stops: so many trials by Optuna over the same portfolio, on every fold.

Where an hour is all there is, it ends after so many CPU-seconds instead and says how far it came.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import numpy as np
import optuna

from lichen.core.errors import InvalidInput
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.spaces import Dimension
from lichen.training.choosing.choice import Choice, choose
from lichen.training.choosing.contender import Contender
from lichen.training.choosing.search import Searched
from lichen.training.choosing.trial import Trial
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.tables.contenders import contenders_of
from lichen.training.tables.problem import TableProblem
from lichen.training.tables.run import chosen_of, fitted_on, result_of
from lichen.training.tables.study import Study
from lichen.training.watch import EnergyGauge, NoWatch

WORST = 10.0
MOST_SECONDS_A_TRIAL = 20.0
"""Algorithms whose default trial is expected to take longer are left out of this search: the
hundred trials would take hours. It makes the search cheaper, and its joules harder to undercut."""


class Ended(Exception):
    """The CPU-seconds that the search may take are over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a search goes on.

    Attributes:
        trials: at most.
        cpu_s: after which no trial goes on.
    """

    trials: int
    cpu_s: float = inf


@dataclass(slots=True)
class Tried:
    """What a search has made so far, and the trial in hand, which is lost if it ends there."""

    whole: list[Trial] = field(default_factory=list)
    since_s: float = field(default_factory=time.process_time)

    @property
    def lost_cpu_s(self) -> float:
        """CPU-seconds since the last trial ended."""
        return time.process_time() - self.since_s

    def took(self, made: Trial | None) -> None:
        """A trial ended; None: its settings do not go with the rows."""
        self.since_s = time.process_time()
        if made is not None:
            self.whole.append(made)
            said = f"{len(self.whole)}: {made.contender.name}, error {made.error:.5f}"
            print(f"{said}, {self.since_s:.1f} CPU-s", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Untimed:
    """What became of a search: the model, trials made, CPU-seconds of a trial that it cut off."""

    trained: TrainingResult
    trials: int
    lost_cpu_s: float


def untimed(study: Study, gauge: EnergyGauge, limits: Limits) -> Untimed:
    """The best of so many trials, whatever they cost, fitted on all rows."""
    with one_blas_thread():
        spending = Spending(gauge, NoWatch(), None)
        problem = TableProblem(study, gauge)
        contenders = {
            one.name: one
            for one in contenders_of(study)
            if one.effort_nj(one.defaults) * problem.folds / 3.8e9 < MOST_SECONDS_A_TRIAL
        }
        tried = Tried()
        lost_cpu_s = 0.0
        try:
            _try(problem, contenders, limits, study.asked.seed, tried)
        except Ended:
            lost_cpu_s = tried.lost_cpu_s
        best = min(tried.whole, key=lambda one: one.error)
        searched = Searched((best,), {}, f"{len(tried.whole)} trials were made")
        choice: Choice = choose(searched, problem, study.metric)
        chosen = chosen_of(study, problem, choice, spending)
        trained = result_of(study, chosen, fitted_on(study, chosen, spending), ())
        return Untimed(trained, len(tried.whole), lost_cpu_s)


def _try(
    problem: TableProblem,
    contenders: dict[str, Contender],
    limits: Limits,
    seed: int,
    tried: Tried,
) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    ends_s = time.process_time() + limits.cpu_s

    def pause() -> None:
        if time.process_time() > ends_s:
            raise Ended

    def objective(trial: optuna.Trial) -> float:
        contender = contenders[trial.suggest_categorical("algorithm", sorted(contenders))]
        settings = {
            **contender.defaults,
            **{one.name: _drawn(trial, contender.name, one) for one in contender.ranges},
        }
        try:
            errors = _errors(problem, contender.name, settings, pause)
        except InvalidInput:
            tried.took(None)
            return WORST
        tried.took(Trial(contender, settings, errors, None, is_whole=True))
        return float(np.mean(errors))

    sampler = optuna.samplers.TPESampler(seed=seed)
    optuna.create_study(sampler=sampler).optimize(objective, n_trials=limits.trials)


def _errors(
    problem: TableProblem, algorithm: str, settings: Settings, pause: Callable[[], None]
) -> tuple[float, ...]:
    found = []
    for fold in range(problem.folds):
        pause()
        found.append(problem.error(algorithm, settings, fold, pause))
    return tuple(found)


def _drawn(trial: optuna.Trial, algorithm: str, one: Dimension) -> float | int | str | bool:
    name = f"{algorithm} {one.name}"
    found: float | int | str | bool
    if one.choices:
        found = trial.suggest_categorical(name, one.choices)
    elif one.is_whole:
        found = trial.suggest_int(name, int(one.low), int(one.high), log=one.is_log)
    else:
        found = trial.suggest_float(name, one.low, one.high, log=one.is_log)
    return found
