"""`lichen models`: the registry of immutable versions."""

import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import click

from lichen.cli.arguments import Names
from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.cli.progress import ProgressLine
from lichen.cli.receipts import receipt_line
from lichen.client.connection import Lichen
from lichen.client.models import ImportOptions
from lichen.core.errors import WorkFailed
from lichen.core.tensors import TensorSpec
from lichen.protocol.admin import JsonObject, Metric, ModelVersion
from lichen.store.failures import storage_failures

PATH = click.Path(path_type=Path)


class _Options(TypedDict):
    format_: str | None
    inputs: tuple[str, ...]
    entry: str | None
    allow_unsafe: bool


@click.group()
def models() -> None:
    """Models: NAME@V is an immutable version, NAME@ALIAS what an alias points at."""


@models.command()
@json_option
def ls(as_json: bool) -> None:  # noqa: FBT001
    """List models."""
    with open_platform() as platform:
        found = platform.models.ls()
    if as_json:
        print_json({"models": found})
        return
    print_table(
        ("model", "latest", "aliases"),
        [
            (
                one.name,
                one.latest,
                ", ".join(f"{alias}={to}" for alias, to in sorted(one.aliases.items())),
            )
            for one in found
        ],
    )


@models.command()
@click.argument("reference", metavar="NAME@V")
@json_option
def show(reference: str, as_json: bool) -> None:  # noqa: FBT001
    """Signature, metrics, files and receipt of a version."""
    with open_platform() as platform:
        version = platform.models.show(reference)
    show_version(version, as_json=as_json)


@models.command()
@click.argument("reference", metavar="NAME@V")
@click.argument("alias_name", metavar="ALIAS")
@json_option
def alias(reference: str, alias_name: str, as_json: bool) -> None:  # noqa: FBT001
    """Let ALIAS point at a version."""
    with open_platform() as platform:
        model = platform.models.alias(reference, alias_name)
    if as_json:
        print_json(model)
    else:
        click.echo(f"{model.name}@{alias_name} is now version {model.aliases[alias_name]}")


@models.command()
@click.argument("reference", metavar="NAME@V")
@json_option
def card(reference: str, as_json: bool) -> None:  # noqa: FBT001
    """The model card, with Hugging Face front matter."""
    with open_platform() as platform:
        text = platform.models.card(reference)
    if as_json:
        print_json({"card": text})
    else:
        click.echo(text, nl=False)


@models.command()
@click.argument("reference", metavar="NAME@V")
@json_option
def verify(reference: str, as_json: bool) -> None:  # noqa: FBT001
    """Check every stored byte of a version against its manifest."""
    with open_platform() as platform:
        verdict = platform.models.verify(reference)
    if as_json:
        print_json(verdict)
    elif verdict.sound:
        click.echo(f"{reference} is sound")
    if not verdict.sound:
        raise WorkFailed(f"{reference} is damaged: {'; '.join(verdict.findings)}")


@models.command(
    "import",
    short_help="Register a model of any framework, code of your own, or an exported version.",
)
@click.argument("path", type=PATH)
@click.option("--name", metavar="M", help="Name of the model. [the file's name]")
@click.option("--format", "format_", metavar="F", help="What it is, such as keras. [found out]")
@click.option("--columns", metavar="A,B,...", type=Names(), help="Names of an input row's values.")
@click.option("--labels", metavar="A,B,...", type=Names(), help="Names of an output row's values.")
@click.option(
    "--input",
    "inputs",
    metavar="NAME:TYPE:SHAPE",
    multiple=True,
    help="A tensor that it takes, where its files do not say: image:FP32:-1,3,224,224.",
)
@click.option("--entry", metavar="E", help="Which of several parts, such as a signature.")
@click.option(
    "--allow-unsafe", is_flag=True, help="Let it run its author's code while it is read, confined."
)
@json_option
def import_(
    path: Path,
    name: str | None,
    columns: list[str] | None,
    labels: list[str] | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[_Options],
) -> None:
    """Register a model as a new version.

    PATH is a file or a folder as its framework saved it, a folder with predictor.py, or what was
    exported.
    """
    asked = ImportOptions(
        format=options["format_"],
        inputs=options["inputs"],
        entry=options["entry"],
        allow_unsafe=options["allow_unsafe"],
    )
    with open_platform() as platform:
        version = import_path(platform, path, name, (columns or (), labels or ()), asked)
    show_version(version, as_json=as_json)


def import_path(
    platform: Lichen,
    path: Path,
    name: str | None,
    names: tuple[Sequence[str], Sequence[str]],
    asked: ImportOptions,
) -> ModelVersion:
    """Upload a file, or a folder as a tar; `names` are those of the columns and of the labels."""
    columns, labels = names
    with storage_failures(path), tempfile.TemporaryDirectory() as scratch:
        file = _packed(path, Path(scratch)) if path.is_dir() else path
        return platform.models.import_file(
            file, name, ProgressLine(), columns=columns, labels=labels, **asked
        )


def show_version(version: ModelVersion, *, as_json: bool) -> None:
    """Print one version, as JSON or for people."""
    if as_json:
        print_json(version)
        return
    click.echo(f"{version.model}@{version.version}: {version.task}, {version.algorithm}")
    for spec in version.signature.inputs:
        click.echo(f"  in   {_tensor(spec)}")
    for spec in version.signature.outputs:
        click.echo(f"  out  {_tensor(spec)}")
    if version.provenance:
        click.echo(_faithfulness(version.provenance))
    if version.metrics:
        print_table(
            ("metric", "value", "unit", "split"),
            [(one.name, _valued(one), one.unit, one.split) for one in version.metrics],
        )
    if version.receipt:
        click.echo(f"receipt: {receipt_line(version.receipt)}")


def _faithfulness(found: JsonObject) -> str:
    """Of an imported version: what it came as, and how faithful it is."""
    told = f"{found['format']} by {found['library']}"
    if not found["inputs"]:
        return f"imported: {told}"
    return (
        f"imported: {told}, whose answers to {found['inputs']:,} inputs it gives to within "
        f"{found['largest_difference']:.1e} (at most {found['tolerance']:.0e})"
    )


def _valued(metric: Metric) -> str:
    """The value, and its 95 % interval where one was computed."""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.5g}"
    return f"{metric.value:.5g} ({metric.low:.3g} to {metric.high:.3g})"


def _tensor(spec: TensorSpec) -> str:
    unit = f" in {spec.unit}" if spec.unit else ""
    optional = " (optional)" if spec.optional else ""
    columns = f": {', '.join(spec.columns)}" if spec.columns else ""
    return f"{spec.name} {spec.datatype.value} {list(spec.shape)}{unit}{optional}{columns}"


def _packed(folder: Path, scratch: Path) -> Path:
    packed = scratch / f"{folder.absolute().name}.tar"
    with tarfile.open(packed, "w") as tar:
        for file in sorted(folder.iterdir()):
            if not file.name.startswith((".", "__")):  # what editors and interpreters leave
                tar.add(file, arcname=file.name)
    return packed
