"""`lichen train clustering`: groups of rows, or of texts, that are alike."""

from typing import Any

import click

from lichen.cli.arguments import Names
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import ClusteringTraining


@click.command(short_help="Group rows or texts that are alike.")
@click.option("--columns", type=Names(), help="Columns to compare rows by. [all]")
@click.option("--exclude", type=Names(), default="", help="Columns never to be used.")
@click.option("--text", metavar="COL", help="A column of texts to compare instead.")
@click.option("--clusters", metavar="K", type=int, help="How many clusters. [searched]")
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
    help="A sentence encoder to compare texts by: an installed package that carries one, or a "
    "registered model. [their words]",
)
@training_options("clustering")
def clustering(common: dict[str, Any], run: TrainingRun, **options: Any) -> None:  # noqa: ANN401
    """Group rows by their columns, or texts by what they say; new rows are told their group.

    How many groups there are is searched by silhouette; each method's groups are looked for again
    in samples of the rows, and the cheapest method is held that no dearer one beats by enough.
    """
    run.submit(ClusteringTraining(**common, **options))
