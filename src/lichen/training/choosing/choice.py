"""Hold the cheapest algorithm that a dearer one does not beat by enough, and say why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lichen.core.units import readable
from lichen.training.choosing.contender import Problem, Served
from lichen.training.choosing.rules import AUTO
from lichen.training.choosing.search import Searched
from lichen.training.choosing.trial import Trial
from lichen.training.pareto import on_front
from lichen.training.result import Candidate
from lichen.training.worth import LEAST_GAIN, TENTH, needed_gain

BASE_OPERATIONS = 20_000.0
"""What any answer costs before its core does anything, as multiplications: calls, encoding."""


@dataclass(frozen=True, slots=True)
class Stand:
    """An algorithm at the end of a search: its best trial, what all of its trials cost."""

    trial: Trial
    nj: int | None
    trials: int
    served: Served

    @property
    def cost(self) -> float:
        """Of one answer, in operations."""
        return BASE_OPERATIONS + self.served.operations


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and the Pareto table it was chosen from."""

    trial: Trial
    candidates: tuple[Candidate, ...]
    sentence: str


def choose(searched: Searched, problem: Problem, metric: str, algorithm: str = AUTO) -> Choice:
    """The cheapest algorithm, unless a dearer one is so much better that it is worth its joules.

    Args:
        searched: what was tried.
        problem: says what an answer of each costs.
        metric: what errors are of, for the sentences.
        algorithm: what was asked for: it is taken whatever it costs; `auto`: none.
    """
    stands = sorted(_stands(searched, problem), key=lambda one: (not one.trial.is_whole, one.cost))
    held: Stand | None = None
    sentences: dict[str, str] = {}
    for stand in stands:
        name = stand.trial.contender.name
        if held is None:
            sentences[name] = f"{_titled(stand, metric)}: the cheapest to ask"
            held = stand
        else:
            is_worth, sentences[name] = _weighed(held, stand, metric)
            held = stand if is_worth else held
    asked = next((one for one in stands if one.trial.contender.name == algorithm), None)
    if asked is not None:
        held = asked
        sentences[algorithm] = f"{_titled(asked, metric)}: taken, as asked"
    chosen = held if held is not None else stands[0]
    sentence = sentences[chosen.trial.contender.name]
    explained = f"{sentence}; {searched.ended}{_left_out(searched)}"
    sentences[chosen.trial.contender.name] = explained
    candidates = tuple(
        _candidate(one, metric, sentences[one.trial.contender.name], is_chosen=one is chosen)
        for one in stands
    )
    whole = {one.trial.contender.name for one in stands if one.trial.is_whole}
    return Choice(chosen.trial, with_front(candidates, whole), explained)


def _left_out(searched: Searched) -> str:
    """Which algorithms were not tried: the reasons are in the log."""
    return f"; not tried: {', '.join(searched.left_out)}" if searched.left_out else ""


def _stands(searched: Searched, problem: Problem) -> list[Stand]:
    """The best trial of every algorithm; of those that looked hopeless only where all did."""
    by_name: dict[str, list[Trial]] = {}
    for trial in searched.trials:
        by_name.setdefault(trial.contender.name, []).append(trial)
    made = []
    for trials in by_name.values():
        best = min(trials, key=lambda one: (not one.is_whole, one.error))
        metered = [one.nj for one in trials if one.nj is not None]
        served = problem.served(best.contender.name, best.settings)
        made.append(Stand(best, sum(metered) if metered else None, len(trials), served))
    return made


def _weighed(held: Stand, dearer: Stand, metric: str) -> tuple[bool, str]:
    """Whether a dearer one replaces what is held, and the sentence that says so."""
    kept, tried = held.trial, dearer.trial
    titled = _titled(dearer, metric)
    if not tried.is_whole:
        return False, f"{titled}: looked hopeless after {len(tried.errors)} of the folds"
    gain = 1 - tried.error / kept.error if kept.error > 0 else 0.0
    needed = needed_gain(dearer.cost / held.cost)
    if gain >= needed:
        return True, f"{titled}: {_paid(held, dearer)}"
    if gain <= 0:
        return False, f"{titled}: no better than {kept.contender.title}"
    return False, (
        f"{titled}: not chosen, {gain:.1%} less error than {kept.contender.title} "
        f"(worth it from {max(needed, LEAST_GAIN):.1%})"
    ).replace("%", " %")


def _paid(held: Stand, dearer: Stand) -> str:
    """What each further tenth of a per cent cost."""
    tenths = (held.trial.error - dearer.trial.error) / TENTH
    said = f"{tenths / 10:.2f} per cent better than {held.trial.contender.title}"
    costs = []
    if dearer.nj is not None:
        costs.append(f"{readable(round(dearer.nj / tenths), 'J')} to train")
    if dearer.served.nj is not None and held.served.nj is not None:
        more = dearer.served.nj - held.served.nj
        costs.append(f"{readable(round(more / tenths), 'J')} a prediction")
    each = f", each tenth of a per cent at {' and '.join(costs)}" if costs else ""
    return f"chosen over it, {said}{each}"


def _titled(stand: Stand, metric: str) -> str:
    trial = stand.trial
    return f"{trial.contender.title} ({metric} error {trial.error:.4f}, {_counted(stand.trials)})"


def _counted(trials: int) -> str:
    return "1 trial" if trials == 1 else f"{trials} trials"


def _candidate(stand: Stand, metric: str, sentence: str, *, is_chosen: bool) -> Candidate:
    trial = stand.trial
    return Candidate(
        algorithm=trial.contender.name,
        score=trial.error,
        measure=f"{metric} error",
        skill=1 - trial.error,
        nj_to_train=stand.nj,
        nj_per_prediction=stand.served.nj,
        parameters=dict(trial.settings),
        chosen=is_chosen,
        sentence=sentence,
    )


def with_front(candidates: Sequence[Candidate], whole: Collection[str]) -> tuple[Candidate, ...]:
    """The same, each told whether it stands on the Pareto front.

    Args:
        candidates: all that were tried.
        whole: those that were scored on every fold: the scores of others do not compare.
    """
    compared = [one for one in candidates if one.algorithm in whole]
    front = on_front([(one.score, one.nj_to_train, one.nj_per_prediction) for one in compared])
    efficient = {
        one.algorithm for one, is_efficient in zip(compared, front, strict=True) if is_efficient
    }
    return tuple(replace(one, is_efficient=one.algorithm in efficient) for one in candidates)
