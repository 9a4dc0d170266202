"""What training makes small, one number a row."""

from lichen.frameworks.networks.computation import Tensor, Torch
from lichen.frameworks.networks.settings import NetworkSettings


def outputs_of(settings: NetworkSettings, targets: int, classes: int) -> int:
    """How many numbers a network says of a row: of two classes, the second's alone."""
    if settings.loss == "quantile":
        return targets * len(settings.levels)
    return targets if classes <= 2 else classes


def losses(torch: Torch, settings: NetworkSettings, raw: Tensor, target: Tensor) -> Tensor:
    """The loss of each row, `(rows,)`, of outputs `(rows, outputs)`."""
    raw = raw.float()
    match settings.loss:
        case "cross-entropy":
            return _cross_entropy(torch, raw, target)
        case "quantile":
            return _pinball(torch, settings, raw, target)
        case _:
            return (raw - target.view(raw.shape)).square().mean(dim=1)


def _cross_entropy(torch: Torch, raw: Tensor, target: Tensor) -> Tensor:
    functional = torch.nn.functional
    if raw.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(raw[:, 0], target, reduction="none")
    return functional.cross_entropy(raw, target.long(), reduction="none")


def _pinball(torch: Torch, settings: NetworkSettings, raw: Tensor, target: Tensor) -> Tensor:
    """Koenker and Bassett (1978): `max(level d, (level - 1) d)` of what the truth is above."""
    levels = torch.tensor(settings.levels, dtype=raw.dtype)
    above = target.reshape(len(raw), -1, 1) - raw.view(len(raw), -1, len(levels))
    return torch.maximum(levels * above, (levels - 1) * above).mean(dim=(1, 2))
