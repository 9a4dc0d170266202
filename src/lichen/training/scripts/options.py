"""How a run outside any platform is asked for."""

from dataclasses import dataclass
from pathlib import Path

SPLIT = "script"
"""Which rows the scores of a script are of: it alone knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """As `lichen.run` was called."""

    data: Path | None
    name: str
    folder: Path
    arguments: tuple[str, ...]
    seed: int
