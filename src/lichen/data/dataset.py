"""Dataset versions as the store keeps them. Imports neither NumPy nor DuckDB."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from lichen.core.errors import NotFound
from lichen.core.ids import Digest
from lichen.data.findings import Finding
from lichen.data.options import IngestOptions
from lichen.data.schema import Schema
from lichen.store.documents import DocumentStore, scan_all

COLLECTION = "datasets"


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Summary statistics of one column: what drift compares.

    `quantiles` are those at 0, 10, ..., 100 %, of the values that are there; numbers are absent
    for text. `distinct` is approximate above a few thousand.
    """

    column: str
    count: int
    missing: int
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One immutable version of a dataset; the rows are the Parquet blob of `parquet_digest`.

    `frequency` is an ISO 8601 duration (`PT30M`, `P1M`); `step_seconds` is absent where the step
    is no fixed number of seconds (calendar months, irregular, no time column). `start` and `end`
    are the first and last stamp, UTC. `source_digest` is of the file that was read, for an
    append of the file that was added.
    """

    name: str
    version: int
    schema: Schema
    rows: int
    frequency: str | None
    step_seconds: int | None
    timezone: str
    start: datetime | None
    end: datetime | None
    series: tuple[str, ...]
    source: str
    source_digest: Digest
    parquet_digest: Digest
    parquet_bytes: int
    findings: tuple[Finding, ...]
    profile: tuple[ColumnProfile, ...]
    options: IngestOptions
    parent: int | None
    created_at: datetime

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Latest:
    """What the key `NAME` points at."""

    version: int


def version_key(name: str, version: int) -> str:
    """The document key of one version; keys sort by number."""
    return f"{name}@{version:06d}"


class DatasetCatalog:
    """Looks dataset versions up; cheap enough for a process that never reads rows."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def names(self) -> tuple[str, ...]:
        """The names of all datasets, sorted."""
        every = scan_all(self._documents, COLLECTION)
        return tuple(document.key for document in every if "@" not in document.key)

    def versions(self, name: str) -> tuple[DatasetVersion, ...]:
        """All versions of one dataset, the oldest first; empty when there is none."""
        latest = self.latest(name)
        return tuple(self.get(name, number) for number in range(1, latest + 1))

    def latest(self, name: str) -> int:
        """The newest version's number; 0 when there is no such dataset."""
        document = self._documents.get(COLLECTION, name)
        if document is None:
            return 0
        return msgspec.json.decode(document.body, type=Latest).version

    def get(self, name: str, version: int | None = None) -> DatasetVersion:
        """One version, the newest unless a number is given.

        Raises:
            NotFound: there is no such dataset or version; the message says what there is.
        """
        newest = self.latest(name)
        if newest == 0:
            known = ", ".join(self.names()) or "none yet"
            raise NotFound(f"no dataset is called {name!r}; there are: {known}")
        wanted = newest if version is None else version
        document = self._documents.get(COLLECTION, version_key(name, wanted))
        if document is None:
            raise NotFound(f"dataset {name!r} has no version {wanted}: its newest is {newest}")
        return msgspec.json.decode(document.body, type=DatasetVersion)
