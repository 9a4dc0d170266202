"""`lichen explain --data`: which columns matter over a dataset, by a job whose result is kept."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from lichen.cli.arguments import Names
from lichen.cli.explain_input import picture_form, write_all_pictures
from lichen.cli.output import print_json, print_table
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.client.connection import Lichen
from lichen.core.errors import WorkFailed
from lichen.protocol.admin import JobKind
from lichen.protocol.explaining_data import (
    DATA_METHODS,
    DEPENDENCE,
    PERMUTATION,
    Curve,
    DataExplanation,
    ExplainSpec,
)

_SHOWN = 20
_AUTO = "auto"
_OPTIONS = (
    click.option("--data", metavar="NAME[@V]", help="Of all rows of a dataset, by a job."),
    click.option("--target", metavar="COL", help="With --data: the column of the truth."),
    click.option("--columns", type=Names(), help="With --data: those to look at. [all]"),
    click.option(
        "--rows", type=int, default=1000, show_default=True, help="With --data: rows at most."
    ),
    click.option(
        "--repeats", type=int, default=10, show_default=True, help="Times a column is shuffled."
    ),
    click.option(
        "--grid", type=int, default=20, show_default=True, help="Values a column is set to."
    ),
)


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the verb the options of explanations over a dataset."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def data_spec(deployment: str, options: Mapping[str, Any]) -> ExplainSpec:
    """The job that the command line asks for.

    Raises:
        UsageError: what is said of rows is said as well, or the method is of single rows.
    """
    for name, said in (("input_file", "--input"), ("row", "--row"), ("background", "--background")):
        if options[name] is not None:
            raise click.UsageError(f"--data explains a whole dataset: leave {said} out")
    method = options["method"]
    if method == _AUTO:
        method = PERMUTATION if options["target"] else DEPENDENCE
    if method not in DATA_METHODS:
        raise click.UsageError(
            f"--method {method} explains single rows: with --data give {' or '.join(DATA_METHODS)}"
        )
    data, _, version = options["data"].partition("@")
    if version and not version.isdigit():
        raise click.UsageError(f"{options['data']!r} names no version: write NAME or NAME@2")
    return ExplainSpec(
        deployment=deployment,
        data=data,
        data_version=int(version) if version else None,
        method=method,
        target=options["target"],
        columns=options["columns"],
        output=options["output"],
        rows=options["rows"],
        repeats=options["repeats"],
        grid=options["grid"],
        seed=options["seed"],
        picture=picture_form(options["picture"]),
    )


def explain_dataset(
    platform: Lichen, spec: ExplainSpec, picture: Path | None, *, as_json: bool
) -> None:
    """Submit the job, stay until it has ended, and show what it found."""
    job = platform.jobs.submit(JobKind.EXPLAIN, spec)
    ended = platform.jobs.wait(job.id, ProgressLine())
    with tempfile.TemporaryDirectory(prefix="lichen-explain-") as folder:
        content = platform.predictions.fetch(ended.id, Path(folder, "found")).read_bytes()
    try:
        found = msgspec.json.decode(content, type=DataExplanation)
    except msgspec.MsgspecError as error:
        raise WorkFailed(f"job {ended.id} made no explanation: {error}") from error
    if as_json:
        print_json({"explanation": found, "job": ended})
    else:
        _show(found)
        click.echo(f"`lichen jobs output {ended.id} FILE` fetches it again", err=True)
        if ended.receipt is not None:
            click.echo(f"receipt: {receipt_line(ended.receipt)}", err=True)
    if picture is not None:
        write_all_pictures(found.pictures, picture)


def _show(found: DataExplanation) -> None:
    unit = f" {found.unit}" if found.unit else ""
    if found.importances:
        click.echo(
            f"{found.model} on {found.rows} rows of {found.data}: {found.metric} "
            f"{found.score:.5g}{unit}"
        )
        cells = [
            (one.column, f"{one.mean:+.4g}", f"{one.low:+.4g}", f"{one.high:+.4g}")
            for one in found.importances
        ]
        print_table(["column", f"{found.metric} grows by", "low", "high"], cells)
    for one in found.curves:
        _show_curve(one, found.output, unit)
    for note in found.notes:
        click.echo(f"note: {note}")


def _show_curve(one: Curve, output: str, unit: str) -> None:
    after = f" {one.unit}" if one.unit else ""
    click.echo(f"{output}{unit} by {one.column}{after}")
    cells = [
        (
            value if isinstance(value, str) else f"{value:.5g}",
            f"{mean:.5g}",
            f"{low:.5g}",
            f"{high:.5g}",
        )
        for value, mean, low, high in zip(one.values, one.mean, one.low, one.high, strict=True)
    ]
    print_table([one.column, "mean", "10 %", "90 %"], cells[:_SHOWN])
    click.echo("")
