"""`lichen train recommendation`: which items a user would take next."""

from typing import Any

import click

from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import RecommendationTraining


@click.command(short_help="Train a recommender from what users took.")
@click.option("--user", metavar="COL", required=True, help="The column of the user.")
@click.option("--item", metavar="COL", required=True, help="The column of the item.")
@click.option("--strength", metavar="COL", help="How much a user took. [each row counts as one]")
@click.option("--factors", metavar="N", type=int, help="Numbers for a user or item. [searched]")
@click.option(
    "--top", metavar="N", type=int, default=10, show_default=True, help="Items of an answer."
)
@training_options("recommendation")
def recommendation(common: dict[str, Any], run: TrainingRun, **options: Any) -> None:  # noqa: ANN401
    """Rank for each user the items that it did not take yet, from what all users took.

    Matrix factorisation of implicit feedback is held against the most popular items on the last
    item of each user; a user that is not known gets the most popular ones.
    """
    run.submit(RecommendationTraining(**common, **options))
