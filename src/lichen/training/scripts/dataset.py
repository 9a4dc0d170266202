"""The rows that a script trains on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from lichen.core.errors import Unavailable
from lichen.core.plugins import load_object
from lichen.data.schema import Schema
from lichen.data.table import Table

_READER = "lichen.data.frames:read_table"
"""It loads DuckDB, which a script that reads the Parquet file itself does not need."""


@dataclass(frozen=True, slots=True)
class ScriptDataset:
    """One immutable version of a dataset.

    Attributes:
        name: of the dataset.
        version: its number; 0 for a file that is in no platform.
        path: its rows as Parquet: to be read, never written.
        schema: its columns with their types, units and roles.
        row_count: how many rows there are.
    """

    name: str
    version: int
    path: Path
    schema: Schema
    row_count: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, the time column first where it has one."""
        return self.schema.names

    def __len__(self) -> int:
        return self.row_count

    def arrays(self, columns: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Columns by name, all unless said, each `(rows,)`, sorted by series and time.

        Numbers and booleans are float64, NaN where missing; text is objects, None where missing;
        time is datetime64[s] in UTC.

        Raises:
            InvalidInput: there is no such column.
        """
        table: Table = load_object(_READER)(self.path, self.schema, columns)
        time = self.schema.time
        is_wanted = time is not None and (columns is None or time.name in columns)
        first = {time.name: table.times} if is_wanted and time and table.times is not None else {}
        found = {**first, **table.arrays}
        return {name: found[name] for name in (columns or found)}

    def frame(self, columns: Sequence[str] | None = None) -> Any:  # noqa: ANN401 - pandas' own type
        """The same as a pandas DataFrame.

        Raises:
            Unavailable: pandas is not installed.
        """
        try:
            frame = load_object("pandas:DataFrame")
        except ImportError as missing:
            raise Unavailable(
                "run.dataset.frame() needs pandas: name it, with its version, in the file of "
                "--requirements, or take run.dataset.arrays()"
            ) from missing
        return frame(self.arrays(columns))


def described(dataset: ScriptDataset) -> bytes:
    """The dataset as it travels from a job to its script."""
    return msgspec.json.encode(dataset, enc_hook=str)


def dataset_of(said: bytes) -> ScriptDataset:
    """The dataset that was `described`."""
    return msgspec.json.decode(said, type=ScriptDataset, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    return kind(value)
