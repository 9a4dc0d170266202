"""`lichen ledger`: accounts that sum to zero, and whether the chain holds."""

from pathlib import Path

import click

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.core.errors import WorkFailed
from lichen.core.units import readable
from lichen.protocol.admin import Verification


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def ledger(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """Accounts of energy and carbon; what the meter read is negative, and all sum to zero."""
    if context.invoked_subcommand is not None:
        return
    with open_platform() as platform:
        book = platform.ledger()
    if as_json:
        print_json(book)
        return
    print_table(
        ("account", "nJ", "energy", "carbon"),
        [
            (
                one.account,
                one.nj,
                readable(one.nj, "J"),
                None if one.ng is None else readable(one.ng, "g"),
            )
            for one in book.accounts
        ],
    )
    click.echo(f"sum: {sum(one.nj for one in book.accounts)} nJ")


@ledger.command()
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A ledger's SQLite file, such as a copy; no platform needs to run.",
)
@json_option
def verify(path: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Check the hash chain and that every window sums to zero."""
    verdict = _of_platform() if path is None else _of_file(path)
    if as_json:
        print_json(verdict)
    elif verdict.sound:
        click.echo("the ledger is sound")
    if not verdict.sound:
        raise WorkFailed(f"the ledger is damaged: {'; '.join(verdict.findings)}")


def _of_platform() -> Verification:
    with open_platform() as platform:
        return platform.verify_ledger()


def _of_file(path: Path) -> Verification:
    """What is found in a file at rest: an auditor trusts no platform that vouches for itself."""
    found = LedgerReader(path).verify()
    return Verification(sound=not found, findings=[one.what for one in found])
