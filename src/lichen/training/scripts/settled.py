"""What is settled before a script begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lichen.training.scripts.dataset import ScriptDataset


@dataclass(frozen=True, slots=True)
class Settled:
    """What a run is about.

    Attributes:
        dataset: what it trains on; None: outside a platform no file was named.
        arguments: of its command line.
        seed: of whatever draws at random.
        folder: where it works.
    """

    dataset: ScriptDataset | None
    arguments: Sequence[str]
    seed: int
    folder: Path
