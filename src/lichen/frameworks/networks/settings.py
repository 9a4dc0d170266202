"""How a network is trained: plain values, checked."""

from dataclasses import dataclass
from math import isfinite

from lichen.core.errors import InvalidInput

OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
SCHEDULES = ("constant", "step", "cosine", "one-cycle")
LOSSES = ("mse", "cross-entropy", "quantile")
PRECISIONS = ("float32", "bfloat16", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """How a network is trained.

    Attributes:
        loss: `mse`, `cross-entropy` (of one output: of the second of two classes), `quantile`.
        levels: of the quantile loss, 0 to 1: the outputs are of each in turn.
        optimizer: `sgd`, `momentum` (0.9, Nesterov's), `adam` (Kingma and Ba, 2014) or `adamw`
            (Loshchilov and Hutter, 2017: the l2 shrinks weights beside the gradient).
        l1: weight of the sum of absolute weights; by proximal steps, so that some are exactly 0.
        l2: weight of the sum of squared weights; neither touches biases and normalisations.
        epochs: the most passes over the rows.
        batch_size: rows a step.
        learning_rate: of the first step; of `one-cycle` the largest.
        schedule: `constant`; `step`: a tenth after each third of the epochs; `cosine`; `one-cycle`
            (Smith and Topin, 2017).
        patience: passes without a better validation loss before training stops; 0: never.
        validation_share: of the rows, where the patience is not 0 and no others are given.
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where the processor has it.
        seed: seeds the first weights and the order of the rows.
        standardises: whether features are centred and scaled within the model, along the first
            dimension of their shape: channels of an image, columns of a table.
    """

    loss: str = "mse"
    levels: tuple[float, ...] = ()
    optimizer: str = "adam"
    l1: float = 0.0
    l2: float = 0.0
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    schedule: str = "constant"
    patience: int = 0
    validation_share: float = 0.1
    precision: str = "float32"
    seed: int = 0
    standardises: bool = False


def checked(settings: NetworkSettings) -> NetworkSettings:
    """The settings themselves, if a network can be trained by them.

    Raises:
        InvalidInput: one sentence that names the option and the remedy.
    """
    for name, known in (
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("loss", LOSSES),
        ("precision", PRECISIONS),
    ):
        given = getattr(settings, name)
        if given not in known:
            raise InvalidInput(f"{name} {given!r} is unknown: take {', '.join(known)}")
    for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 0)):
        given = getattr(settings, name)
        if given < least:
            raise InvalidInput(f"{name} is {given}: take at least {least}")
    for name in ("l1", "l2"):
        given = getattr(settings, name)
        if not (isfinite(given) and given >= 0):
            raise InvalidInput(f"{name} is {given:g}: take 0 or more")
    _check_numbers(settings)
    return settings


def _check_numbers(settings: NetworkSettings) -> None:
    if not (isfinite(settings.learning_rate) and settings.learning_rate > 0):
        raise InvalidInput(f"learning_rate is {settings.learning_rate:g}: take more than 0")
    if not 0 < settings.validation_share < 1:
        raise InvalidInput(
            f"validation_share is {settings.validation_share:g}: take between 0 and 1"
        )
    if settings.loss == "quantile" and not settings.levels:
        raise InvalidInput("the quantile loss has no levels: name some between 0 and 1")
    if any(not 0 < level < 1 for level in settings.levels):
        raise InvalidInput("a level of the quantile loss is not between 0 and 1: take such")
