"""A Parquet file as CSV on standard output: `python -m lichen.carbon.grids.parquet_text FILE`.

A process of its own, so that DuckDB is in none that stays; times with an offset come out in UTC.
"""

import sys
from collections.abc import Sequence

import duckdb


def main(arguments: Sequence[str]) -> int:
    """Print the file, or one sentence on standard error."""
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.read_parquet(arguments[0]).write_csv("/dev/stdout")
    except duckdb.Error as damage:
        sys.stderr.write(f"{damage}".partition("\n")[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
