"""What a script needs beyond the platform's packages: pinned, and built ahead of time by others."""

import re
from collections.abc import Sequence

from lichen.core.errors import InvalidInput

ONLY_WHEELS = ("--only-binary", ":all:")
"""Nothing is compiled, so that no code of a package runs outside a script's confinement."""
MOST_LINES = 500
_PINNED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?\s*==\s*[A-Za-z0-9.!+_-]+"
    r"(\s*;[^\\\n]*)?(\s*--hash=sha256:[0-9a-f]{64})*"
)


def checked_requirements(lines: Sequence[str]) -> bytes | None:
    """The content of a requirements file; None where nothing is asked for.

    Raises:
        InvalidInput: a line is no package with its exact version.
    """
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"{len(lines)} requirements are too many, the limit is {MOST_LINES}")
    wanted = [line.strip() for line in lines]
    wanted = [line for line in wanted if line and not line.startswith("#")]
    for line in wanted:
        if not _PINNED.fullmatch(line):
            raise InvalidInput(
                f"the requirement {line[:100]!r} names no exact version: write NAME==VERSION, "
                "without options, addresses or paths"
            )
    return "".join(f"{line}\n" for line in wanted).encode() if wanted else None
