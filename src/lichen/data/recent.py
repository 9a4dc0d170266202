"""Tables read a moment ago: a version never changes, so its rows need not be read again."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from lichen.core.ids import Digest
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.table import Table

_KEPT_CELLS = 2_000_000
"""What may be kept in all: 16 MB of numbers."""


class RecentTables:
    """Keeps the tables last asked for, as long as they are small; safe from any thread."""

    def __init__(self, kept_cells: int = _KEPT_CELLS) -> None:
        self._kept_cells = kept_cells
        self._tables: OrderedDict[tuple[Digest, tuple[str, ...]], Table] = OrderedDict()
        self._lock = Lock()

    def keeps(self, version: DatasetVersion, columns: Sequence[str]) -> bool:
        """Whether those columns of the version are small enough to be kept."""
        return version.rows * (len(columns) + 1) <= self._kept_cells

    def read(self, datasets: Datasets, version: DatasetVersion, columns: Sequence[str]) -> Table:
        """All rows of the version; see `Datasets.read`."""
        key = (version.parquet_digest, tuple(columns))
        with self._lock:
            table = self._tables.pop(key, None)
        if table is None:
            table = datasets.read(version, columns)
        if self.keeps(version, columns):
            with self._lock:
                self._tables[key] = table
                while sum(map(_cells, self._tables.values())) > self._kept_cells:
                    self._tables.popitem(last=False)
        return table


def _cells(table: Table) -> int:
    return len(table) * (len(table.arrays) + 1)
