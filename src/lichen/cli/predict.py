"""`lichen predict`: one call of a deployment, or a job; forecasters start from the newest rows."""

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from lichen.cli.arguments import Moment
from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.cli.predict_batch import is_for_job, show_submitted, submitted, wait_and_write
from lichen.cli.receipts import receipt_line
from lichen.cli.recurring_options import Recurring, let_recur, recurring_options
from lichen.cli.schedule_options import schedule_options
from lichen.cli.tables import inputs_of, labels_of, raw_rows_of, read_rows, rows_of
from lichen.client.connection import Lichen
from lichen.client.inference import Answer
from lichen.client.raw_rows import takes_raw_rows
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.core.plugins import load_object
from lichen.data.images.folders import PICTURES
from lichen.protocol.admin import JobKind, NewestInput
from lichen.protocol.predicting import OnError, PredictSpec
from lichen.protocol.scheduling import ScheduleRequest

PATH = click.Path(path_type=Path)


class _PlainRows(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[dict[str, object]]


@click.command()
@click.argument("deployment", metavar="D")
@click.option(
    "--input",
    "input_file",
    metavar="FILE",
    type=PATH,
    help='CSV or Parquet with a column per input; {"rows": [...]} or an Open Inference Protocol '
    "request (.json).",
)
@click.option("--data", metavar="NAME[@V]", help="A dataset as input, by a job.")
@click.option("--output", metavar="FILE", type=PATH, help="Write it there. [standard output]")
@click.option("--start", type=Moment(), help="First step to forecast. [after the newest row]")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Of a job: fail at a row without an answer, or say why in a column `error`.",
)
@click.option(
    "--batch-rows", metavar="N", type=int, help="Of a job: rows at once. [those that cost least]"
)
@click.option("--no-interruptible", is_flag=True, help="A job with a deadline may not pause.")
@recurring_options
@schedule_options
@json_option
def predict(
    recurring: Recurring | None,
    schedule: ScheduleRequest | None,
    wait: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    no_interruptible: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """One call; without input a forecaster starts from the newest rows of its dataset.

    With a deadline, of Parquet, or of a file over 4 MiB it is a job: all rows are answered once, at
    the greenest times before the deadline, and it pauses and goes on where it stood. The output
    is the input with a column `prediction`; `lichen jobs output` fetches it. With --every it is
    one again and again, of a dataset, the file, or the newest rows; see `lichen schedules`.
    """
    asked = Asked(**options)
    if schedule is not None or recurring is not None:
        stated = schedule or ScheduleRequest()
        schedule = msgspec.structs.replace(stated, interruptible=not no_interruptible)
    if recurring is not None:
        _recur(recurring, asked, schedule, as_json=as_json)
        return
    with open_platform() as platform:
        if not is_for_job(asked.input_file, asked.data, schedule):
            _ask_once(platform, asked, as_json=as_json)
            return
        job = submitted(platform, asked.spec, asked.input_file, schedule, asked.on_error)
        if wait:
            wait_and_write(platform, job, asked.output, as_json=as_json)
        else:
            show_submitted(platform, job, asked.output, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says, but for when and how it is shown."""

    deployment: str
    input_file: Path | None
    data: str | None
    output: Path | None
    start: datetime | None
    on_error: OnError
    batch_rows: int | None

    @property
    def spec(self) -> PredictSpec:
        """The job that it asks for, its file aside."""
        data, _, version = (self.data or "").partition("@")
        if version and not version.isdigit():
            raise click.BadParameter(f"{self.data!r} names no version: write NAME or NAME@2")
        if self.input_file is not None and data:
            raise click.BadParameter("--input and --data both name rows: leave one out")
        return PredictSpec(
            deployment=self.deployment,
            data=data or None,
            data_version=int(version) if version else None,
            start=self.start,
            on_error=self.on_error,
            batch_rows=self.batch_rows,
        )


def _recur(
    recurring: Recurring, asked: Asked, schedule: ScheduleRequest | None, *, as_json: bool
) -> None:
    """Keep it as recurring work; a file as it is now, the same each time."""
    if asked.output is not None or asked.start is not None:
        raise click.UsageError(
            "with --every the platform keeps what each run makes, from rows that are newest then: "
            "leave --output and --start out"
        )
    name, job = f"predict-{asked.deployment}", (JobKind.PREDICT, asked.spec)
    let_recur(recurring, name, job, schedule, as_json=as_json, file=asked.input_file)


def _ask_once(platform: Lichen, asked: Asked, *, as_json: bool) -> None:
    deployment = asked.deployment
    if asked.input_file is None:
        newest = platform.deployments.newest_input(deployment, asked.start)
        answer = platform.inference.infer(deployment, msgspec.json.encode(newest.request))
        table = [forecast_header(newest), *forecast_rows(newest, answer)]
    else:
        answer, table = _table_of(platform, deployment, asked.input_file)
    if as_json:
        print_json(
            {
                "outputs": answer.outputs,
                "receipt": answer.receipt,
                "model_name": answer.model_name,
                "model_version": answer.model_version,
            }
        )
        return
    _write(table, asked.output)
    if answer.receipt is not None:
        click.echo(f"receipt: {receipt_line(answer.receipt)}", err=True)


def forecast_header(asked: NewestInput) -> list[object]:
    """Column names of a forecast's table."""
    quantiles = [f"q{round(100 * level)}" for level in asked.quantile_levels]
    return ["time", "target", "unit", "prediction", *quantiles]


def forecast_rows(asked: NewestInput, answer: Answer) -> Iterable[list[object]]:
    """One row for each target and step, in the target's unit, with its quantiles."""
    mean, quantiles = answer.outputs["mean"][0], answer.outputs["quantiles"][0]
    for column, (target, unit) in enumerate(zip(asked.targets, asked.units, strict=True)):
        for step, moment in enumerate(asked.times):
            yield [
                rfc3339(moment),
                target,
                unit or "",
                mean[step][column],
                *quantiles[step][column],
            ]


def _table_of(platform: Lichen, deployment: str, file: Path) -> tuple[Answer, list[list[object]]]:
    """What is answered to a file, or to pictures, and the table of it."""
    if not file.is_dir() and file.suffix.lower() not in PICTURES:
        answer, labels = _answer_to(platform, deployment, file)
        return answer, rows_of(answer, labels)
    metadata = platform.inference.metadata(deployment)
    ask = load_object("lichen.cli.picture_input:answer_to_pictures")
    answer, names = ask(platform, metadata, deployment, file)
    table = rows_of(answer, labels_of(metadata))
    return answer, [[name, *row] for name, row in zip(["file", *names], table, strict=True)]


def _answer_to(
    platform: Lichen, deployment: str, file: Path
) -> tuple[Answer, dict[str, list[str]]]:
    """What is answered to a file, and the names of its values where they have names."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}): check the path") from error
    metadata = platform.inference.metadata(deployment)
    labels = labels_of(metadata)
    if file.suffix.lower() == ".json":
        plain = _rows_in(content)
        if plain is not None:
            return platform.predict(deployment, plain), labels
        return platform.inference.infer(deployment, content), labels
    if takes_raw_rows({one.name: one for one in metadata.inputs}):
        rows = raw_rows_of(metadata, read_rows(file, content, may_be_empty=True), file)
        return platform.predict(deployment, rows), labels
    inputs = inputs_of(metadata, read_rows(file, content), file)
    return platform.predict(deployment, inputs), labels


def _rows_in(content: bytes) -> list[dict[str, object]] | None:
    """The raw rows of `{"rows": [...]}`; None where the file is something else."""
    try:
        return msgspec.json.decode(content, type=_PlainRows).rows
    except msgspec.MsgspecError:
        return None


def _write(table: Sequence[Sequence[object]], output: Path | None) -> None:
    if output is None:
        _write_csv(table, sys.stdout)
        return
    scratch = output.with_name(f".{output.name}.part")
    try:
        with scratch.open("w", newline="", encoding="utf-8") as file:
            _write_csv(table, file)
        scratch.replace(output)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise StorageFailed(
            f"{output} cannot be written ({error.strerror}): check the path"
        ) from error
    click.echo(f"wrote {len(table) - 1} rows to {output}", err=True)


def _write_csv(table: Sequence[Sequence[object]], file: TextIO) -> None:
    csv.writer(file, lineterminator="\n").writerows(table)
