"""What a file of rows is, by its name and its first bytes: decided without reading it."""

from pathlib import Path

from lichen.core.errors import InvalidInput

CSV, PARQUET = "csv", "parquet"
FORMATS = {".csv": CSV, ".tsv": CSV, ".txt": CSV, ".parquet": PARQUET, ".pq": PARQUET}
"""What a file is by the ending of its name."""
PARQUET_MARK = b"PAR1"
LONGEST_NAME = 200


def form_of(filename: str) -> str:
    """Whether a file is CSV or Parquet.

    Raises:
        InvalidInput: it is called neither, or its name can be no file's.
    """
    if len(filename) > LONGEST_NAME or not filename.isprintable():
        raise InvalidInput(
            f"the file's name is not usable: take up to {LONGEST_NAME} printable characters"
        )
    found = FORMATS.get(Path(filename).suffix.lower())
    if found is None:
        raise InvalidInput(
            f"{Path(filename).name} is neither CSV (.csv) nor Parquet (.parquet): convert it first"
        )
    return found


def check_start(filename: str, start: bytes) -> None:
    """Refuse a file that is not what it is called, by its first bytes.

    Raises:
        InvalidInput: it is empty, or called Parquet and none.
    """
    name = Path(filename).name
    if not start:
        raise InvalidInput(f"{name} is empty: it needs rows, and a CSV a header line")
    if form_of(filename) == PARQUET and not start.startswith(PARQUET_MARK):
        raise InvalidInput(
            f"{name} is called {Path(name).suffix} and is no Parquet file: give it the extension "
            "of what it is"
        )
