"""`lichen train text-classification`: a class of each text."""

from typing import Any

import click

from lichen.cli.arguments import Finite
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import TextClassificationTraining

_SPLITS = ("random", "stratified", "grouped", "time")


@click.command(short_help="Train a model of a class of texts.")
@click.option("--text", metavar="COL", required=True, help="The column of the texts.")
@click.option("--target", metavar="COL", required=True, help="The column of their classes.")
@click.option(
    "--language",
    metavar="en|zh|auto",
    default="auto",
    show_default=True,
    help="Of the texts; en goes for every language whose words are parted by spaces.",
)
@click.option(
    "--encoder",
    metavar="PACKAGE|MODEL",
    help="A sentence encoder to try embeddings with: an installed package that carries one, or a "
    "registered model. [none]",
)
@click.option("--weight", metavar="COL", help="Column of the weight of each row.")
@click.option(
    "--group", metavar="COL", help="Column whose groups never stand on both sides of a split."
)
@click.option(
    "--class-weight",
    type=click.Choice(["balanced", "none"]),
    default="balanced",
    show_default=True,
    help="Weigh each class alike while fitting, or each row.",
)
@click.option(
    "--calibrate/--no-calibrate",
    default=True,
    show_default=True,
    help="Calibrate probabilities on rows that were not fitted on.",
)
@click.option("--split", type=click.Choice(_SPLITS), help="How. [by group, else by class]")
@click.option(
    "--test-share",
    type=Finite(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Rows held out and scored once; 0: none, all are fitted on.",
)
@click.option(
    "--metric", metavar="NAME", help="What is chosen by; the cut is tuned for F1. [PR-AUC]"
)
@click.option(
    "--confidence",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Of prediction sets.",
)
@training_options("text-classification")
def text_classification(
    common: dict[str, Any],
    run: TrainingRun,
    class_weight: str,
    **options: Any,  # noqa: ANN401
) -> None:
    """Predict one of several classes of a text; raw texts are sent to the endpoint.

    Words and runs of characters are counted (Chinese is parted into words), linear models are
    tried from cheap to dear, and the cut from which a class is answered is tuned on rows held back.
    """
    fields = {**common, **options}
    if class_weight == "none":
        fields["class_weight"] = None
    run.submit(TextClassificationTraining(**fields))
