"""DuckDB, in this process, on one thread, within a memory limit, shut in a scratch folder.

It may touch no file outside that folder, loads no extension and reaches no network; beyond its
memory it spills there.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, LichenError, StorageFailed, TooLarge
from lichen.data.options import Limits
from lichen.store.failures import disk_full, storage_failures

_OUR_MISTAKES = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
_SPILL_FOLDER = "spill"
_PARQUET_ROW_GROUP = 122_880


@dataclass(frozen=True, slots=True)
class Engine:
    """One DuckDB session and the scratch folder it may use; both end together."""

    session: duckdb.DuckDBPyConnection
    folder: Path

    def run(self, sql: str, parameters: list[Any] | None = None) -> None:
        """Execute a statement whose rows nobody wants."""
        with _explained(self.folder):
            self.session.execute(sql, parameters)

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        with _explained(self.folder):
            return self.session.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
        """The first row of a query that has one."""
        return self.rows(sql, parameters)[0]

    def arrays(self, sql: str, parameters: list[Any] | None = None) -> dict[str, NDArray[Any]]:
        """The columns of a query as NumPy arrays; masked where null."""
        with _explained(self.folder):
            return dict(self.session.execute(sql, parameters).fetchnumpy())

    def write_parquet(self, select: str, path: Path, row_group: int = _PARQUET_ROW_GROUP) -> None:
        """Write a query's rows as Parquet: the same rows give the same bytes."""
        self.run(
            f"COPY ({select}) TO '{literal(str(path))}' "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {row_group})"
        )


@contextmanager
def scratch_engine(limits: Limits, scratch: Path | None = None) -> Iterator[Engine]:
    """A session with its own folder under `scratch` (the system's, unless given), removed after."""
    with (
        storage_failures(scratch or Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="lichen-data-", dir=scratch) as name,
    ):
        folder = Path(name).resolve()
        with _session((folder,), folder, limits) as engine:
            yield engine


@contextmanager
def reading_engine(path: Path, limits: Limits) -> Iterator[Engine]:
    """A session that may read the folder of one file and writes nothing."""
    with _session((path.resolve().parent,), None, limits) as engine:
        yield engine


@contextmanager
def working_engine(path: Path, folder: Path, limits: Limits) -> Iterator[Engine]:
    """A session that may read the folder of one file, and read, write and spill in `folder`."""
    own = folder.resolve()
    with _session((own, path.resolve().parent), own, limits) as engine:
        yield engine


@contextmanager
def _session(folders: Sequence[Path], spill: Path | None, limits: Limits) -> Iterator[Engine]:
    """A session that may touch files in `folders`; its own is the first."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": f"{limits.memory_mb}MB",
        "temp_directory": "" if spill is None else str(spill / _SPILL_FOLDER),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    session = duckdb.connect(":memory:", config=config)
    try:
        session.execute("SET TimeZone = 'UTC'")
        allowed = ", ".join(f"'{literal(str(folder))}/'" for folder in folders)
        session.execute(f"SET allowed_directories = [{allowed}]")
        session.execute("SET enable_external_access = false")
        session.execute("SET lock_configuration = true")
        yield Engine(session, folders[0])
    finally:
        session.close()


def literal(text: str) -> str:
    """Text as it stands between single quotes in SQL."""
    return text.replace("'", "''")


def filled(array: NDArray[Any]) -> NDArray[np.float64]:
    """A column of numbers or booleans as float64, NaN where null."""
    values = np.ma.getdata(array).astype(np.float64)
    values[np.ma.getmaskarray(array)] = np.nan
    return values


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as failure:
        raise _no_memory(failure, folder) from failure
    except duckdb.IOException as failure:
        raise _disk(failure, folder) from failure
    except _OUR_MISTAKES:
        raise
    except duckdb.Error as failure:
        first = str(failure).partition("\n")[0]
        raise InvalidInput(f"the file could not be read ({first}): check it and try again") from (
            failure
        )


def _no_memory(failure: duckdb.Error, folder: Path) -> LichenError:
    if any(sign in str(failure) for sign in ("max_temp_directory_size", "offload", "No space")):
        return _disk(failure, folder)
    return TooLarge(
        "the file needs more memory than the limit `memory_mb` allows: split it, or leave some "
        "columns out"
    )


def _disk(failure: duckdb.Error, folder: Path) -> StorageFailed:
    if "No space left" in str(failure) or "offload" in str(failure):
        return disk_full(folder)
    first = str(failure).partition("\n")[0]
    return StorageFailed(
        f"the scratch folder {folder} failed ({first}): free some space there and try again; "
        "nothing half-written was left"
    )
