"""`lichen train image-classification`: which of several classes an image is of."""

from typing import Any

import click

from lichen.cli.arguments import Finite, Names
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import ImageClassificationTraining


@click.command("image-classification", short_help="Train a model of the class of images.")
@click.option(
    "--target", metavar="COL", default="label", show_default=True, help="Column of the class."
)
@click.option(
    "--image", metavar="COL", default="image", show_default=True, help="Column of the images."
)
@click.option(
    "--augment",
    metavar="flip,crop,noise",
    type=Names(),
    help="Changes to train with, or `none`. [flip,crop of colour images, none of grey ones]",
)
@click.option(
    "--test-share",
    type=Finite(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Images held out and scored once; 0: none.",
)
@click.option(
    "--test-split", metavar="COL", help="Column that says `test` of these images. [split]"
)
@click.option(
    "--calibrate/--no-calibrate", default=True, help="Let probabilities mean what they say."
)
@click.option(
    "--confidence",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Of the sets of classes.",
)
@training_options("image-classification", has_network=True)
def image_classification(
    common: dict[str, Any],
    run: TrainingRun,
    augment: list[str] | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Predict the class of an image by its pixels, with networks in PyTorch.

    The dataset is a folder of pictures in folders named as their class, or arrays; see
    `lichen data add`. The portfolio is walked from cheap to dear. The endpoint takes pixels, and
    `lichen predict D --input picture.png` a picture or a folder of them.
    """
    changes = [] if augment == ["none"] else augment or None
    run.submit(ImageClassificationTraining(**common, augment=changes, **options))
