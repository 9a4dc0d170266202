"""`lichen train anomaly`: alarms where a row is unlike the usual ones."""

from typing import Any

import click

from lichen.cli.arguments import Moment, Names
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import AnomalyTraining


@click.command(short_help="Train a detector of rows that are unlike the usual ones.")
@click.option("--columns", type=Names(), help="Columns to look at. [every number]")
@click.option("--exclude", type=Names(), default="", help="Columns never to be used.")
@click.option("--label", metavar="COL", help="Column that is 1 where a row is known as anomalous.")
@click.option("--group", metavar="COL", help="Column of the run that a row belongs to.")
@click.option("--lags", metavar="N", type=int, help="Rows that dynamic-pca looks back at. [2]")
@click.option(
    "--false-alarms",
    metavar="SHARE",
    type=float,
    default=0.01,
    show_default=True,
    help="Usual rows that may be called anomalous.",
)
@click.option("--train-until", type=Moment(), help="Rows from here on are not fitted on.")
@training_options("anomaly", has_network=True)
def anomaly(common: dict[str, Any], run: TrainingRun, **options: Any) -> None:  # noqa: ANN401
    """Learn what is usual, and call a row anomalous where it is unlike that.

    Thresholds are calibrated on rows that a detector was not fitted on, so that a stated share of
    usual rows is called anomalous. With --label, rows known as anomalous are left out of the fit,
    and detectors are compared by them; without it the cheapest is taken.
    """
    run.submit(AnomalyTraining(**common, **options))
