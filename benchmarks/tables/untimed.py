"""A search that nobody stops: so many trials by Optuna over the same portfolio, on every fold."""

import numpy as np
import optuna

from lichen.core.errors import InvalidInput
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.estimation import no_pause
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


def untimed(study: Study, gauge: EnergyGauge, trials: int) -> TrainingResult:
    """The best of so many trials, whatever they cost, fitted on all rows."""
    with one_blas_thread():
        spending = Spending(gauge, NoWatch(), None)
        problem = TableProblem(study, gauge)
        contenders = {
            one.name: one
            for one in contenders_of(study)
            if one.effort_nj(one.defaults) * problem.folds / 3.8e9 < MOST_SECONDS_A_TRIAL
        }
        best = _best(problem, contenders, trials, study.asked.seed)
        searched = Searched((best,), {}, f"all {trials} trials were made")
        choice: Choice = choose(searched, problem, study.metric)
        chosen = chosen_of(study, problem, choice, spending)
        return result_of(study, chosen, fitted_on(study, chosen, spending), ())


def _best(problem: TableProblem, contenders: dict[str, Contender], trials: int, seed: int) -> Trial:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: list[Trial] = []

    def objective(trial: optuna.Trial) -> float:
        contender = contenders[trial.suggest_categorical("algorithm", sorted(contenders))]
        settings = {
            **contender.defaults,
            **{one.name: _drawn(trial, contender.name, one) for one in contender.ranges},
        }
        try:
            errors = tuple(
                problem.error(contender.name, settings, fold, no_pause)
                for fold in range(problem.folds)
            )
        except InvalidInput:
            return WORST
        found.append(Trial(contender, settings, errors, None, is_whole=True))
        return float(np.mean(errors))

    sampler = optuna.samplers.TPESampler(seed=seed)
    optuna.create_study(sampler=sampler).optimize(objective, n_trials=trials)
    return min(found, key=lambda one: one.error)


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
