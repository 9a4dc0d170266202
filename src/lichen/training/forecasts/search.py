"""Try the portfolio, cheapest first, and hold the best that is worth its joules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lichen.core.errors import InvalidInput, OverBudget, Unavailable
from lichen.training.forecasts import checkpoint
from lichen.training.forecasts.algorithms import GUARDS, Algorithm, Guard, algorithms
from lichen.training.forecasts.checkpoint import Checkpoint, Trial
from lichen.training.forecasts.cost import cost_of
from lichen.training.forecasts.spec import AUTO
from lichen.training.forecasts.study import Study
from lichen.training.forecasts.validation import validation_mase
from lichen.training.result import Candidate
from lichen.training.spending import Spending
from lichen.training.worth import Scored, title_of, weigh

SHARES: Mapping[str, float] = {
    "naive-day": 0.02,
    "naive-week": 0.04,
    "ridge": 0.2,
    "ridge-calendar": 0.35,
    "lightgbm": 0.8,
    "mlp": 0.87,
}
LAST_SHARE = 0.88
"""How far a run is once each candidate was tried; the rest is the final fit and its scores."""

CURVED = ("mlp",)
"""Tried by `auto` only where trees found something that the ridges missed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the search chose, and everything it tried."""

    algorithm: Algorithm
    trial: Trial
    candidates: tuple[Candidate, ...]


def search(study: Study, spending: Spending) -> Outcome:
    """Tune and score each algorithm in order of cost until all are tried or the budget is spent.

    Each is kept as a checkpoint, so a run that is killed takes up where it stood.
    """
    task = checkpoint.fingerprint(study)
    kept = checkpoint.load(spending.watch, task)
    spending.earlier_nj = max(spending.earlier_nj, kept.spent_nj)
    spending.earlier_ng = max(spending.earlier_ng, kept.spent_ng)
    choice = _Choice(study.spec.algorithm)
    for algorithm in algorithms(study):
        spending.begin(title_of(algorithm.name), SHARES.get(algorithm.name, LAST_SHARE))
        unlikely = choice.unlikely(algorithm) if study.spec.network is None else None
        if unlikely is not None:
            spending.end(choice.leave_out(algorithm, unlikely))
            continue
        trial = kept.trial(algorithm.name)
        if trial is None:
            try:
                trial = _try(study, algorithm, spending)
            except OverBudget as spent:
                spending.end(choice.leave_out(algorithm, str(spent).partition(":")[0]))
                break
            except (InvalidInput, Unavailable) as refused:
                if study.spec.algorithm == algorithm.name:
                    raise
                spending.end(choice.leave_out(algorithm, str(refused)))
                continue
            kept = _kept(kept, trial, spending)
        choice.weigh(algorithm, trial)
        spending.end(choice.sentence)
    return choice.outcome()


def _try(study: Study, algorithm: Algorithm, spending: Spending) -> Trial:
    """Tune, score and meter one algorithm; the guards are free of the budget."""
    pause = spending.check if isinstance(algorithm, Guard) else spending.check_budget
    pause()
    rows = study.origins(study.split.fit, study.split.validate)
    setting = algorithm.tune(study, pause)
    fitted = algorithm.fit(study, setting, study.split.fit, pause)
    score = validation_mase(study, algorithm.roll(study, setting, rows, fitted))
    day_before = GUARDS[0]
    guard = day_before.fit(study, day_before.tune(study, pause), study.split.fit, pause)
    cost = cost_of(fitted, guard, study.panel, int(rows[-1]), spending.gauge)
    return Trial(algorithm.name, setting, score, cost)


def _kept(kept: Checkpoint, trial: Trial, spending: Spending) -> Checkpoint:
    longer = replace(
        kept,
        spent_nj=spending.spent_nj or 0,
        spent_ng=spending.spent_ng or 0,
        trials=(*kept.trials, trial),
    )
    checkpoint.save(spending.watch, longer)
    return longer


class _Choice:
    """Holds the best so far and writes down why."""

    def __init__(self, asked: str) -> None:
        self._forced = None if asked == AUTO else asked
        self._held: tuple[Algorithm, Trial] | None = None
        self._settled = False
        self._lines: list[tuple[Trial, str]] = []
        self.sentence = ""

    def leave_out(self, algorithm: Algorithm, why: str) -> str:
        """The sentence for one that could not be tried."""
        return f"{title_of(algorithm.name)}: not tried, {why}"

    def unlikely(self, algorithm: Algorithm) -> str | None:
        """Why one that was not asked for is not worth a trial; None: it may be.

        A network adds to the ridge what is curved in the data. Trees find that too, for less: where
        they do not beat the ridges there is little of it.
        """
        if algorithm.name not in CURVED or self._forced is not None:
            return None
        scores = {trial.algorithm: trial.score for trial, _ in self._lines}
        trees = scores.get("lightgbm")
        ridges = [score for name, score in scores.items() if name.startswith("ridge")]
        if trees is None or not ridges or trees < min(ridges):
            return None
        return "trees did not beat the ridge, so there is little for a network to add to it"

    def weigh(self, algorithm: Algorithm, trial: Trial) -> None:
        """Hold it instead of what is held, if it is worth it or was asked for."""
        if self._held is None:
            self.sentence = f"{title_of(algorithm.name)}: the guard, MASE {trial.score:.3f}"
            worth = True
        else:
            verdict = weigh(_scored(self._held[1]), _scored(trial))
            self.sentence, worth = verdict.sentence, verdict.worth
        if self._forced == algorithm.name:
            self.sentence = f"{self.sentence.rpartition(': ')[0]}: taken, as asked"
        if worth and not self._settled:
            self._held = (algorithm, trial)
        if self._forced == algorithm.name:
            self._held = (algorithm, trial)
            self._settled = True
        self._lines.append((trial, self.sentence))

    def outcome(self) -> Outcome:
        """The choice, with a candidate for each trial."""
        if self._held is None:
            raise InvalidInput("no algorithm could be tried: give more rows")
        algorithm, held = self._held
        names = [guard.name for guard in GUARDS]
        guard = min(trial.score for trial, _ in self._lines if trial.algorithm in names)
        candidates = tuple(
            Candidate(
                algorithm=trial.algorithm,
                score=trial.score,
                measure="MASE",
                skill=1 - trial.score / guard if guard > 0 else 0.0,
                nj_per_prediction=trial.cost.nj if trial.cost else None,
                parameters=described(trial),
                chosen=trial is held,
                sentence=sentence,
            )
            for trial, sentence in self._lines
        )
        return Outcome(algorithm, held, candidates)


def _scored(trial: Trial) -> Scored:
    return Scored(trial.algorithm, trial.score, trial.cost.guards if trial.cost else None)


def described(trial: Trial) -> dict[str, object]:
    """What a trial's own search found, as a person reads it."""
    specification = trial.setting.specification
    return {
        "context": specification.context,
        "normalisation": specification.normalisation,
        "logarithm": specification.logarithm,
        "penalties": list(trial.setting.penalties),
    }
