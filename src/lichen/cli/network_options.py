"""Structure and training of neural networks as options: no code is written for them."""

from typing import Any

import click

from lichen.cli.arguments import WholeNumbers
from lichen.protocol.training import NetworkOptions

ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid", "elu", "leaky-relu")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
RATE_SCHEDULES = ("constant", "step", "cosine", "one-cycle")
PRECISIONS = ("auto", "float32", "bfloat16")

NETWORK_OPTIONS = (
    click.option(
        "--layers", type=WholeNumbers(), help="Units of each hidden layer of a network, as 128,64."
    ),
    click.option("--activation", type=click.Choice(ACTIVATIONS), help="Between its layers."),
    click.option(
        "--dropout", metavar="SHARE", type=float, help="Units left out at random while it trains."
    ),
    click.option("--l1", metavar="W", type=float, help="Weight of absolute weights in the loss."),
    click.option("--l2", metavar="W", type=float, help="Weight of squared weights in the loss."),
    click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="What steps down the loss."),
    click.option("--epochs", metavar="N", type=int, help="Passes over the rows at most."),
    click.option("--batch-size", metavar="ROWS", type=int, help="Rows a step."),
    click.option("--learning-rate", metavar="R", type=float, help="Of the first step."),
    click.option(
        "--rate-schedule", type=click.Choice(RATE_SCHEDULES), help="How the rate goes on."
    ),
    click.option(
        "--patience",
        metavar="N",
        type=int,
        help="Passes without a better validation score before it stops; 0: it never does.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="auto: bfloat16 where the processor has it. [float32; auto for images]",
    ),
)
NETWORK_NAMES = (
    "layers",
    "activation",
    "dropout",
    "l1",
    "l2",
    "optimizer",
    "epochs",
    "batch_size",
    "learning_rate",
    "rate_schedule",
    "patience",
    "precision",
)


def network_of(rate_schedule: str | None, **options: Any) -> NetworkOptions | None:  # noqa: ANN401
    """What was said of a network; None where nothing was."""
    said = {name: value for name, value in options.items() if value is not None}
    if rate_schedule is not None:
        said["schedule"] = rate_schedule
    return NetworkOptions(**said) if said else None
