"""`lichen ledger`: accounts that sum to zero, and whether the chain holds."""

import click

from lichen.cli.output import json_option, print_json, print_table
from lichen.cli.platform import open_platform
from lichen.core.errors import WorkFailed
from lichen.core.units import readable


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
@json_option
def verify(as_json: bool) -> None:  # noqa: FBT001
    """Check the hash chain and that every window sums to zero."""
    with open_platform() as platform:
        verdict = platform.verify_ledger()
    if as_json:
        print_json(verdict)
    elif verdict.sound:
        click.echo("the ledger is sound")
    if not verdict.sound:
        raise WorkFailed(f"the ledger is damaged: {'; '.join(verdict.findings)}")
