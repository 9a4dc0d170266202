"""What no training can be asked for, whatever its task."""

from lichen.core.errors import InvalidInput
from lichen.protocol.training import SearchedTraining, Training

_LARGEST_SEED = 2**32 - 1
"""The largest that every library takes that draws at random."""


def check_asked(asked: Training) -> None:
    """Refuse figures that mean nothing, before anything is spent on them.

    Raises:
        InvalidInput: which one, and what it may be.
    """
    if not 0 <= asked.seed <= _LARGEST_SEED:
        raise InvalidInput(f"seed {asked.seed} is none: give a whole number, 0 to {_LARGEST_SEED}")
    for name, unit, budget in (("energy", "J", asked.budget_nj), ("carbon", "g", asked.budget_ng)):
        if budget is not None and budget <= 0:
            raise InvalidInput(
                f"the {name} budget is {budget / 10**9:g} {unit}: give more than 0, or none"
            )
    if isinstance(asked, SearchedTraining) and asked.tenth_nj is not None and asked.tenth_nj < 0:
        raise InvalidInput(
            f"tenth_nj {asked.tenth_nj} is no price: give 0 joules or more, or leave it out"
        )
