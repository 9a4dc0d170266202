"""The algorithms that images are classified by, cheapest first, and how each is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import gcd

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.spaces import Dimension
from lichen.frameworks.networks.architecture import (
    Architecture,
    Convolutional,
    Dense,
    Residual,
    Transformer,
    laid_out,
)
from lichen.frameworks.networks.layers import Shape
from lichen.frameworks.networks.multiplications import multiplications
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.protocol.training import AUTO, ImageClassificationTraining, NetworkOptions
from lichen.training.choosing.contender import Contender
from lichen.training.networks import network_settings, structured

LINEAR, MLP, CNN, RESNET, TRANSFORMER = "linear", "mlp", "cnn", "resnet", "transformer"
TITLES: Mapping[str, str] = {
    LINEAR: "Logistic regression on pixels",
    MLP: "Dense network",
    CNN: "Convolutional network",
    RESNET: "Residual network",
    TRANSFORMER: "Transformer encoder",
}

STEPS = 2_300
"""Batches that a network learns from, at least: few images are shown more often."""
FEWEST_EPOCHS, MOST_EPOCHS = 4, 30
RATES: Mapping[str, float] = {LINEAR: 1e-2, MLP: 2e-3, CNN: 5e-3, RESNET: 5e-3, TRANSFORMER: 2e-3}
"""The largest learning rate of one cycle."""

CHANNELS = (16, 32, 64, 128, 128, 128)
"""Of the stages, each of which halves the image."""
SMALL = 16
"""Images with a shorter side than this have few pixels and get wider, deeper stages."""
LEAST_PATCH, MOST_PATCHES_A_SIDE = 2, 8

NJ_A_MULTIPLICATION = 0.2
"""At 3.8 W a core (M2) that does about 20 thousand millions of them a second."""
PASSES = 3
"""Of the multiplications of an answer, those of a step: forward, and twice backward."""
OVERHEAD_NJ = 2_000_000.0
"""Of each step, whatever the network."""


def architecture_of(
    algorithm: str, shape: Shape, options: NetworkOptions | None, settings: Settings
) -> Architecture:
    """The structure of one algorithm for images of a shape.

    Args:
        algorithm: its name in the portfolio.
        shape: channels, height, width.
        options: what was asked for.
        settings: hyperparameters that the search drew.

    Raises:
        InvalidInput: images of this shape do not fit it.
    """
    if algorithm == LINEAR:
        return Dense(layers=())
    made = structured(options, _usual(algorithm, shape))
    dropout = settings.get("dropout")
    return made if dropout is None else replace(made, dropout=float(dropout))


def _usual(algorithm: str, shape: Shape) -> Dense | Convolutional | Residual | Transformer:
    side = min(shape[1:])
    match algorithm:
        case "mlp":
            return Dense(layers=(128,), dropout=0.1)
        case "cnn":
            if side < SMALL:
                return Convolutional(channels=(32, 64)[: _stages(side)], layers=())
            return Convolutional(channels=CHANNELS[: _stages(side)], depth=1, layers=())
        case "resnet":
            return Residual(channels=(32, 64) if side < SMALL else (16, 32, 64))
        case _:
            return Transformer(patch=_patch(shape), width=64, heads=4, depth=3)


def _stages(side: int) -> int:
    """So many halvings that 2 or 3 pixels a side are left, and one at least."""
    return max(1, min(len(CHANNELS), side.bit_length() - 2))


def _patch(shape: Shape) -> int:
    """The smallest square that divides the image into few enough, and at least two a side."""
    _, height, width = shape
    common = gcd(height, width)
    least = max(LEAST_PATCH, -(-max(height, width) // MOST_PATCHES_A_SIDE))
    found = next((size for size in range(least, common // 2 + 1) if common % size == 0), None)
    if found is None:
        raise InvalidInput(
            f"images of {width}x{height} pixels cannot be cut into up to {MOST_PATCHES_A_SIDE} "
            f"squares a side: add them again with --size {least * 8}x{least * 8}"
        )
    return found


def settings_of(
    algorithm: str, rows: int, options: NetworkOptions | None, settings: Settings, seed: int
) -> NetworkSettings:
    """How one algorithm is trained on so many images."""
    batch_size = (options.batch_size if options else None) or _batch_size(rows)
    steps_a_pass = -(-rows // batch_size)
    usual = NetworkSettings(
        loss="cross-entropy",
        optimizer="adamw",
        l2=0.01,
        epochs=max(FEWEST_EPOCHS, min(MOST_EPOCHS, -(-STEPS // steps_a_pass))),
        batch_size=batch_size,
        learning_rate=float(settings.get("learning_rate", RATES[algorithm])),
        schedule="one-cycle",
        precision="auto",
        seed=seed,
        standardises=True,
    )
    return network_settings(options, usual)


def _batch_size(rows: int) -> int:
    return 128 if rows >= 20_000 else 64 if rows >= 5_000 else 32


def contenders_of(
    asked: ImageClassificationTraining, shape: Shape, rows: int, classes: int
) -> Sequence[Contender]:
    """The portfolio for so many images of a shape; what does not fit them is left out.

    Raises:
        InvalidInput: the algorithm that is asked for is none of them, or does not fit.
    """
    options = asked.network
    if asked.algorithm not in (AUTO, *TITLES):
        raise InvalidInput(
            f"algorithm {asked.algorithm!r} is unknown: take {AUTO}, {', '.join(TITLES)}"
        )
    made = []
    for name, title in TITLES.items():
        try:
            work = _work(name, shape, classes, options)
        except InvalidInput:
            if asked.algorithm == name:
                raise
            continue
        trained = settings_of(name, rows, options, {}, 0)
        effort = trained.epochs * (
            PASSES * rows * work * NJ_A_MULTIPLICATION + rows / trained.batch_size * OVERHEAD_NJ
        )
        made.append(
            Contender(
                name=name,
                title=title,
                defaults={},
                ranges=_ranges(name),
                effort_nj=lambda _, nj=effort: nj,  # type: ignore[misc]
                is_guard=name == LINEAR,
            )
        )
    return made


def _work(name: str, shape: Shape, classes: int, options: NetworkOptions | None) -> int:
    layers = laid_out(architecture_of(name, shape, options, {}), shape, classes)
    return multiplications(layers, shape)


def _ranges(name: str) -> tuple[Dimension, ...]:
    rate = RATES[name]
    drawn = Dimension(name="learning_rate", low=rate / 4, high=rate * 3, is_log=True, default=rate)
    if name == LINEAR:
        return (drawn,)
    return (drawn, Dimension(name="dropout", low=0.0, high=0.4, default=0.0))
