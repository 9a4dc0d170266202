"""What a search is to answer with, of trials that were all made already."""

from lichen.frameworks.estimation import Settings
from lichen.training.choosing.choice import choose
from lichen.training.choosing.contender import Contender, Served
from lichen.training.choosing.search import Searched
from lichen.training.choosing.trial import Trial

OPERATIONS = {"cheap": 10.0, "dear": 1e6}


class _Asked:
    folds = 3
    fingerprint = "test"

    def error(self, *asked: object) -> float:
        raise AssertionError(f"every trial was made already: {asked}")

    def served(self, algorithm: str, settings: Settings) -> Served:
        del settings
        return Served(None, OPERATIONS[algorithm])


def _trial(name: str, *errors: float, is_whole: bool) -> Trial:
    return Trial(Contender(name, name, {}, (), lambda _: 1.0), {}, errors, None, is_whole)


def test_what_looked_hopeless_on_an_easy_fold_is_not_held_for_its_low_error_there() -> None:
    dear = _trial("dear", 0.05, 0.3, 0.3, is_whole=True)
    cheap = _trial("cheap", 0.08, is_whole=False)  # 60 % worse on the one fold it was scored on
    chosen = choose(Searched((dear, cheap), {}, "the end"), _Asked(), "log loss")
    assert chosen.trial is dear
    by_name = {one.algorithm: one for one in chosen.candidates}
    assert by_name["dear"].chosen
    assert "looked hopeless after 1 of the folds" in by_name["cheap"].sentence


def test_where_nothing_was_scored_on_every_fold_the_cheapest_is_taken() -> None:
    cheap = _trial("cheap", 0.3, is_whole=False)
    dear = _trial("dear", 0.1, is_whole=False)
    assert choose(Searched((dear, cheap), {}, "the end"), _Asked(), "log loss").trial is cheap
