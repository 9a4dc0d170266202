"""The registry's documents: pointers to models, manifests of versions, registrations of jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from lichen.core.errors import Conflict
from lichen.core.ids import JobId
from lichen.registry.manifest import Manifest, decode_manifest, encode_manifest
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

MODELS = "models"
"""Collection: a model's name -> its ModelEntry."""
VERSIONS = "model-versions"
"""Collection: `name@000001` -> the bytes of its `lichen.json`."""
REGISTRATIONS = "registrations"
"""Collection: a job's id -> the key of the version that it registered."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model: its newest version and where its aliases point."""

    name: str
    latest: int
    aliases: Mapping[str, int] = field(default_factory=dict)


def _version_key(model: str, version: int) -> str:
    return f"{model}@{version:06d}"


class Records:
    """Models and versions as documents; knows no files."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def entry(self, name: str) -> tuple[ModelEntry, int]:
        """A model and its document's version; an entry without versions when there is none."""
        document = self._documents.get(MODELS, name)
        if document is None:
            return ModelEntry(name, 0), MUST_NOT_EXIST
        return msgspec.json.decode(document.body, type=ModelEntry), document.version

    def entries(self, after: str, limit: int) -> tuple[ModelEntry, ...]:
        """Models in the order of their names."""
        found = self._documents.scan(MODELS, after, limit)
        return tuple(msgspec.json.decode(document.body, type=ModelEntry) for document in found)

    def manifest(self, name: str, version: int) -> Manifest | None:
        """One version, None when there is none."""
        return self._at(_version_key(name, version))

    def manifests(self, name: str, after: int, limit: int) -> tuple[Manifest, ...]:
        """The versions of a model, oldest first."""
        start = _version_key(name, after)
        found = self._documents.scan(VERSIONS, start, limit, prefix=f"{name}@")
        return tuple(decode_manifest(document.body) for document in found)

    def registered(self, job_id: JobId | None) -> Manifest | None:
        """The version that a job registered, if it did."""
        document = self._documents.get(REGISTRATIONS, job_id) if job_id else None
        return self._at(document.body.decode()) if document else None

    def _at(self, key: str) -> Manifest | None:
        document = self._documents.get(VERSIONS, key)
        return decode_manifest(document.body) if document else None

    def add(
        self, manifest: Manifest, entry: ModelEntry, seen: int, extra: Sequence[Change]
    ) -> bool:
        """Commit a version, and `extra` with it; False when another commit came in between.

        `entry` and `seen` are the model and its document's version when the manifest was numbered.

        Raises:
            Conflict: a document of `extra` is not in the state that it expects.
        """
        key = _version_key(manifest.model, manifest.version)
        newest = msgspec.json.encode(replace(entry, latest=manifest.version))
        changes = [
            Change(VERSIONS, key, encode_manifest(manifest), MUST_NOT_EXIST),
            Change(MODELS, manifest.model, newest, seen),
            *extra,
        ]
        if manifest.job_id:
            job = Change(REGISTRATIONS, manifest.job_id, key.encode(), MUST_NOT_EXIST)
            changes.append(job)
        try:
            self._documents.commit(changes)
        except Conflict:
            _, now = self.entry(manifest.model)
            if now == seen and self.registered(manifest.job_id) is None:
                raise  # ours was in order: it is a document of `extra` that is not
            return False
        return True

    def point(self, name: str, alias: str, version: int) -> ModelEntry:
        """Let an alias of an existing model name a version."""
        while True:
            entry, seen = self.entry(name)
            changed = replace(entry, aliases={**entry.aliases, alias: version})
            try:
                self._documents.commit([Change(MODELS, name, msgspec.json.encode(changed), seen)])
            except Conflict:
                continue
            return changed
