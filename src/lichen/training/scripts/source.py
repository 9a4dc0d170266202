"""Whether a script can be run at all: told before a job is started for it. Imports no framework."""

import ast
import math
import warnings
from pathlib import Path

from lichen.core.errors import InvalidInput, TooLarge
from lichen.protocol.training import ScriptTraining
from lichen.training.scripts.requirements import checked_requirements

LARGEST_SOURCE_BYTES = 2**19
MOST_ARGUMENTS, LONGEST_ARGUMENT = 1000, 10_000
LEAST_MEMORY_BYTES, LEAST_DISK_BYTES = 64 * 2**20, 2**20


def check_script(asked: ScriptTraining) -> None:
    """Refuse what cannot be run.

    Raises:
        InvalidInput: the program is no Python, a requirement is not pinned, or a limit is none; the
            message names the line.
        TooLarge: the program is over the limit.
    """
    name = Path(asked.filename).name or "the script"
    _check_source(asked.source, name)
    checked_requirements(asked.environment)
    if len(asked.arguments) > MOST_ARGUMENTS:
        raise TooLarge(f"{len(asked.arguments)} arguments are over the limit, {MOST_ARGUMENTS}")
    if any(len(one) > LONGEST_ARGUMENT or "\0" in one for one in asked.arguments):
        raise InvalidInput(
            f"an argument of {name} is over {LONGEST_ARGUMENT} characters or has a NUL in it: "
            "put what is long into the dataset, or into the script"
        )
    _check_limits(asked)


def _check_source(source: str, name: str) -> None:
    size = len(source.encode(errors="surrogatepass"))
    if size > LARGEST_SOURCE_BYTES:
        raise TooLarge(
            f"{name} has {size:,} bytes, and a script may have {LARGEST_SOURCE_BYTES:,}: put data "
            "into the dataset"
        )
    if not source.strip():
        raise InvalidInput(f"{name} is empty: give a program that calls lichen.run()")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source, name)
    except SyntaxError as error:
        raise InvalidInput(
            f"line {error.lineno} of {name} is no Python ({error.msg}): correct it"
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(f"{name} is no Python that can be read: {error}") from error


def _check_limits(asked: ScriptTraining) -> None:
    if not (math.isfinite(asked.time_limit_s) and asked.time_limit_s > 0):
        raise InvalidInput(f"a time limit of {asked.time_limit_s} s is none: give seconds above 0")
    for what, given, least in (
        ("memory", asked.memory_limit_bytes, LEAST_MEMORY_BYTES),
        ("disk", asked.disk_limit_bytes, LEAST_DISK_BYTES),
    ):
        if not least <= given < 2**63:
            raise InvalidInput(f"a {what} limit of {given} bytes cannot be: give {least} or more")
