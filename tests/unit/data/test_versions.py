from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lichen.core.errors import Conflict
from lichen.core.ids import Digest
from lichen.data.dataset import DatasetCatalog, DatasetVersion
from lichen.data.options import IngestOptions
from lichen.data.schema import Schema
from lichen.data.versions import VersionWriter
from lichen.store.documents import Change, MemoryDocuments

DRAFT = DatasetVersion(
    name="vic",
    version=0,
    schema=Schema(()),
    rows=1,
    frequency=None,
    step_seconds=None,
    timezone="UTC",
    start=None,
    end=None,
    series=(),
    source="f.csv",
    source_digest=Digest("0" * 64),
    parquet_digest=Digest("1" * 64),
    parquet_bytes=9,
    findings=(),
    profile=(),
    options=IngestOptions(),
    parent=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
OTHER = replace(DRAFT, parquet_digest=Digest("2" * 64))


class _Raced(MemoryDocuments):
    """Another writer commits just before our first commit."""

    raced = False

    def commit(self, changes: Sequence[Change]) -> int:
        if not self.raced:
            self.raced = True
            VersionWriter(self).commit(OTHER, None)
        return super().commit(changes)


def test_two_writers_of_one_name_get_two_versions() -> None:
    documents = _Raced()
    assert VersionWriter(documents).commit(DRAFT, None).version == 2
    kept = DatasetCatalog(documents).versions("vic")
    assert [version.parquet_digest for version in kept] == ["2" * 64, "1" * 64]


def test_an_append_to_a_version_that_is_no_longer_newest_is_refused() -> None:
    documents = MemoryDocuments()
    writer = VersionWriter(documents)
    writer.commit(DRAFT, None)
    writer.commit(OTHER, None)
    late = replace(DRAFT, parent=1, parquet_digest=Digest("3" * 64))
    with pytest.raises(Conflict, match="got version 2 while rows were added to version 1"):
        writer.commit(late, None)
    assert DatasetCatalog(documents).latest("vic") == 2
