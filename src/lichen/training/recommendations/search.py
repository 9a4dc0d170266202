"""Try the most popular items first, then factorisations from few factors to many.

Each is fitted without the last item of each user, and chosen by how often it ranks that item among
the first ones. A dearer one must miss enough fewer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, OverBudget
from lichen.protocol.training import AUTO, RecommendationTraining
from lichen.training.checkpoints import kept_for
from lichen.training.pareto import on_front
from lichen.training.paying import has_stopped_paying
from lichen.training.recommendations.als import Setting, factorise
from lichen.training.recommendations.interactions import Interactions, Taken
from lichen.training.recommendations.ranking import Ranked, Scores, ranked
from lichen.training.result import Candidate
from lichen.training.spending import Spending

POPULAR, ALS = "popular", "als"
CHECKPOINT = "recommenders"
USUAL_TRIALS = 8
LEAST_GAIN = 0.005
"""Of what the held one misses that a dearer one must find."""
_GRID = (
    (16, 1.0, 10.0),
    (32, 1.0, 10.0),
    (16, 10.0, 10.0),
    (32, 10.0, 10.0),
    (16, 10.0, 1.0),
    (16, 10.0, 40.0),
    (64, 10.0, 10.0),
    (64, 30.0, 10.0),
    (32, 30.0, 40.0),
    (32, 3.0, 1.0),
    (64, 100.0, 40.0),
    (128, 30.0, 10.0),
)
"""Factors, l2 and weight, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One that was tried.

    Attributes:
        setting: of a factorisation; None: the most popular items.
        ranked: how it ranks each user's last item.
        nj_to_train: energy of the trial; None where nothing metered it (M5).
    """

    setting: Setting | None
    ranked: Ranked
    nj_to_train: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Trials so far, what they cost, and which task and data they belong to."""

    task: str
    trials: tuple[Trial, ...] = ()
    spent_nj: int = 0
    spent_ng: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen, the guard's figures, and everything that was tried."""

    chosen: Trial
    guard: Trial
    candidates: tuple[Candidate, ...]


def settings_of(asked: RecommendationTraining) -> tuple[Setting | None, ...]:
    """What is tried, the guard first.

    Raises:
        InvalidInput: there is no such algorithm, or an option is not usable.
    """
    if asked.algorithm not in (AUTO, POPULAR, ALS):
        raise InvalidInput(
            f"algorithm {asked.algorithm!r} is unknown: take {AUTO}, {POPULAR} or {ALS}"
        )
    if asked.factors is not None and not 1 <= asked.factors <= 1024:
        raise InvalidInput(f"factors is {asked.factors}: take 1 to 1024")
    if asked.search is not None and asked.search < 1:
        raise InvalidInput(f"search is {asked.search}: try at least 1 setting")
    if asked.cv is not None:
        raise InvalidInput("what each user took last is held back, once: leave out the folds (cv)")
    if asked.algorithm == POPULAR:
        return (None,)
    found = tuple(Setting(asked.factors or one, l2, weight) for one, l2, weight in _GRID)
    return (None, *tuple(dict.fromkeys(found))[: asked.search or USUAL_TRIALS])


def search(asked: RecommendationTraining, seen: Interactions, spending: Spending) -> Outcome:
    """Try every setting until all are tried or the budget is spent.

    Each is kept as a checkpoint, so a run that is killed takes up where it stood.

    Raises:
        InvalidInput: what is asked is not usable, or no last item can be held back.
        WorkFailed: the run was cancelled.
    """
    trials = _tried(asked, seen, spending)
    held, sentences = _weighed(asked, trials)
    return Outcome(held, trials[0], tuple(_candidates(trials, held, sentences)))


