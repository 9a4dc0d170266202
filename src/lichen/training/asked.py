"""What no training can be asked for, whatever its task."""

from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.settings import NetworkSettings, checked
from lichen.protocol.portfolios import NETWORKS
from lichen.protocol.training import AUTO, NetworkOptions, SearchedTraining, Training
from lichen.training.networks import network_settings

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
    if isinstance(asked, SearchedTraining):
        _check_search(asked)
    if asked.network is not None:
        _check_network(asked.network, asked.algorithm)


def _check_search(asked: SearchedTraining) -> None:
    if asked.tenth_nj is not None and asked.tenth_nj < 0:
        raise InvalidInput(
            f"tenth_nj {asked.tenth_nj} is no price: give 0 joules or more, or leave it out"
        )
    if asked.search is not None and asked.search < 1:
        raise InvalidInput(f"search {asked.search} makes no trial: ask for 1 or more")


def _check_network(options: NetworkOptions, algorithm: str) -> None:
    """What no network can be, and what an algorithm that is none would leave unheard."""
    checked(network_settings(options, NetworkSettings()))
    if algorithm in (AUTO, *NETWORKS):
        return
    for name in ("layers", "activation", "dropout"):
        if getattr(options, name) is not None:
            raise InvalidInput(
                f"algorithm {algorithm!r} is no network and has no {name}: leave it out, or ask "
                "for a network"
            )
