"""Steps of gradient descent are those of PyTorch's optimizers, gradients those of the loss."""

import numpy as np
import pytest

from lichen.frameworks.networks.architecture import Dense, Transformer, laid_out
from lichen.frameworks.networks.computation import Computation, Tensor, torch_module
from lichen.frameworks.networks.course import Course
from lichen.frameworks.networks.layers import Layers
from lichen.frameworks.networks.losses import losses
from lichen.frameworks.networks.optimizers import Descent
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.weights import first_weights

torch = torch_module()
Optimizer = Tensor
STEPS, RATE, L2 = 25, 0.02, 0.03


def theirs(name: str, weights: Tensor) -> Optimizer:
    optim = torch.optim
    match name:
        case "sgd":
            return optim.SGD([weights], lr=RATE, weight_decay=2 * L2)
        case "momentum":
            return optim.SGD([weights], lr=RATE, momentum=0.9, nesterov=True, weight_decay=2 * L2)
        case "adam":
            return optim.Adam([weights], lr=RATE, weight_decay=2 * L2)
        case _:
            return optim.AdamW([weights], lr=RATE, weight_decay=2 * L2)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_a_step_is_that_of_pytorch(name: str) -> None:
    random = np.random.default_rng(2)
    slopes = torch.from_numpy(random.normal(size=(6, 6)).astype(np.float32))
    begin = torch.from_numpy(random.normal(size=6).astype(np.float32))
    own, other = begin.clone(), begin.clone().requires_grad_()
    gradient = torch.zeros(6)
    descent = Descent(torch, NetworkSettings(optimizer=name, l2=L2), own, gradient, 6)
    optimizer = theirs(name, other)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (slopes @ other).square().sum().mul(0.5).backward()
        optimizer.step()
        gradient.copy_(slopes.T @ (slopes @ own))
        descent.step(RATE)
    assert np.allclose(own.numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(own.numpy() - begin.numpy()).max() > 0.01


@pytest.mark.parametrize(
    ("loss", "levels", "outputs"),
    [("mse", (), 2), ("cross-entropy", (), 1), ("cross-entropy", (), 3), ("quantile", (0.2,), 2)],
)
@pytest.mark.parametrize(
    "structure",
    [
        Dense(layers=(5,), activation="gelu", has_shortcut=True),
        Transformer(patch=2, window=4, width=4, heads=2, depth=1),
    ],
)
def test_the_gradient_is_what_the_loss_changes_by(
    structure: Dense | Transformer, loss: str, levels: tuple[float, ...], outputs: int
) -> None:
    settings = NetworkSettings(loss=loss, levels=levels)
    layers: Layers = laid_out(structure, (6,), outputs)
    random = np.random.default_rng(3)
    course = Course.begun(torch, settings, first_weights(layers, (6,), random))
    rows = torch.from_numpy(random.normal(size=(9, 6)).astype(np.float32))
    classes = random.integers(0, max(2, outputs), 9).astype(np.float32)
    numbers = random.normal(size=(9, outputs)).astype(np.float32)
    target = torch.from_numpy(classes if loss == "cross-entropy" else numbers)

    def mean_loss() -> Tensor:
        raw = Computation(torch, course.weights).run(layers, rows)
        return losses(torch, settings, raw, target).mean()

    mean_loss().backward()
    gradient = course.descent.gradient.numpy().copy()
    vector = course.descent.weights
    for place in random.choice(len(vector), 20, replace=False).tolist():
        with torch.no_grad():
            vector[place] += 1e-2
            above = float(mean_loss())
            vector[place] -= 2e-2
            below = float(mean_loss())
            vector[place] += 1e-2
        assert (above - below) / 2e-2 == pytest.approx(gradient[place], rel=0.05, abs=2e-3)
