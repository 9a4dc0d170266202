"""`lichen explain`: why a deployment answers rows as it does."""

from pathlib import Path
from typing import Any

import click

from lichen.cli.arguments import Moment
from lichen.cli.explain_data import data_options, data_spec, explain_dataset
from lichen.cli.explain_files import Given, given_in
from lichen.cli.explain_input import newest_rows, picture_form, write_pictures
from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.cli.receipts import receipt_line
from lichen.client.explanations import Explained
from lichen.protocol.explaining import AUTO, Attribution, ExplainedRow, ExplainOptions

PATH = click.Path(path_type=Path)
_MOST_SHOWN = 15


@click.command()
@click.argument("deployment", metavar="D")
@click.option(
    "--input",
    "input_file",
    metavar="FILE",
    type=PATH,
    help='CSV with a column per input, {"rows": [...]} or a request of tensors (.json), arrays '
    "(.npy, .npz), a text (.txt), a picture or a folder of them. [a forecaster's newest rows]",
)
@click.option("--method", default=AUTO, show_default=True, help="How it is to be found.")
@click.option("--of", "output", metavar="NAME", help="The output, or the class, to explain. [all]")
@click.option("--row", metavar="N", type=click.IntRange(1), help="Only this row of the file. [all]")
@click.option("--background", metavar="FILE", type=PATH, help="Usual rows, as the input.")
@click.option("--samples", metavar="N", type=int, help="Answers a row, of methods that sample.")
@click.option("--seed", metavar="N", type=int, default=0, help="Of methods that sample. [0]")
@click.option("--baseline", metavar="NAME", help="What a picture or a forecast is held against.")
@click.option("--patch", metavar="PIXELS", type=int, help="Side of what is covered of a picture.")
@click.option("--start", type=Moment(), help="First step to forecast. [after the newest row]")
@click.option("--step", metavar="N", type=int, help="Of a forecast, only this step ahead. [all]")
@click.option("--picture", metavar="FILE", type=PATH, help="Draw it there: .svg or .png.")
@data_options
@json_option
def explain(deployment: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Why: what each column contributed to the answer, and what finding that cost.

    With --data a job finds which columns matter over a dataset: by how much worse the answers get
    when a column is shuffled (permutation), or by what is answered when it is set (dependence).
    """
    if options["data"] is not None:
        asked_of_data = data_spec(deployment, options)
        with open_platform() as platform:
            explain_dataset(platform, asked_of_data, options["picture"], as_json=as_json)
        return
    asked = ExplainOptions(
        method=options["method"],
        output=options["output"],
        samples=options["samples"],
        seed=options["seed"],
        baseline=options["baseline"],
        patch=options["patch"],
        step=options["step"],
        picture=picture_form(options["picture"]),
    )
    with open_platform() as platform:
        metadata = platform.inference.metadata(deployment)
        if options["input_file"] is None:
            rows: Given = newest_rows(platform, deployment, options["start"])
        else:
            rows = given_in(metadata, options["input_file"], options["row"])
        background = None
        if options["background"] is not None:
            background = given_in(metadata, options["background"])
        explained = platform.explain(deployment, rows, asked, background)
    if as_json:
        print_json({"explanation": explained.explanation, "receipt": explained.receipt})
    else:
        show(explained, options["row"] or 1)
    if options["picture"] is not None:
        write_pictures(explained.explanation, options["picture"])


def show(explained: Explained, first: int) -> None:
    """The contributions of every row, the largest first."""
    found = explained.explanation
    for number, row in enumerate(found.rows, start=first):
        for one in row.attributions:
            _show_one(number, row, one, found.unit)
    click.echo(f"{found.method} of {found.model}, in {found.space}: {found.sums_to}")
    if found.sums_to.startswith("base"):
        click.echo(f"to within {found.largest_error:.1e}")
    if found.model_runs:
        click.echo(f"by {found.model_runs} model runs")
    for note in found.notes:
        click.echo(f"note: {note}")
    if explained.receipt is not None:
        click.echo(f"receipt: {receipt_line(explained.receipt)}", err=True)


def _show_one(number: int, row: ExplainedRow, one: Attribution, unit: str | None) -> None:
    after = f" {unit}" if unit else ""
    said = f"{one.prediction:.6g}{after}, base {one.base:.6g}{after}"
    click.echo(f"row {number}, {one.output}: {said}")
    order = sorted(range(len(row.parts)), key=lambda at: -abs(one.contributions[at]))
    cells = []
    for at in order[:_MOST_SHOWN]:
        part = row.parts[at]
        cell = part.value
        value = "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else f"{cell}"
        value += f" {part.unit}" if part.unit else ""
        value += f" {part.place}" if part.place else ""
        cells.append((part.column, value.lstrip(), f"{one.contributions[at]:+.6g}"))
    if len(order) > _MOST_SHOWN:
        rest = sum(one.contributions[at] for at in order[_MOST_SHOWN:])
        cells.append((f"{len(order) - _MOST_SHOWN} others", "", f"{rest:+.6g}"))
    if cells:
        print_table(["column", "value", "contribution"], cells)
    click.echo("")
