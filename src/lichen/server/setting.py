"""One setting: a field with its own sentence, its choices and its range."""

import math
from dataclasses import field
from pathlib import Path
from typing import Any

Value = str | int | float | bool | Path | None


def setting(
    default: Value,
    says: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float = math.inf,
    secret: bool = False,
) -> Any:  # noqa: ANN401 - dataclasses.field answers Any by design
    """A field of a section; a secret one is not shown with the others."""
    return field(
        default=default,
        repr=not secret,
        metadata={"says": says, "choices": choices, "least": least, "most": most},
    )
