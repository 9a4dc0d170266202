"""`lichen models pull`: a model that lies elsewhere."""

from pathlib import Path
from typing import TypedDict, Unpack

import click
import msgspec

from lichen.cli.arguments import Names
from lichen.cli.models import import_path, show_version
from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.cli.progress import ProgressLine
from lichen.client.models import ImportOptions
from lichen.protocol.admin import JsonObject


class _Options(TypedDict):
    columns: list[str] | None
    labels: list[str] | None
    format_: str | None
    inputs: tuple[str, ...]
    entry: str | None
    allow_unsafe: bool


@click.command()
@click.argument("source")
@click.option("--name", metavar="M", help="Name of the model. [the source's]")
@click.option("--format", "format_", metavar="F", help="What it is, such as keras. [found out]")
@click.option("--columns", metavar="A,B,...", type=Names(), help="Names of an input row's values.")
@click.option("--labels", metavar="A,B,...", type=Names(), help="Names of an output row's values.")
@click.option(
    "--input", "inputs", metavar="NAME:TYPE:SHAPE", multiple=True, help="As of `models import`."
)
@click.option("--entry", metavar="E", help="Which of several parts, such as a signature.")
@click.option("--allow-unsafe", is_flag=True, help="As of `models import`; for administrators.")
@json_option
def pull(
    source: str,
    name: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[_Options],
) -> None:
    """Fetch a model from elsewhere and register it as a new version.

    SOURCE is https://host/model.onnx#sha256=..., s3://bucket/key or s3://bucket/folder/,
    hf://org/name@revision, oci://registry/repository:tag, file:/path on the server where it allows
    that, or a path here, which is uploaded.
    """
    asked = ImportOptions(
        format=options["format_"],
        inputs=options["inputs"],
        entry=options["entry"],
        allow_unsafe=options["allow_unsafe"],
    )
    columns, labels = tuple(options["columns"] or ()), tuple(options["labels"] or ())
    with open_platform() as platform:
        if ":" not in source or Path(source).exists():
            version = import_path(platform, Path(source), name, (columns, labels), asked)
            show_version(version, as_json=as_json)
            return
        job = platform.models.pull(
            source, name, ProgressLine(), columns=columns, labels=labels, **asked
        )
        version = platform.models.made(job)
    result = job.result or {}
    if as_json:
        print_json({**msgspec.to_builtins(version), "pulled": result})
        return
    show_version(version, as_json=False)
    click.echo(_said(result))


def _said(result: JsonObject) -> str:
    """Where it came from, how much of it, and what stayed there."""
    size = f"{result['fetched_bytes']:,} bytes fetched"
    left = result["left_files"]
    stayed = f"; {left} other files of it stay there" if left else ""
    return f"from {result['source']}: {size} (the network's energy is not known){stayed}"
