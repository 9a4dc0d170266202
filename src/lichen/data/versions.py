"""A draft becomes a version: one commit of the record, the pointer, and what belongs with them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from lichen.core.errors import Conflict
from lichen.data.dataset import COLLECTION, DatasetCatalog, DatasetVersion, Latest, version_key
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

Extra = Callable[[DatasetVersion], Sequence[Change]]
"""Further changes that are committed together with a version: a job's completion."""

_ATTEMPTS = 5


class VersionWriter:
    """Numbers drafts and commits them; equal rows under one name are one version."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._catalog = DatasetCatalog(documents)

    def commit(self, draft: DatasetVersion, extra: Extra | None) -> DatasetVersion:
        """The draft as a version, or the version that holds the same rows already.

        Raises:
            Conflict: `draft.parent` is no longer the newest version, or `extra` may not commit.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._try(draft, extra)
            except Conflict:
                # Another file of this name came first: the next number is tried. What was
                # appended to a version that is no longer the newest has to be read again.
                if draft.parent is not None:
                    raise
        return self._try(draft, extra)

    def _try(self, draft: DatasetVersion, extra: Extra | None) -> DatasetVersion:
        pointer = self._documents.get(COLLECTION, draft.name)
        versions = self._catalog.versions(draft.name)
        same = next((kept for kept in reversed(versions) if _same(kept, draft)), None)
        if same is not None:
            if extra is not None:
                self._documents.commit(list(extra(same)))
            return same
        if draft.parent is not None and draft.parent != len(versions):
            raise Conflict(
                f"dataset {draft.name!r} got version {len(versions)} while rows were added to "
                f"version {draft.parent}: append again"
            )
        version = replace(draft, version=len(versions) + 1)
        key = version_key(draft.name, version.version)
        latest = msgspec.json.encode(Latest(version.version))
        self._documents.commit(
            [
                Change(
                    COLLECTION, draft.name, latest, pointer.version if pointer else MUST_NOT_EXIST
                ),
                Change(COLLECTION, key, msgspec.json.encode(version), MUST_NOT_EXIST),
                *(extra(version) if extra else ()),
            ]
        )
        return version


def _same(kept: DatasetVersion, draft: DatasetVersion) -> bool:
    return (kept.parquet_digest, kept.schema, kept.timezone) == (
        draft.parquet_digest,
        draft.schema,
        draft.timezone,
    )
