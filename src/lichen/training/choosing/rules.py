"""How long a search goes on, and what it may cost."""

from dataclasses import dataclass

from lichen.training.worth import FIRST_TENTH_NJ

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was asked of a search.

    Attributes:
        algorithm: the only one to try beside the guards, or `auto`.
        most_trials: of hyperparameters over the whole portfolio, defaults included; None: as many
            as pay.
        tenth_nj: nanojoules that a further tenth of a per cent may be expected to cost; None: the
            rule's own price, see `lichen.training.worth`.
        first_tenth_nj: the least of the rule's own price, of an algorithm that was not tried yet:
            what is large by nature is let in for more.
        seed: of the draws.
        is_frugal: whether trials that look hopeless end early and the search stops when joules
            stop paying; otherwise it makes `most_trials` whatever they bring.
    """

    algorithm: str = AUTO
    most_trials: int | None = None
    tenth_nj: int | None = None
    first_tenth_nj: float = FIRST_TENTH_NJ
    seed: int = 0
    is_frugal: bool = True
