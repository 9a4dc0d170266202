"""Neural networks as tasks train them: from the options asked for, and with checkpoints."""

from dataclasses import dataclass, replace
from struct import Struct
from typing import Any, TypeVar

from lichen.frameworks.estimation import Settings
from lichen.frameworks.networks.architecture import Architecture
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.protocol.training import NetworkOptions
from lichen.training.spending import Spending

TRAINED_BY = (
    "l1",
    "l2",
    "optimizer",
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "patience",
    "precision",
)
"""The options that say how, not what."""

SPENT = Struct("<qq")
"""Nanojoules and nanograms."""

Structure = TypeVar("Structure", bound=Architecture)


def network_settings(options: NetworkOptions | None, usual: NetworkSettings) -> NetworkSettings:
    """The task's usual settings, with what was asked for in their place."""
    if options is None:
        return usual
    given = {name: getattr(options, name) for name in TRAINED_BY}
    asked = {name: value for name, value in given.items() if value is not None}
    return replace(usual, **asked)


def structured(options: NetworkOptions | None, usual: Structure) -> Structure:
    """The task's usual structure, with what was asked for in its place."""
    if options is None:
        return usual
    asked: dict[str, Any] = {}
    if options.layers is not None and hasattr(usual, "layers"):
        asked["layers"] = tuple(options.layers)
    for name in ("activation", "dropout"):
        if getattr(options, name) is not None:
            asked[name] = getattr(options, name)
    return replace(usual, **asked)


def hyperparameters(options: NetworkOptions | None) -> Settings:
    """What was asked for, as the settings of the estimator `mlp`; only what was said."""
    if options is None:
        return {}
    made: dict[str, float | int | str | bool] = {}
    for name in (*TRAINED_BY, "activation", "dropout"):
        value = getattr(options, name)
        if value is not None:
            made[name] = value
    if options.layers is not None:
        made["layers"] = ",".join(str(units) for units in options.layers)
    return made


@dataclass(slots=True)
class KeptNetworks:
    """A `frameworks.networks.unfinished.NetworkNursery` among the run's checkpoints.

    A training is named by all that it stands on, so networks of another are never taken. With
    each stands what the run had spent by then, in one piece: a run may end as soon as it saved.
    """

    spending: Spending

    @property
    def is_keen(self) -> bool:
        """Whether the watch wants a checkpoint."""
        return self.spending.watch.wants_checkpoint

    def kept(self, key: str) -> bytes | None:
        """The network of a training, if one was kept; what it cost counts from now on."""
        body = self.spending.watch.load(_name(key))
        if body is None or len(body) < SPENT.size:
            return None
        nj, ng = SPENT.unpack_from(body)
        self.spending.earlier_nj = max(self.spending.earlier_nj, nj)
        self.spending.earlier_ng = max(self.spending.earlier_ng, ng)
        return body[SPENT.size :]

    def keep(self, key: str, body: bytes) -> None:
        """Write a network down, after what the run has spent."""
        spent = SPENT.pack(self.spending.spent_nj or 0, self.spending.spent_ng or 0)
        self.spending.watch.save(_name(key), spent + body)


def _name(key: str) -> str:
    return f"network-{key[:24]}"
