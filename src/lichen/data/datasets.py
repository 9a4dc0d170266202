"""Datasets with their rows: files in, immutable versions kept, tables out. Needs DuckDB."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, InvalidInput
from lichen.core.ids import checked_name
from lichen.data.append import prepare_append
from lichen.data.checks import check_rows
from lichen.data.dataset import (
    ColumnProfile,
    DatasetCatalog,
    DatasetVersion,
)
from lichen.data.engine import Engine, scratch_engine
from lichen.data.findings import Finding
from lichen.data.frames import Cut, read_table
from lichen.data.images.ingest import SUFFIXES, prepare_images
from lichen.data.ingest import Prepared, prepare
from lichen.data.options import IngestOptions, Limits
from lichen.data.profile import Span, profile_columns, span_of
from lichen.data.schema import Role
from lichen.data.stored import stored_rows, write_rows
from lichen.data.table import Table
from lichen.data.versions import Extra, VersionWriter
from lichen.store.blobs import BlobStore, digest_of_file
from lichen.store.documents import DocumentStore


@dataclass(frozen=True, slots=True)
class _Described:
    span: Span
    profile: tuple[ColumnProfile, ...]
    findings: tuple[Finding, ...]


class Datasets:
    """Every dataset of a store.

    `scratch` is the folder under which files are staged and DuckDB spills, best under the home;
    the system's temporary folder unless given.
    """

    def __init__(
        self,
        documents: DocumentStore,
        blobs: BlobStore,
        clock: Clock,
        scratch: Path | None = None,
    ) -> None:
        self._writer = VersionWriter(documents)
        self._blobs = blobs
        self._clock = clock
        self._scratch = scratch
        self.catalog = DatasetCatalog(documents)

    def ingest(
        self,
        name: str,
        path: Path,
        options: IngestOptions | None = None,
        extra: Extra | None = None,
    ) -> DatasetVersion:
        """Read a file into a version; the existing one when the same rows are there already.

        Raises:
            InvalidInput: the name, the file or an option is wrong; nothing was stored.
            StorageFailed: the disk is full, read-only or broken; nothing half-written was left.
        """
        checked_name(name, "dataset")
        chosen = options or IngestOptions()
        with scratch_engine(chosen.limits, self._scratch) as engine:
            reads = prepare_images if path.suffix.lower() in SUFFIXES else prepare
            prepared = reads(engine, path, chosen)
            draft = self._draft(engine, name, prepared, parent=None)
        return self._writer.commit(draft, extra)

    def append(
        self, name: str, path: Path, limits: Limits | None = None, extra: Extra | None = None
    ) -> DatasetVersion:
        """Add a file's rows to the newest version, as a new version.

        The file is read the way the dataset's first file was.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: a column is missing, new or of another type, or a time is there already.
            Conflict: another append came first.
        """
        base = self.get(name)
        _refuse_images(base)
        options = replace(base.options, limits=limits or base.options.limits)
        with scratch_engine(options.limits, self._scratch) as engine:
            old = self._stage(engine, base)
            prepared = prepare_append(engine, path, options, base.schema, old)
            draft = self._draft(engine, name, prepared, parent=base.version)
        return self._writer.commit(draft, extra)

    def get(self, name: str, version: int | None = None) -> DatasetVersion:
        """One version's record, the newest unless a number is given; see DatasetCatalog."""
        return self.catalog.get(name, version)

    def names(self) -> tuple[str, ...]:
        """The names of all datasets."""
        return self.catalog.names()

    def read(
        self,
        version: DatasetVersion,
        columns: Sequence[str] | None = None,
        until: datetime | None = None,
    ) -> Table:
        """The rows of a version before `until`, sorted by series and time.

        Raises:
            InvalidInput: there is no such column; Corrupt: the blob is damaged.
        """
        return read_table(self.file(version), version.schema, columns, Cut(until=until))

    def newest(self, version: DatasetVersion, columns: Sequence[str] | None, rows: int) -> Table:
        """The newest rows of every series of a version, sorted by series and time.

        Raises:
            InvalidInput: there is no such column, or fewer rows are asked for than one.
        """
        if rows < 1:
            raise InvalidInput(f"{rows} newest rows are none: ask for 1 or more")
        return read_table(self.file(version), version.schema, columns, Cut(newest=rows))

    def check(
        self, version: DatasetVersion, targets: Sequence[str] = (), known: Sequence[str] = ()
    ) -> tuple[Finding, ...]:
        """The findings about a version, looked at anew for other targets and known covariates."""
        roles = {**dict.fromkeys(known, Role.KNOWN), **dict.fromkeys(targets, Role.TARGET)}
        for name in roles:
            version.schema.column(name)
        columns = tuple(
            replace(column, role=roles.get(column.name, column.role)) for column in version.schema
        )
        schema = replace(version.schema, columns=columns)
        with scratch_engine(version.options.limits, self._scratch) as engine:
            layout = stored_rows(engine, schema, version.timezone, self._stage(engine, version))
            span, profile = span_of(engine, layout), profile_columns(engine, layout)
            return check_rows(engine, layout, span, profile)

    def file(self, version: DatasetVersion) -> Path:
        """The version's Parquet file, verified: to be read, never written.

        Raises:
            Corrupt: it does not have its digest.
        """
        path = self._blobs.path(version.parquet_digest)
        if digest_of_file(path) != version.parquet_digest:
            raise Corrupt(
                f"the rows of dataset {version} are damaged: restore {path} from a backup, "
                "or add the file again"
            )
        return path

    def _stage(self, engine: Engine, version: DatasetVersion) -> Path:
        """A copy of the version's Parquet file where the engine may read it."""
        staged = engine.folder / "stored.parquet"
        shutil.copyfile(self.file(version), staged)
        return staged

    def _draft(
        self, engine: Engine, name: str, prepared: Prepared, parent: int | None
    ) -> DatasetVersion:
        layout = prepared.layout
        described = _describe(engine, prepared)
        parquet = engine.folder / "rows.parquet"
        write_rows(engine, layout, parquet)
        frequency = described.span.frequency
        return DatasetVersion(
            name=name,
            version=0,
            schema=layout.schema,
            rows=prepared.rows,
            frequency=frequency.iso if frequency else None,
            step_seconds=frequency.seconds if frequency else None,
            timezone=layout.timezone,
            start=described.span.start,
            end=described.span.end,
            series=described.span.series,
            source=prepared.file.name,
            source_digest=prepared.file.digest,
            parquet_digest=self._blobs.put_file(parquet),
            parquet_bytes=parquet.stat().st_size,
            findings=described.findings,
            profile=described.profile,
            options=prepared.options,
            parent=parent,
            created_at=self._clock.now(),
        )


def _refuse_images(base: DatasetVersion) -> None:
    if base.schema.images:
        raise InvalidInput(
            f"dataset {base.name!r} holds images, which are not appended to: add all of them "
            "again, and they become its next version"
        )


def _describe(engine: Engine, prepared: Prepared) -> _Described:
    span, profile = span_of(engine, prepared.layout), profile_columns(engine, prepared.layout)
    findings = check_rows(engine, prepared.layout, span, profile)
    return _Described(span, profile, (*prepared.notes, *findings))
