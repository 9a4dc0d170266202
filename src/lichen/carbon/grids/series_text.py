"""The text of a file of intensities, CSV or Parquet, never more than a bounded share of memory.

A file of 64 MiB holds each quarter of an hour of half a century; what is larger is another thing.
"""

import subprocess
import sys
from pathlib import Path

from lichen.core.errors import InvalidInput, NotFound

PARQUET_TO_TEXT = "lichen.carbon.grids.parquet_text"
MOST_BYTES = 64 * 2**20
"""Of a file, and of what a Parquet file is as text."""
_MOST_COMPLAINT_CHARACTERS = 500


def text_of(path: Path) -> str:
    """The file as CSV; a Parquet file is turned into it by a process that ends again.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is too large, or neither UTF-8 nor Parquet.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise _too_large(path, f"has {size} bytes")
            if path.suffix.lower() == ".parquet":
                return _text_of_parquet(path)
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:  # it grew, or is no regular file
            raise _too_large(path, f"has more than {MOST_BYTES} bytes")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"there is no intensity file {path}: check the path") from None
    except (OSError, UnicodeDecodeError) as failure:
        raise InvalidInput(f"{path} cannot be read as UTF-8 CSV or Parquet: {failure}") from None


def _text_of_parquet(path: Path) -> str:
    """What is expanded beyond the bound is not waited for, whatever the file says of itself."""
    command = [sys.executable, "-m", PARQUET_TO_TEXT, str(path)]
    with subprocess.Popen(  # noqa: S603 - ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None  # noqa: S101 - piped above
        assert process.stderr is not None  # noqa: S101 - piped above
        content = process.stdout.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            process.kill()
            raise _too_large(path, f"is more than {MOST_BYTES} bytes as text")
        complaint = process.stderr.read().decode(errors="replace").strip()
    if "No module named 'duckdb'" in complaint:
        raise InvalidInput(
            f"{path} is Parquet, which needs DuckDB: `pip install 'lichen[all]'`, or give a CSV"
        )
    if process.returncode:
        said = complaint[:_MOST_COMPLAINT_CHARACTERS]
        raise InvalidInput(f"{path} cannot be read as Parquet: {said}")
    return content.decode()


def _too_large(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        f"{path} {what}; a file of intensities has at most {MOST_BYTES} (64 MiB): "
        "keep its time and one column of gCO2e/kWh, or give the last years alone"
    )
