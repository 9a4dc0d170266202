"""`lichen deploy` and `undeploy`: names that clients call, and the version behind each."""

from typing import Literal, Unpack

import click

from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.client.admin import DeploymentOptions
from lichen.core.errors import InvalidInput


@click.command()
@click.argument("reference", metavar="NAME@V|NAME@ALIAS")
@click.option("--name", metavar="D", help="Name that clients call. [the model's name]")
@click.option("--min-quality", metavar="Q", type=float, help="Least quality to serve, 0 to 1.")
@click.option("--p95", "p95_ms", metavar="MS", type=float, help="95 % of answers within MS.")
@click.option(
    "--batch-wait",
    "batch_wait_ms",
    metavar="MS",
    type=float,
    default=0.0,
    help="Let a request wait so long for company. [0]",
)
@click.option(
    "--threads",
    metavar="N|auto",
    callback=lambda _, __, said: _threads(said),
    help="Threads to compute with; auto: as few as keep the p95, by measurement. [1]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="What to compute on; auto: a GPU only where it makes up for its power. [auto]",
)
@click.option("--cheaper", metavar="D", help="Who answers instead while a budget degrades.")
@click.option(
    "--cheaper-quality",
    metavar="Q",
    type=float,
    help="Its quality beside this one, 0 to 1. [as recorded]",
)
@json_option
def deploy(
    reference: str,
    name: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Unpack[DeploymentOptions],
) -> None:
    """Serve a model version, and wait until it answers."""
    with open_platform() as platform:
        made = platform.deployments.deploy(reference, name, **options)
        address = platform.platform().addresses.http
    if as_json:
        print_json(made)
        return
    click.echo(f"{made.name} serves {made.model}@{made.version} ({made.variant})")
    click.echo(f"POST {address}/v2/models/{made.name}/infer")


def _threads(said: str | None) -> int | Literal["auto"] | None:
    if said is None:
        return None
    if said == "auto":
        return "auto"
    if not said.isdecimal():
        raise InvalidInput(f"--threads is {said!r}: give a whole number, or auto")
    return int(said)


@click.command()
@click.argument("name", metavar="D")
@json_option
def undeploy(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Stop serving deployment D; its model stays in the registry."""
    with open_platform() as platform:
        platform.deployments.undeploy(name)
    if as_json:
        print_json({"undeployed": name})
    else:
        click.echo(f"{name} is no longer served")
