"""`lichen up`: the whole platform on this machine, until Ctrl-C."""

from pathlib import Path

import click

from lichen.cli.output import json_option, print_json
from lichen.server.settings import load
from lichen.server.supervisor import Addresses, run


@click.command()
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of all state. [LICHEN_HOME, or the user's data folder]",
)
@click.option("--http", metavar="PORT", type=int, help="Data plane over HTTP. [8080]")
@click.option("--grpc", metavar="PORT", type=int, help="Data plane over gRPC. [8081]")
@click.option("--control", metavar="PORT", type=int, help="Control plane. [8090]")
@click.option(
    "--processes", metavar="N", type=int, help="Processes of the data plane, behind one port. [1]"
)
@json_option
def up(
    home: Path | None,
    http: int | None,
    grpc: int | None,
    control: int | None,
    processes: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Start the platform: data plane, control plane, worker. Ctrl-C or SIGTERM stops it cleanly."""
    ports = {"http": http, "grpc": grpc, "control": control}
    settings = load({"home": home, **ports, "dataplane_processes": processes})

    def announce(addresses: Addresses) -> None:
        if as_json:
            print_json({**addresses, "home": str(settings.home)})
            return
        click.echo(f"data plane     {addresses['http']}")
        click.echo(f"over gRPC      {addresses['grpc']}")
        click.echo(f"control plane  {addresses['control']}")
        click.echo(f"home           {settings.home}")

    run(settings, announce)
