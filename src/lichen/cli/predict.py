"""`lichen predict`: one call of a deployment; a forecaster starts from its newest rows."""

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click
import msgspec

from lichen.cli.arguments import Moment
from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.cli.receipts import receipt_line
from lichen.cli.tables import inputs_of, read_rows, rows_of
from lichen.client.connection import Lichen
from lichen.client.inference import Answer
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.protocol.admin import NewestInput

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("deployment", metavar="D")
@click.option(
    "--input",
    "input_file",
    metavar="FILE",
    type=PATH,
    help="An Open Inference Protocol request (.json), or a CSV with a column per input.",
)
@click.option("--output", metavar="FILE", type=PATH, help="Write CSV there. [standard output]")
@click.option("--start", type=Moment(), help="First step to forecast. [after the newest row]")
@json_option
def predict(
    deployment: str,
    input_file: Path | None,
    output: Path | None,
    start: datetime | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """One call; without input a forecaster starts from the newest rows of its dataset."""
    with open_platform() as platform:
        if input_file is None:
            asked = platform.deployments.newest_input(deployment, start)
            answer = platform.inference.infer(deployment, msgspec.json.encode(asked.request))
            table = [forecast_header(asked), *forecast_rows(asked, answer)]
        else:
            answer = _answer_to(platform, deployment, input_file)
            table = rows_of(answer)
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
    _write(table, output)
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


def _answer_to(platform: Lichen, deployment: str, file: Path) -> Answer:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}): check the path") from error
    if file.suffix.lower() == ".json":
        return platform.inference.infer(deployment, content)
    metadata = platform.inference.metadata(deployment)
    return platform.predict(deployment, inputs_of(metadata, read_rows(file, content), file))


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
