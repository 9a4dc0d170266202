"""A training as it stands: weights, the optimizer's memory, and how far it is."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.networks.computation import Tensor, Torch
from lichen.frameworks.networks.optimizers import Descent
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.weights import FOLLOWED, SHRUNK, Arrays, kind_of


@dataclass(slots=True)
class Course:
    """All that changes while a network is trained.

    Attributes:
        torch: the module.
        settings: how it is trained.
        weights: tensors by name; those that are trained are views of one vector.
        descent: changes that vector.
        epoch: passes that are done.
        step: steps done of the pass that is not.
        summed: losses of these steps' rows, times their weights.
        losses: of each pass, on the rows trained on.
        held: of each pass, on the rows to validate by.
        best: the weights with the least of these; None: there are no such rows.
    """

    torch: Torch
    settings: NetworkSettings
    weights: dict[str, Tensor]
    descent: Descent
    epoch: int = 0
    step: int = 0
    summed: float = 0.0
    losses: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @classmethod
    def begun(cls, torch: Torch, settings: NetworkSettings, first: Arrays) -> "Course":
        """From the first weights."""
        names = sorted(
            (name for name in first if kind_of(name) not in FOLLOWED),
            key=lambda name: kind_of(name) not in SHRUNK,
        )
        vector = torch.from_numpy(np.concatenate([first[name].ravel() for name in names]))
        gradient = torch.zeros_like(vector)
        weights = {name: torch.from_numpy(values.copy()) for name, values in first.items()}
        begin = 0
        for name in names:
            own = slice(begin, begin + first[name].size)
            tensor = vector[own].view(first[name].shape).requires_grad_()
            tensor.grad = gradient[own].view(first[name].shape)
            weights[name] = tensor
            begin = own.stop
        shrunk = sum(first[name].size for name in names if kind_of(name) in SHRUNK)
        return cls(torch, settings, weights, Descent(torch, settings, vector, gradient, shrunk))

    def descend(self, loss: Tensor, rate: float) -> None:
        """One step down a loss."""
        self.descent.gradient.zero_()
        loss.backward()
        with self.torch.no_grad():
            self.descent.step(rate)

    @property
    def is_stale(self) -> bool:
        """Whether the validation has not become better for too long."""
        patience = self.settings.patience
        if not patience or not self.held:
            return False
        return len(self.held) - 1 - int(np.argmin(self.held)) >= patience

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.step == 0 and (self.epoch >= self.settings.epochs or self.is_stale)

    def validated(self, loss: float) -> None:
        """Take note of a validation; keep the weights where it was the best."""
        self.held.append(loss)
        if loss <= min(self.held):
            self.best = {name: one.detach().clone() for name, one in self.weights.items()}

    def trained(self) -> Arrays:
        """The weights to keep: the best validated, else the last."""
        return _arrays(self.best or self.weights)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to go on from."""
        made: dict[str, NDArray[Any]] = {
            "at": np.array([self.epoch, self.step, self.descent.steps], dtype=np.int64),
            "summed": np.array(self.summed),
            "losses": np.array(self.losses),
            "held": np.array(self.held),
        }
        made |= {f"weights/{name}": one for name, one in _arrays(self.weights).items()}
        made |= {f"best/{name}": one for name, one in _arrays(self.best or {}).items()}
        made |= {f"memory/{name}": one.numpy().copy() for name, one in self.descent.memory.items()}
        return made

    def take_up(self, kept: dict[str, NDArray[Any]]) -> bool:
        """Go on from where an earlier training of the same key stood; False: it cannot."""
        weights = _within(kept, "weights")
        if set(weights) != set(self.weights):
            return False
        with self.torch.no_grad():
            for name, tensor in self.weights.items():
                tensor.copy_(self.torch.from_numpy(weights[name]))
        best = _within(kept, "best")
        self.best = {name: self.torch.from_numpy(one) for name, one in best.items()} or None
        memory = _within(kept, "memory")
        self.descent.memory = {name: self.torch.from_numpy(one) for name, one in memory.items()}
        self.epoch, self.step, self.descent.steps = (int(one) for one in kept["at"])
        self.summed = float(kept["summed"])
        self.losses, self.held = kept["losses"].tolist(), kept["held"].tolist()
        return True


def _within(kept: dict[str, NDArray[Any]], folder: str) -> dict[str, NDArray[Any]]:
    start = f"{folder}/"
    return {name[len(start) :]: one for name, one in kept.items() if name.startswith(start)}


def _arrays(tensors: dict[str, Tensor]) -> Arrays:
    return {name: one.detach().numpy().copy() for name, one in tensors.items()}
