"""A Parquet file as CSV on standard output: `python -m lichen.carbon.grids.parquet_text FILE`.

A process of its own, so that DuckDB is in none that stays; times with an offset come out in UTC.
A file that would be too much is refused by what its footer says, before any of it is expanded.
"""

import sys
from collections.abc import Sequence

import duckdb

MOST_ROWS = 4_000_000
"""A value a minute for seven and a half years."""
MOST_EXPANDED_BYTES = 512 * 2**20
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "temp_directory": "",
}


def main(arguments: Sequence[str]) -> int:
    """Print the file, or one sentence on standard error."""
    path = arguments[0]
    try:
        with duckdb.connect(config=_CONFIG) as connection:
            refusal = _refusal(connection, path)
            if refusal is None:
                connection.execute("SET TimeZone = 'UTC'")
                connection.read_parquet(path).write_csv("/dev/stdout")
    except duckdb.Error as damage:
        refusal = f"{damage}".partition("\n")[0]
    if refusal is None:
        return 0
    sys.stderr.write(refusal)
    return 1


def _refusal(connection: duckdb.DuckDBPyConnection, path: str) -> str | None:
    rows = _number(connection, "SELECT sum(num_rows) FROM parquet_file_metadata(?)", path)
    if rows > MOST_ROWS:
        return f"it has {rows} rows; a series of intensities has at most {MOST_ROWS}"
    expanded = _number(
        connection, "SELECT sum(total_uncompressed_size) FROM parquet_metadata(?)", path
    )
    if expanded > MOST_EXPANDED_BYTES:
        return f"it expands to {expanded} bytes; at most {MOST_EXPANDED_BYTES} are read"
    return None


def _number(connection: duckdb.DuckDBPyConnection, question: str, path: str) -> int:
    row = connection.execute(question, [path]).fetchone()
    return int(row[0] or 0) if row else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