def _tried(
    asked: RecommendationTraining, seen: Interactions, spending: Spending
) -> tuple[Trial, ...]:
    task = _fingerprint(asked, seen)
    kept = kept_for(task, Checkpoint, spending.watch, CHECKPOINT) or Checkpoint(task)
    spending.earlier_nj = max(spending.earlier_nj, kept.spent_nj)
    spending.earlier_ng = max(spending.earlier_ng, kept.spent_ng)
    settings = settings_of(asked)
    for number, setting in enumerate(settings):
        spending.begin(_title(setting), 0.9 * (number + 1) / len(settings))
        if any(one.setting == setting for one in kept.trials):
            continue
        costs = [one.nj_to_train for one in kept.trials]
        if has_stopped_paying([_recall(one) for one in kept.trials], costs, asked.tenth_nj):
            spending.end("the last trials cost more than they gained may cost: the search ends")
            break
        try:
            trial = _try(asked, seen, setting, spending)
        except OverBudget as spent:
            spending.end(str(spent))
            break
        kept = replace(
            kept,
            trials=(*kept.trials, trial),
            spent_nj=spending.spent_nj or 0,
            spent_ng=spending.spent_ng or 0,
        )
        spending.watch.save(CHECKPOINT, msgspec.json.encode(kept))
        spending.end()
    return kept.trials


def _try(
    asked: RecommendationTraining,
    seen: Interactions,
    setting: Setting | None,
    spending: Spending,
) -> Trial:
    before = spending.gauge.spent()
    known = seen.taken.without(seen.is_last)
    if setting is None:  # the guard is free of the budget
        scores = _popular(known)
    else:
        spending.check_budget()
        scores = _scores(known, setting, asked.seed, spending)
    found = ranked(scores, known, seen.taken.without(~seen.is_last), asked.top)
    after = spending.gauge.spent()
    spent = None if before is None or after is None else after.nj - before.nj
    return Trial(setting, found, spent)


def _popular(known: Taken) -> Scores:
    popularity = known.popularity

    def scores(users: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.tile(popularity, (len(users), 1))

    return scores


def _scores(known: Taken, setting: Setting, seed: int, spending: Spending) -> Scores:
    fitted = factorise(known, setting, seed, spending.check_budget)

    def scores(users: NDArray[np.int64]) -> NDArray[np.float64]:
        said: NDArray[np.float64] = fitted.users[users] @ fitted.items.T
        return said

    return scores


def _weighed(asked: RecommendationTraining, trials: Sequence[Trial]) -> tuple[Trial, list[str]]:
    """The trial to take, and a sentence for each."""
    held = trials[0]
    sentences = [f"{_title(None)}: the guard, recall@{asked.top} {_recall(held):.3f}"]
    best: Trial | None = None
    for trial in trials[1:]:
        told = f"{_title(trial.setting)}: recall@{asked.top} {_recall(trial):.3f}"
        if best is None or _recall(trial) > _recall(best):
            best = trial
        gain = _recall(trial) - _recall(held)
        is_worth = gain > 0 and gain >= LEAST_GAIN * (1 - _recall(held))
        told += f" after {_recall(held):.3f} of {_title(held.setting)}"
        sentences.append(f"{told}: {'worth it' if is_worth else 'not chosen'}")
        held = trial if is_worth else held
    if asked.algorithm == ALS and held.setting is None and best is not None:
        sentences[trials.index(best)] += ", but taken, as asked"
        held = best
    return held, sentences


def _recall(trial: Trial) -> float:
    return trial.ranked.recall.value


def _candidates(
    trials: Sequence[Trial], held: Trial, sentences: Sequence[str]
) -> Iterator[Candidate]:
    guard = _recall(trials[0])
    front = on_front([(-_recall(one), one.nj_to_train) for one in trials])
    for trial, sentence, is_efficient in zip(trials, sentences, front, strict=True):
        missed = 1 - guard
        yield Candidate(
            algorithm=POPULAR if trial.setting is None else ALS,
            score=_recall(trial),
            measure="recall",
            more_is_better=True,
            skill=(_recall(trial) - guard) / missed if missed > 0 else 0.0,
            nj_to_train=trial.nj_to_train,
            nj_per_prediction=None,
            parameters={} if trial.setting is None else msgspec.to_builtins(trial.setting),
            chosen=trial is held,
            is_efficient=is_efficient,
            sentence=sentence,
        )


def _title(setting: Setting | None) -> str:
    if setting is None:
        return "Most popular"
    return f"ALS ({setting.factors} factors, l2 {setting.l2:g}, weight {setting.weight:g})"


def _fingerprint(asked: RecommendationTraining, seen: Interactions) -> str:
    digest = sha256(msgspec.json.encode((asked, seen.users, seen.items)))
    for array in (seen.taken.user, seen.taken.item, seen.taken.strength, seen.is_last):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
