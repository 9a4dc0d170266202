"""`lichen train`: fit a model on a dataset and register it as a version."""

from dataclasses import dataclass

import click

from lichen.core.plugins import load_object


@dataclass(frozen=True, slots=True)
class Task:
    """What a model can be trained for: the command that asks for it, and one line of help."""

    home: str
    summary: str


TASKS: dict[str, Task] = {
    "forecast": Task(
        "lichen.cli.train_forecast:forecast", "Train a forecaster of one or several columns."
    ),
    "text-classification": Task(
        "lichen.cli.train_text:text_classification", "Train a model of a class of texts."
    ),
    "clustering": Task(
        "lichen.cli.train_clustering:clustering", "Group rows or texts that are alike."
    ),
    "regression": Task(
        "lichen.cli.train_tables:regression", "Train a model of a number in the rows of a table."
    ),
    "classification": Task(
        "lichen.cli.train_tables:classification", "Train a model of a class of the rows of a table."
    ),
    "image-classification": Task(
        "lichen.cli.train_images:image_classification", "Train a model of the class of images."
    ),
    "script": Task(
        "lichen.cli.train_script:script", "Train by a script of your own, confined and metered."
    ),
    "anomaly": Task(
        "lichen.cli.train_anomaly:anomaly",
        "Train a detector of rows that are unlike the usual ones.",
    ),
    "recommendation": Task(
        "lichen.cli.train_recommendation:recommendation",
        "Train a recommender from what users took.",
    ),
}


class TaskGroup(click.Group):
    """A group that imports a task's command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every task."""
        return list(TASKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The task's command, imported now; None when there is no such task."""
        task = TASKS.get(cmd_name)
        if task is None:
            return None
        command = load_object(task.home)
        if not isinstance(command, click.Command):
            raise TypeError(f"{task.home} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The tasks with their summaries, importing none of them."""
        with formatter.section("Tasks"):
            formatter.write_dl([(name, task.summary) for name, task in TASKS.items()])


@click.group(cls=TaskGroup)
def train() -> None:
    """Train a model; the job runs in a process of its own and is metered throughout."""
