"""`lichen`: finds the verb, runs it, and turns errors into one sentence and an exit code."""

import os
import sys
from collections.abc import Sequence

import click

from lichen.cli.commands import SECTIONS, VERBS
from lichen.core.errors import (
    Conflict,
    InvalidInput,
    LichenError,
    NotFound,
    Refused,
)
from lichen.core.plugins import load_object

EXIT_FAILED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

EXIT_CODES: tuple[tuple[type[LichenError], int], ...] = (
    (NotFound, EXIT_NOT_FOUND),
    (Refused, EXIT_REFUSED),
    (InvalidInput, EXIT_USAGE),
    (Conflict, EXIT_USAGE),
    (LichenError, EXIT_FAILED),
)
"""The one table of exit codes (PRODUCT): 0 done, 1 the work failed, 2 wrong usage, 3 not found,
4 refused."""


class VerbGroup(click.Group):
    """A group that imports a verb when it is called, and lists the verbs in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now; None when there is no such verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        try:
            command = load_object(verb.home)
        except ModuleNotFoundError as missing:
            raise InvalidInput(
                f"`lichen {verb.name}` needs {missing.name}, which is not installed: "
                "`pip install 'lichen[all]'` adds the platform"
            ) from missing
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.home} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs with their summaries, section by section, importing none of them."""
        for title, verbs in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(verb.name, verb.summary) for verb in verbs])


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the work failed, 2 wrong usage, 3 not found, 4 refused.",
)
@click.version_option(package_name="lichen")
def lichen() -> None:
    """Train, serve and call models; every job and every answer carries its energy and carbon."""


def exit_code(error: LichenError) -> int:
    """The exit code of an error, from the one table."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def usage_sentence(error: click.ClickException) -> str:
    """What is wrong with the command line and where its right form stands; all help when bare."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "lichen"
    return f"lichen: {error.format_message().rstrip('.')}; see `{path} --help`"


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code and prints at most one sentence of error."""
    try:
        outcome = lichen.main(args=list(arguments), prog_name="lichen", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        click.echo(usage_sentence(error), err=True)
        return EXIT_USAGE
    except LichenError as error:
        click.echo(f"lichen: {error}", err=True)
        return exit_code(error)
    except BrokenPipeError:
        _say_no_more()
        return EXIT_FAILED
    return outcome if isinstance(outcome, int) else 0


def _say_no_more() -> None:
    """Whoever read our output, such as `head`, has enough: nothing is flushed to it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
