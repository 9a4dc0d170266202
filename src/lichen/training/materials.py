"""What a training works with: the rows of its dataset, who watches it, and who meters it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lichen.core.errors import NotFound
from lichen.data.dataset import DatasetVersion
from lichen.data.table import Table
from lichen.training.watch import EnergyGauge, Watch


class Rows(Protocol):
    """Reads rows of the dataset version that a training is for."""

    def __call__(self, columns: Sequence[str] | None, until: datetime | None = None) -> Table:
        """Some columns, all where None, of the rows before a moment.

        Raises:
            InvalidInput: there is no such column.
            Corrupt: the stored rows are damaged.
        """
        ...


class ModelFiles(Protocol):
    """Reads some files of a registered version."""

    def __call__(self, reference: str, names: Sequence[str]) -> Mapping[str, bytes]:
        """The files of `NAME@V`, by their names.

        Raises:
            NotFound: there is no such version, or it has no such file.
        """
        ...


def no_models(reference: str, names: Sequence[str]) -> Mapping[str, bytes]:  # noqa: ARG001
    """There is no registry here."""
    raise NotFound(f"no model {reference!r} is registered here")


@dataclass(frozen=True, slots=True)
class Materials:
    """Handed to the trainer of a task.

    Attributes:
        dataset: what the rows are of.
        rows: reads them.
        file: where the rows stand as Parquet, verified; for those that do not take them all at
            once.
        watch: is told how far it is, keeps checkpoints, may cancel.
        gauge: meters this process.
        scratch: an empty folder, removed when the job has ended.
        model_files: reads files of a registered model, by its name and theirs.
    """

    dataset: DatasetVersion
    rows: Rows
    file: Callable[[], Path]
    watch: Watch
    gauge: EnergyGauge
    scratch: Path
    model_files: ModelFiles = no_models
