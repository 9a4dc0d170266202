"""Where the columns of a schema stand in the engine's table `rows`.

The table holds `n` (the row's number from 1, by series and time), `utc` (seconds since 1970),
`label` (the series, '' without one) and one key for each other column.
"""

from dataclasses import dataclass

from lichen.data.schema import Dtype, Schema

ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Layout:
    """A schema, and the key in `rows` of each of its columns; the time column's is `utc`."""

    schema: Schema
    keys: tuple[str, ...]
    timezone: str

    def key(self, name: str) -> str:
        """The key of a column."""
        return self.keys[self.schema.names.index(name)]

    def numeric(self) -> tuple[tuple[str, str], ...]:
        """Name and SQL of every column of numbers or booleans, as DOUBLE."""
        return tuple(
            (c.name, self.key(c.name) + ("" if c.dtype is Dtype.NUMBER else "::INTEGER::DOUBLE"))
            for c in self.schema.numeric
        )
