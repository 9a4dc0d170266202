"""Models, their versions and aliases: the one way into and out of the registry.

A version is committed once its files rest safely: blobs first, then ONE commit of documents that
holds the manifest, the model's pointer, the job's registration, and whatever the caller adds. So a
crash at any instruction leaves the whole version or none, and at most some blobs that nobody names.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, InvalidInput, NotFound
from lichen.core.ids import JobId, ModelReference, checked_name
from lichen.registry.bundle import (
    CARD_FILE,
    Finding,
    check_files,
    store_files,
    verify_files,
    write_folder,
)
from lichen.registry.card import model_card
from lichen.registry.manifest import (
    MANIFEST_FILE,
    Draft,
    File,
    Manifest,
    check_draft,
    encode_manifest,
    numbered,
)
from lichen.registry.records import ModelEntry, Records
from lichen.store.blobs import BlobStore
from lichen.store.documents import MUST_NOT_EXIST, SCAN_LIMIT, Change, DocumentStore

LATEST = "latest"
"""The alias that every model has: its newest version."""

Extra = Sequence[Change] | Callable[[Manifest], Sequence[Change]]
"""What is committed with a version: changes, or what makes them once the version has a number."""


class Catalog:
    """The registry over a document store and a blob store."""

    def __init__(self, documents: DocumentStore, blobs: BlobStore, clock: Clock) -> None:
        self._records = Records(documents)
        self._blobs = blobs
        self._clock = clock

    def register(self, draft: Draft, files: Mapping[str, bytes], extra: Extra = ()) -> Manifest:
        """Make the draft the next version of its model; `extra` is committed with it.

        Changes that name the version are made by a function: its number is known only inside the
        commit, and a lost race asks for them again. A job that registered already gets its first
        manifest back, and `extra` is left alone: it was committed with that version.

        Raises:
            InvalidInput: the draft or a file's name is not usable.
            Conflict: a document of `extra` is not in the state that it expects (the job was
                cancelled, or another attempt holds the fence); no version was made.
            StorageFailed: the disk is full, read-only or broken; no version was made.
        """
        check_draft(draft)
        check_files(files)
        if (earlier := self.registered(draft.job_id)) is not None:
            return earlier
        stored = store_files(self._blobs, files)
        while True:
            entry, seen = self._records.entry(draft.model)
            manifest = numbered(draft, entry.latest + 1, stored, self._clock.now())
            changes = extra(manifest) if callable(extra) else extra
            if self._records.add(manifest, entry, seen, changes):
                return manifest
            if (earlier := self.registered(draft.job_id)) is not None:
                return earlier

    def registered(self, job_id: JobId | None) -> Manifest | None:
        """The version that a job registered, if it did."""
        return self._records.registered(job_id)

    def resolve(self, reference: ModelReference) -> Manifest:
        """The version that `NAME@V`, `NAME@ALIAS` or `NAME` names.

        Raises:
            NotFound: no such model, alias or version.
        """
        entry = self.model(reference.name)
        version = reference.version
        if version is None:
            version = _aliased(entry, reference.which)
        manifest = self._records.manifest(reference.name, version)
        if manifest is None:
            raise NotFound(
                f"model {reference.name!r} has no version {version}; its newest is {entry.latest}"
            )
        return manifest

    def model(self, name: str) -> ModelEntry:
        """One model.

        Raises:
            NotFound: there is none of that name.
        """
        entry, seen = self._records.entry(name)
        if seen == MUST_NOT_EXIST:
            raise NotFound(f"there is no model {name!r}: `lichen models ls` lists those there are")
        return entry

    def models(self, after: str = "", limit: int = SCAN_LIMIT) -> tuple[ModelEntry, ...]:
        """Models in the order of their names, those after `after`."""
        return self._records.entries(after, limit)

    def versions(self, name: str, after: int = 0, limit: int = SCAN_LIMIT) -> tuple[Manifest, ...]:
        """The versions of a model, oldest first, those after `after`.

        Raises:
            NotFound: there is no such model.
        """
        self.model(name)
        return self._records.manifests(name, after, limit)

    def set_alias(self, name: str, alias: str, version: int) -> ModelEntry:
        """Point an alias at a version, in place of where it pointed.

        Raises:
            InvalidInput: the alias is a number, `latest`, or no usable name.
            NotFound: no such model or version.
        """
        checked_name(alias, "alias")
        if alias == LATEST or alias.isdigit():
            raise InvalidInput(f"{alias!r} cannot be an alias: it already names a version")
        self.resolve(ModelReference(name, str(version)))
        return self._records.point(name, alias, version)

    def read(self, manifest: Manifest, filename: str) -> bytes:
        """One file of a version, verified.

        Raises:
            NotFound: the version has no such file.
            Corrupt: the stored bytes are damaged.
        """
        return self._blobs.get(_file(manifest, filename).sha256)

    def path(self, manifest: Manifest, filename: str) -> Path:
        """Where one file of a version rests, to be read only; not verified.

        Raises:
            NotFound: the version has no such file.
        """
        return self._blobs.path(_file(manifest, filename).sha256)

    def verify(self, manifest: Manifest) -> tuple[Finding, ...]:
        """What is damaged or missing of a version, its manifest included; nothing when sound."""
        findings = verify_files(self._blobs, manifest)
        try:
            stored = self._records.manifest(manifest.model, manifest.version)
        except (Corrupt, InvalidInput) as broken:
            return (Finding(MANIFEST_FILE, str(broken)), *findings)
        if stored != manifest:
            return (Finding(MANIFEST_FILE, "is not what the registry holds"), *findings)
        return findings

    def contents(self, manifest: Manifest) -> dict[str, bytes]:
        """Every file of an exported version: the manifest, the card, and the model's own.

        Raises:
            Corrupt: a stored file is damaged.
        """
        return {
            MANIFEST_FILE: encode_manifest(manifest),
            CARD_FILE: model_card(manifest).encode(),
            **{file.name: self._blobs.get(file.sha256) for file in manifest.files},
        }

    def export(self, manifest: Manifest, folder: Path) -> None:
        """Write a version as a folder, all or nothing.

        Raises:
            Conflict: something is there already.
            Corrupt: a stored file is damaged.
            StorageFailed: the disk is full, read-only or broken; nothing was left.
        """
        write_folder(folder, self.contents(manifest))


def _aliased(entry: ModelEntry, alias: str) -> int:
    if alias == LATEST:
        return entry.latest
    if alias not in entry.aliases:
        known = ", ".join(sorted(entry.aliases)) or "none"
        raise NotFound(f"model {entry.name!r} has no alias {alias!r}; its aliases are: {known}")
    return entry.aliases[alias]


def _file(manifest: Manifest, filename: str) -> File:
    file = manifest.file(filename)
    if file is None:
        known = ", ".join(file.name for file in manifest.files)
        raise NotFound(f"{manifest.reference} has no file {filename!r}; its files are: {known}")
    return file
