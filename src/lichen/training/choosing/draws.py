"""Hyperparameters drawn by Optuna: tree-structured Parzen estimators, seeded, in memory.

This file loads Optuna, so it is loaded by name, when more than the defaults are tried.
"""

from collections.abc import Sequence

import optuna

from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.spaces import Dimension

STARTUP_TRIALS = 4
"""Drawn at random before the estimators have something to stand on."""


class Draws:
    """One algorithm's hyperparameters, one trial after the other (Bergstra et al., 2011)."""

    def __init__(self, ranges: Sequence[Dimension], defaults: Settings, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        self._study = optuna.create_study(direction="minimize", sampler=sampler)
        self._ranges = tuple(ranges)
        self._defaults = dict(defaults)
        self._asked: optuna.Trial | None = None

    def told(self, settings: Settings, error: float) -> None:
        """Take note of a trial that was not drawn here, such as that of the defaults."""
        named = {one.name: _distribution(one) for one in self._ranges}
        inside = {name: settings[name] for name in named if _is_inside(named[name], settings, name)}
        self._study.add_trial(
            optuna.trial.create_trial(
                params=inside, distributions={name: named[name] for name in inside}, value=error
            )
        )

    def ask(self) -> Settings:
        """The next settings to try; what is not searched is as in the defaults."""
        self._asked = self._study.ask()
        drawn = {one.name: self._suggest(self._asked, one) for one in self._ranges}
        return {**self._defaults, **drawn}

    def tell(self, error: float) -> None:
        """How the last settings that were asked for did."""
        self._study.tell(self._asked, error)

    def _suggest(self, trial: "optuna.Trial", one: Dimension) -> float | int | str | bool:
        found: float | int | str | bool
        if one.choices:
            found = trial.suggest_categorical(one.name, one.choices)
        elif one.is_whole:
            found = trial.suggest_int(one.name, int(one.low), int(one.high), log=one.is_log)
        else:
            found = trial.suggest_float(one.name, one.low, one.high, log=one.is_log)
        return found


def _distribution(one: Dimension) -> "optuna.distributions.BaseDistribution":
    if one.choices:
        return optuna.distributions.CategoricalDistribution(one.choices)
    if one.is_whole:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.is_log)


def _is_inside(
    distribution: "optuna.distributions.BaseDistribution", settings: Settings, name: str
) -> bool:
    """Whether a default lies where is searched: Optuna takes no other."""
    if name not in settings:
        return False
    try:
        internal = distribution.to_internal_repr(settings[name])
    except ValueError:
        return False
    return bool(distribution._contains(internal))  # noqa: SLF001 - it has no public door
