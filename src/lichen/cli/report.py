"""`lichen report`: the ledger by a published standard, for people, for programs, or as a file."""

from pathlib import Path
from typing import Unpack

import click

from lichen.cli.arguments import Moment
from lichen.cli.output import json_option, print_table, printable
from lichen.cli.platform import open_platform
from lichen.cli.recurring_options import Recurring, let_recur, recurring_options
from lichen.client.reports import ReportOptions, read_report
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind
from lichen.protocol.reports import Report, ReportFigure, ReportFormat, ReportSpec, Standard
from lichen.store.whole_files import replace_file

PATH = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--standard",
    type=click.Choice([one.value for one in Standard]),
    default=Standard.SCI.value,
    help="Whose rules it follows; sci unless said.",
)
@click.option("--month", metavar="YYYY-MM", help="The span as a month, in UTC.")
@click.option("--from", "since", type=Moment(), help="The span from this time on.")
@click.option("--to", "until", type=Moment(), help="The span before this time.")
@click.option("--as-of", type=click.IntRange(min=1), help="Up to this sealed entry of the ledger.")
@click.option("--deployment", metavar="NAME", help="Of this deployment alone, for sci.")
@click.option("--model", metavar="NAME@V", help="The model, for ai-act and huggingface.")
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in ReportFormat]),
    help="How it is written; by the ending of --output unless said.",
)
@click.option("--output", metavar="FILE", type=PATH, help="Write it to FILE.")
@recurring_options
@json_option
def report(
    recurring: Recurring | None,
    standard: str,
    form: str | None,
    output: Path | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[ReportOptions],
) -> None:
    """Energy and carbon by a published standard, the same bytes whenever asked as of one entry.

    Without a span it covers everything. --format csv, html or json prints the file itself. With
    --every a file is kept for each period, of what was booked in it; see `lichen schedules`.
    """
    if recurring is not None:
        spec = _recurring_spec(standard, form, output, options)
        let_recur(recurring, f"report-{standard}", (JobKind.REPORT, spec), None, as_json=as_json)
        return
    wanted = _form(form, output, as_json=as_json)
    with open_platform() as platform:
        content = platform.reports.write(Standard(standard), wanted or ReportFormat.JSON, **options)
    if output is not None:
        replace_file(output, content)
        click.echo(f"{output}: {len(content)} bytes")
    elif wanted is not None:
        click.echo(content, nl=False)
    else:
        _show(read_report(content))


def _recurring_spec(
    standard: str, form: str | None, output: Path | None, options: ReportOptions
) -> ReportSpec:
    """What is reported each time; the span is that of the period."""
    said = [name for name in ("month", "since", "until", "as_of") if options.get(name) is not None]
    if said or output is not None:
        raise click.UsageError(
            "with --every each report is of its own period and is kept by the platform: leave out "
            "--month, --from, --to, --as-of and --output"
        )
    return ReportSpec(
        standard=Standard(standard),
        form=ReportFormat(form or ReportFormat.HTML),
        deployment=options.get("deployment"),
        model=options.get("model"),
    )


def _form(form: str | None, output: Path | None, *, as_json: bool) -> ReportFormat | None:
    """What is asked for; None for a terminal."""
    if form is not None:
        if as_json and form != ReportFormat.JSON:
            raise click.UsageError(f"give --json or --format {form}, not both")
        return ReportFormat(form)
    if as_json:
        return ReportFormat.JSON
    if output is None:
        return None
    try:
        return ReportFormat(output.suffix.lower().lstrip("."))
    except ValueError:
        known = ", ".join(f".{one}" for one in ReportFormat)
        raise InvalidInput(
            f"{str(output)!r} does not say how to write it: end it in {known}, or give --format"
        ) from None


def _show(made: Report) -> None:
    click.echo(made.title)
    for section in made.sections:
        click.echo(f"\n{printable(section.title)}")
        for fact in section.facts:
            click.echo(f"  {fact.label}: {fact.text}")
        known = [_row(one) for one in section.figures if one.value is not None]
        if known:
            print_table(("figure", "value", "unit", "interval", "method"), known)
        for one in section.figures:
            if one.value is None:
                click.echo(f"{one.label}: not known: {one.absent}")
        if section.text:
            click.echo(section.text, nl=False)
    click.echo(f"\nas of entry {made.as_of}, sha256 {made.ledger_digest}")


def _row(one: ReportFigure) -> tuple[object, ...]:
    ends = [_number(end) for end in (one.low, one.high) if end is not None]
    return one.label, _number(one.value), one.unit, " to ".join(ends), one.method


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
