"""`lichen train regression` and `classification`: one column of a table by the others."""

from collections.abc import Callable
from typing import Any

import click

from lichen.cli.arguments import Finite, Names, Signs
from lichen.cli.train_options import TrainingRun, training_options
from lichen.protocol.training import ClassificationTraining, RegressionTraining

Function = Callable[..., Any]
_SPLITS = ("random", "stratified", "grouped", "time")


def table_options(function: Function) -> Function:
    """Give a command the options of every task that predicts a column; stands above the others."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--target", metavar="COL", required=True, help="The column to predict."),
    click.option("--features", type=Names(), help="Columns to predict it by. [all others]"),
    click.option("--exclude", "--ban", type=Names(), default="", help="Columns never to be used."),
    click.option(
        "--monotone",
        type=Signs(),
        default="",
        help="Columns that the prediction may only rise (+1) or fall (-1) with.",
    ),
    click.option(
        "--background/--no-background",
        default=True,
        show_default=True,
        help="Keep a few rows in the version, for explanations to compare with.",
    ),
    click.option("--weight", metavar="COL", help="Column of the weight of each row."),
    click.option(
        "--group", metavar="COL", help="Column whose groups never stand on both sides of a split."
    ),
    click.option("--split", type=click.Choice(_SPLITS), help="How. [what the data call for]"),
    click.option("--nested", is_flag=True, help="Estimate by nested cross-validation."),
    click.option(
        "--test-share",
        type=Finite(0, 1, max_open=True),
        default=0.2,
        show_default=True,
        help="Rows held out and scored once; 0: none.",
    ),
    click.option("--metric", metavar="NAME", help="What is chosen by. [the task's own]"),
    click.option(
        "--confidence",
        type=Finite(0.5, 1, max_open=True),
        default=0.9,
        show_default=True,
        help="Of prediction intervals and sets.",
    ),
    click.option("--allow-leakage", is_flag=True, help="Train in spite of what looks like a leak."),
)


@click.command(short_help="Train a model of a number in the rows of a table.")
@table_options
@training_options(
    "regression",
    has_network=True,
)
def regression(common: dict[str, Any], run: TrainingRun, **options: Any) -> None:  # noqa: ANN401
    """Predict a number by the other columns of a table; raw rows are sent to the endpoint.

    Numbers, categories, truth values, dates and texts are cleaned and encoded inside the model.
    The portfolio is walked from cheap to dear, and the search stops when joules stop paying.
    """
    run.submit(RegressionTraining(**common, **options))


@click.command(short_help="Train a model of a class of the rows of a table.")
@table_options
@click.option(
    "--class-weight", type=click.Choice(["balanced"]), help="Weigh each class alike. [rows alike]"
)
@click.option(
    "--calibrate/--no-calibrate",
    default=True,
    show_default=True,
    help="Calibrate probabilities on rows that were not fitted on.",
)
@training_options(
    "classification",
    has_network=True,
)
def classification(
    common: dict[str, Any],
    run: TrainingRun,
    **options: Any,  # noqa: ANN401
) -> None:
    """Predict one of several classes by the other columns of a table; raw rows are sent to it.

    Numbers, categories, truth values, dates and texts are cleaned and encoded inside the model.
    It answers the class, calibrated probabilities, and the set of classes that holds the truth
    with the confidence asked for.
    """
    run.submit(ClassificationTraining(**common, **options))
