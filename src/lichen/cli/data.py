"""`lichen data`: datasets and their immutable versions."""

from pathlib import Path
from typing import Any

import click
import msgspec

from lichen.cli.arguments import Names
from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.cli.progress import ProgressLine
from lichen.core.clock import rfc3339
from lichen.protocol.admin import Column, DataOptions, Dataset, Finding, Job

FILE = click.Path(path_type=Path)
timezone_option = click.option(
    "--timezone", metavar="Z", help="Zone of times that carry none, e.g. Europe/Berlin. [UTC]"
)


@click.group()
def data() -> None:
    """Datasets: each `add` or `append` makes an immutable, content-addressed version."""


@data.command()
@click.argument("name")
@click.argument("file", type=FILE)
@timezone_option
@click.option("--time", metavar="COL", help="Column of times, Date,Time or none. [detected]")
@click.option("--time-format", metavar="F", help="How times are written, as strptime: %d.%m.%Y")
@click.option("--series", metavar="COL", help="The column that names a panel's series. [detected]")
@click.option("--targets", type=Names(), default="", help="Columns meant to be forecast.")
@click.option("--known", type=Names(), default="", help="Columns known ahead.")
@click.option("--units", type=Names(), default="", help="Units: Demand=MW,Temperature=°C")
@click.option("--missing", metavar="V,W", type=Names(), default="", help="Cells not measured: -200")
@click.option("--sheet", metavar="S", help="Sheet of an XLSX file. [the first]")
@click.option("--size", metavar="WxH", help="Bring pictures of several sizes to one: 28x28")
@json_option
def add(name: str, file: Path, as_json: bool, **known: Any) -> None:  # noqa: ANN401, FBT001
    """Ingest a CSV, JSON Lines, Parquet or XLSX file as a version of dataset NAME.

    Images come as a folder of folders named as their class, a .zip of such, or an .npz of arrays
    `images` and `labels`; a folder of IDX files, as MNIST and its kin come, is read too.
    """
    options = DataOptions(**{**known, "units": _units(known["units"])})
    with open_platform() as platform:
        made = platform.data.add(name, file, watcher=ProgressLine(), options=options)
    _show(made, as_json=as_json)


@data.command()
@click.argument("name")
@click.argument("file", type=FILE)
@timezone_option
@json_option
def append(name: str, file: Path, timezone: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Add a file's rows to dataset NAME, as a new version.

    They are truth for what is deployed on it: its intervals become wider or narrower.
    """
    line, jobs = ProgressLine(), list[Job]()

    def watch(job: Job) -> None:
        line(job)
        jobs[:] = [job]

    with open_platform() as platform:
        made = platform.data.append(name, file, timezone, watch)
    adapted = (jobs[-1].result or {}).get("adapted", [])
    if as_json:
        print_json({**msgspec.to_builtins(made), "adapted": adapted})
        return
    _show(made, as_json=False)
    for one in adapted:
        click.echo(one["sentence"])


@data.command()
@json_option
def ls(as_json: bool) -> None:  # noqa: FBT001
    """List datasets."""
    with open_platform() as platform:
        found = platform.data.ls()
    if as_json:
        print_json({"datasets": found})
        return
    print_table(
        ("dataset", "rows", "columns", "from", "to"),
        [
            (
                f"{one.name}@{one.version}",
                one.rows,
                len(one.columns),
                one.start and rfc3339(one.start),
                one.end and rfc3339(one.end),
            )
            for one in found
        ],
    )


@data.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Columns, time index and findings of dataset NAME, or of NAME@V."""
    with open_platform() as platform:
        found = platform.data.show(*_reference(name))
    _show(found, as_json=as_json)


@data.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> None:  # noqa: FBT001
    """What a person may want to correct before training on dataset NAME."""
    with open_platform() as platform:
        findings = platform.data.check(*_reference(name))
    if as_json:
        print_json({"findings": findings})
    else:
        _print_findings(findings)


def _units(pairs: list[str]) -> dict[str, str]:
    stray = [pair for pair in pairs if "=" not in pair]
    if stray:
        raise click.BadParameter(f"{stray[0]!r} names no unit: write COLUMN=UNIT")
    return dict(pair.split("=", 1) for pair in pairs)


def _reference(text: str) -> tuple[str, int | None]:
    name, _, version = text.partition("@")
    if version and not version.isdigit():
        raise click.BadParameter(f"{text!r} names no version: write NAME or NAME@2")
    return name, int(version) if version else None


def _show(dataset: Dataset, *, as_json: bool) -> None:
    if as_json:
        print_json(dataset)
        return
    click.echo(f"{dataset.name}@{dataset.version}: {dataset.rows} rows, digest {dataset.digest}")
    if dataset.start and dataset.end:
        step = f", every {dataset.step_seconds} s" if dataset.step_seconds else ""
        click.echo(f"{rfc3339(dataset.start)} to {rfc3339(dataset.end)}{step}")
    print_table(
        ("column", "type", "unit", "role"),
        [(one.name, _type_of(one), one.unit, one.role) for one in dataset.columns],
    )
    _print_findings(dataset.findings)


def _type_of(column: Column) -> str:
    if column.shape is msgspec.UNSET:
        return column.dtype
    return f"{column.dtype} {'x'.join(map(str, column.shape))}"


def _print_findings(findings: list[Finding]) -> None:
    if not findings:
        click.echo("no findings")
    for one in findings:
        where = f" {one.column}:" if one.column else ""
        click.echo(f"{one.severity}:{where} {one.message}")
