"""`lichen train forecast`: the cheapest forecaster that a dearer one does not beat by enough."""

from typing import Any

import click

from lichen.cli.arguments import Moment, Names
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import ForecastTraining


@click.command(short_help="Train a forecaster of one or several columns.")
@click.option("--target", "targets", type=Names(), required=True, help="Columns to forecast.")
@click.option("--horizon", metavar="STEPS", type=int, required=True, help="Steps to forecast.")
@click.option("--known", type=Names(), default="", help="Columns known ahead over the horizon.")
@click.option("--series", metavar="COL", help="Column that names the series of a panel.")
@click.option("--context", metavar="N", type=int, help="Rows of history taken. [searched]")
@click.option("--train-until", type=Moment(), help="Rows from here on are not fitted on.")
@click.option("--validate-until", type=Moment(), help="Rows from here on are never looked at.")
@click.option("--test-until", type=Moment(), help="... except up to here, to score the result.")
@click.option(
    "--refit",
    type=click.Choice(["never", "weekly"]),
    default="never",
    show_default=True,
    help="Fit closed-form models anew as truth arrives.",
)
@click.option(
    "--start-at", metavar="HH:MM", help="Local time every forecast starts, or any. [00:00]"
)
@click.option("--timezone", metavar="Z", help="Zone whose calendar counts. [the dataset's]")
@click.option(
    "--pretrained",
    metavar="NAME@V",
    help="A registered ONNX model of windows, for --algorithm pretrained, or for auto to try.",
)
@training_options(
    "forecast",
    is_searched=False,
    has_network=True,
)
def forecast(
    common: dict[str, Any],
    run: TrainingRun,
    **options: Any,  # noqa: ANN401
) -> None:
    """Train a forecaster: the cheapest algorithm that a dearer one does not beat by enough.

    With a deadline it is accepted, and runs when the grid is clean; `lichen plan` says when. With
    --every that happens again and again, on the dataset's newest version; see `lichen schedules`.
    """
    run.submit(ForecastTraining(**common, **options))
