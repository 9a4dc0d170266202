"""A search walks from cheap to dear, tunes what leads, and stops when joules stop paying."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.spaces import Dimension
from lichen.training.choosing.choice import choose
from lichen.training.choosing.contender import Contender, Served
from lichen.training.choosing.memory import Memory
from lichen.training.choosing.rules import Rules
from lichen.training.choosing.search import Search, Searched
from lichen.training.spending import Spending
from lichen.training.watch import NoGauge, NoWatch

CHEAP_NJ, DEAR_NJ = 10_000_000.0, 400_000_000.0
DEPTH = Dimension(name="depth", low=0.0, high=1.0, default=0.5)


class Meter:
    """A gauge that is told what is spent."""

    ng: int | None = None

    def __init__(self) -> None:
        self.nj = 0

    def spent(self) -> EnergyFigure:
        spent = Nanojoules(self.nj)
        return EnergyFigure(spent, spent, spent, Method.MODELLED, "told")


@dataclass
class Bowls:
    """Errors by algorithm and `depth`; each fold asked for is counted and charged."""

    errors: dict[str, Callable[[float], float]]
    costs: dict[str, float]
    meter: Meter
    asked: list[tuple[str, float, int]] = field(default_factory=list)
    folds: int = 4
    fingerprint: str = "bowls"

    def error(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> float:
        pause()
        depth = float(settings.get("depth", 0.5))
        self.asked.append((algorithm, depth, fold))
        self.meter.nj += int(self.costs[algorithm])
        return self.errors[algorithm](depth) * (1 + 0.01 * fold)

    def served(self, algorithm: str, settings: Settings) -> Served:  # noqa: ARG002
        cost = self.costs[algorithm]
        return Served(int(cost / 1000), cost / 100)


def contender(name: str, cost: float, *ranges: Dimension) -> Contender:
    return Contender(name, name.capitalize(), {}, ranges, lambda _: cost)


def bowls(**errors: Callable[[float], float]) -> Bowls:
    costs = {name: CHEAP_NJ * 40**place for place, name in enumerate(errors)}
    return Bowls(errors, costs, Meter())


def searched(problem: Bowls, rules: Rules, watch: NoWatch | None = None) -> Searched:
    contenders = [contender(name, problem.costs[name], DEPTH) for name in problem.errors]
    spending = Spending(problem.meter, watch or NoWatch(), None)
    memory = Memory.of_earlier_attempts(spending, problem.fingerprint)
    found = Search(problem, contenders, rules, memory).run()
    memory.write()
    return found


def test_defaults_are_tried_from_cheap_to_dear() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.2)
    searched(problem, Rules(most_trials=2))
    assert [name for name, _, _ in problem.asked] == ["linear"] * 4 + ["trees"] * 4


def test_no_more_defaults_are_tried_than_trials_were_asked_for() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.2, network=lambda _: 0.1)
    found = searched(problem, Rules(most_trials=2))
    assert [one.contender.name for one in found.trials] == ["linear", "trees"]
    assert found.left_out == {
        "network": "Network: left out, all trials that were asked for were made"
    }


def test_the_algorithm_asked_for_is_tried_though_its_guard_took_the_only_trial() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.2)
    guard = replace(contender("linear", CHEAP_NJ), is_guard=True)
    contenders = [guard, contender("trees", DEAR_NJ, DEPTH)]
    memory = Memory.of_earlier_attempts(Spending(problem.meter, NoWatch(), None), "bowls")
    rules = Rules(algorithm="trees", most_trials=1)
    found = Search(problem, contenders, rules, memory).run()
    assert [one.contender.name for one in found.trials] == ["linear", "trees"]


def test_a_budget_that_is_spent_before_the_first_trial_says_so() -> None:
    problem = bowls(linear=lambda _: 0.3)
    problem.meter.nj = 5
    spending = Spending(problem.meter, NoWatch(), 1)
    memory = Memory.of_earlier_attempts(spending, problem.fingerprint)
    search = Search(problem, [contender("linear", CHEAP_NJ, DEPTH)], Rules(), memory)
    with pytest.raises(InvalidInput, match="the energy budget is spent before one algorithm was"):
        search.run()


def test_a_hopeless_algorithm_ends_after_one_fold() -> None:
    problem = bowls(linear=lambda _: 0.1, trees=lambda _: 0.5)
    found = searched(problem, Rules(most_trials=2))
    assert [one.is_whole for one in found.trials] == [True, False]
    assert problem.asked.count(("trees", 0.5, 0)) == 1
    assert ("trees", 0.5, 1) not in problem.asked


def test_what_is_too_dear_for_what_it_may_bring_is_left_out_with_a_reason() -> None:
    problem = bowls(linear=lambda _: 0.001, middle=lambda _: 0.2, network=lambda _: 0.0005)
    found = searched(problem, Rules())
    assert "network" not in {one.contender.name for one in found.trials}
    assert "expected to take" in found.left_out["network"]


def test_tuning_finds_the_better_setting_and_stops_before_the_last_trial() -> None:
    problem = bowls(linear=lambda depth: 0.1 + (depth - 0.1) ** 2, trees=lambda _: 0.9)
    found = searched(problem, Rules(most_trials=200, seed=3))
    assert min(one.error for one in found.trials) < 0.13
    assert len(found.trials) < 60
    assert "less than its joules are worth" in found.ended


def test_a_dear_price_a_tenth_makes_more_trials_than_a_low_one() -> None:
    def trials(tenth_nj: int) -> int:
        problem = bowls(linear=lambda depth: 0.1 + (depth - 0.1) ** 2)
        return len(searched(problem, Rules(most_trials=100, tenth_nj=tenth_nj)).trials)

    assert trials(1_000) < trials(100_000_000)


def test_an_untimed_search_makes_every_trial_on_every_fold() -> None:
    problem = bowls(linear=lambda depth: 0.1 + depth, trees=lambda _: 0.9)
    found = searched(problem, Rules(most_trials=12, is_frugal=False))
    assert len(found.trials) == 12
    assert all(one.is_whole for one in found.trials)
    assert found.ended == "all 12 trials were made"


def test_the_algorithm_asked_for_is_tried_alone_and_taken() -> None:
    problem = bowls(linear=lambda _: 0.1, trees=lambda _: 0.5)
    found = searched(problem, Rules(algorithm="trees", most_trials=1))
    assert {one.contender.name for one in found.trials} == {"trees"}
    choice = choose(found, problem, "log loss", "trees")
    assert choice.trial.contender.name == "trees"
    assert "taken, as asked" in choice.candidates[0].sentence


def test_a_refusal_of_the_only_algorithm_is_said() -> None:
    def refuse(_: float) -> float:
        raise InvalidInput("these rows are too few")

    problem = bowls(linear=refuse, trees=lambda _: 0.2)
    found = searched(problem, Rules(most_trials=2))
    assert found.left_out == {"linear": "Linear: not tried, these rows are too few"}
    with pytest.raises(InvalidInput, match="too few"):
        searched(problem, Rules(algorithm="linear"))


def test_an_energy_budget_ends_the_search_with_what_it_has() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.2)
    contenders = [contender(name, problem.costs[name], DEPTH) for name in problem.errors]
    spending = Spending(problem.meter, NoWatch(), limit_nj=int(5 * CHEAP_NJ))
    memory = Memory.of_earlier_attempts(spending, "bowls")
    found = Search(problem, contenders, Rules(), memory).run()
    assert {one.contender.name for one in found.trials} == {"linear"}
    assert found.ended == "the energy budget is spent"


def test_a_search_that_goes_on_asks_for_nothing_twice_and_finds_the_same() -> None:
    def make() -> Bowls:
        return bowls(linear=lambda depth: 0.2 + (depth - 0.8) ** 2, trees=lambda _: 0.19)

    watch, first = NoWatch(), make()
    whole = searched(first, Rules(seed=1), watch)
    again = make()
    resumed = searched(again, Rules(seed=1), watch)
    assert again.asked == []
    assert [(one.settings, one.errors) for one in resumed.trials] == [
        (one.settings, one.errors) for one in whole.trials
    ]


def test_checkpoints_of_other_data_are_not_taken() -> None:
    watch = NoWatch()
    searched(bowls(linear=lambda _: 0.2), Rules(most_trials=1), watch)
    other = bowls(linear=lambda _: 0.1)
    other.fingerprint = "other"
    assert searched(other, Rules(most_trials=1), watch).trials[0].error < 0.11
    assert other.asked


def test_the_dearer_is_chosen_where_it_is_worth_it_and_the_sentence_says_what_a_tenth_cost() -> (
    None
):
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.2)
    choice = choose(searched(problem, Rules(most_trials=2)), problem, "R2")
    assert choice.trial.contender.name == "trees"
    assert "10.15 per cent better than Linear" in choice.sentence
    assert (
        "each tenth of a per cent at 15.8 mJ to train and 3.84 µJ a prediction" in choice.sentence
    )


def test_a_small_gain_at_many_times_the_work_is_not_chosen() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.298)
    choice = choose(searched(problem, Rules(most_trials=2)), problem, "R2")
    assert choice.trial.contender.name == "linear"
    dear = next(one for one in choice.candidates if one.algorithm == "trees")
    assert "not chosen, 0.7 % less error than Linear (worth it from" in dear.sentence
    assert dear.is_efficient


def test_what_is_worse_and_dearer_is_off_the_pareto_front() -> None:
    problem = bowls(linear=lambda _: 0.3, trees=lambda _: 0.31)
    choice = choose(searched(problem, Rules(most_trials=2)), problem, "R2")
    assert {one.algorithm: one.is_efficient for one in choice.candidates} == {
        "linear": True,
        "trees": False,
    }


def test_a_search_that_nothing_meters_says_nothing_of_joules() -> None:
    problem = bowls(linear=lambda _: 0.3)
    spending = Spending(NoGauge(), NoWatch(), None)
    memory = Memory.of_earlier_attempts(spending, "bowls")
    one = contender("linear", CHEAP_NJ, DEPTH)
    found = Search(problem, [one], Rules(most_trials=1), memory).run()
    assert [trial.nj for trial in found.trials] == [None]


def test_the_sentence_of_the_chosen_says_why_the_search_ended_and_what_was_not_tried() -> None:
    problem = bowls(linear=lambda _: 0.001, middle=lambda _: 0.2, network=lambda _: 0.0005)
    choice = choose(searched(problem, Rules()), problem, "R2")
    [chosen] = [one for one in choice.candidates if one.chosen]
    assert chosen.measure == "R2 error"
    assert "less than its joules are worth" in chosen.sentence
    assert chosen.sentence.endswith("not tried: middle, network")


def test_what_every_algorithm_is_refused_for_is_said_once() -> None:
    def refuse(_: float) -> float:
        raise InvalidInput("epochs is 0: take at least 1")

    with pytest.raises(InvalidInput, match=r"^epochs is 0: take at least 1$"):
        searched(bowls(linear=refuse, network=refuse), Rules())
