"""Gradient descent on all weights as one vector, so that a step is a few operations.

By hand: the first step of PyTorch's own optimizers imports its compiler, 2.5 CPU-seconds where a
small network is trained in a tenth of one.
"""

from dataclasses import dataclass, field
from math import sqrt

from lichen.frameworks.networks.computation import Tensor, Torch
from lichen.frameworks.networks.settings import NetworkSettings

MOMENTUM = 0.9
FIRST_MOMENT, SECOND_MOMENT, LEAST = 0.9, 0.999, 1e-8


@dataclass(slots=True)
class Descent:
    """One of `settings.OPTIMIZERS`, and what it remembers.

    Attributes:
        torch: the module.
        settings: name the optimizer, l1 and l2.
        weights: `(weights,)`, changed in place; first those that l1 and l2 hold small.
        gradient: `(weights,)`, of the loss.
        shrunk: how many these are.
        steps: made so far.
        memory: vectors as long as the weights, by name.
    """

    torch: Torch
    settings: NetworkSettings
    weights: Tensor
    gradient: Tensor
    shrunk: int
    steps: int = 0
    memory: dict[str, Tensor] = field(default_factory=dict)

    def step(self, rate: float) -> None:
        """One step against the gradient, at a learning rate; then l1's.

        The gradient of `l2 w^2` is `2 l2 w`; `adamw` shrinks by it beside the gradient.
        """
        name, shrunk = self.settings.optimizer, self.weights[: self.shrunk]
        self.steps += 1
        if self.settings.l2 and name == "adamw":
            shrunk.mul_(1 - 2 * rate * self.settings.l2)
        elif self.settings.l2:
            self.gradient[: self.shrunk].add_(shrunk, alpha=2 * self.settings.l2)
        match name:
            case "sgd":
                self.weights.add_(self.gradient, alpha=-rate)
            case "momentum":
                self._momentum(rate)
            case _:
                self._adam(rate)
        if self.settings.l1:  # the proximal step (Parikh and Boyd, 2014)
            soft = self.torch.nn.functional.softshrink(shrunk, rate * self.settings.l1)
            shrunk.copy_(soft)

    def _momentum(self, rate: float) -> None:
        """Nesterov's, as Sutskever et al. (2013) write it."""
        speed = self._kept("speed")
        speed.mul_(MOMENTUM).add_(self.gradient)
        self.weights.add_(self.gradient.add(speed, alpha=MOMENTUM), alpha=-rate)

    def _adam(self, rate: float) -> None:
        """Kingma and Ba (2014)."""
        first, second = self._kept("first"), self._kept("second")
        first.lerp_(self.gradient, 1 - FIRST_MOMENT)
        second.mul_(SECOND_MOMENT).addcmul_(self.gradient, self.gradient, value=1 - SECOND_MOMENT)
        unbiased = sqrt(1 - SECOND_MOMENT**self.steps)
        spread = second.sqrt().div_(unbiased).add_(LEAST)
        self.weights.addcdiv_(first, spread, value=-rate / (1 - FIRST_MOMENT**self.steps))

    def _kept(self, name: str) -> Tensor:
        if name not in self.memory:
            self.memory[name] = self.torch.zeros_like(self.weights)
        return self.memory[name]
