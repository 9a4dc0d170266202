"""A model's files: checked names, into blobs and out again, and as an atomically written folder."""

import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import Conflict, Corrupt, InvalidInput, NotFound, TooLarge
from lichen.core.ids import digest_of
from lichen.registry.card import model_card
from lichen.registry.manifest import (
    MANIFEST_FILE,
    File,
    Manifest,
    decode_manifest,
    is_unedited,
)
from lichen.store.blobs import BlobStore, flush_folder, write_durably
from lichen.store.failures import storage_failures

CARD_FILE = "README.md"
FOLDER_LIMIT_BYTES = 2 << 30
"""What an exported folder may hold when nothing else is asked for: it is read into memory."""
_RESERVED = frozenset({MANIFEST_FILE, CARD_FILE})
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file of a version."""

    file: str
    problem: str


def check_files(files: Mapping[str, bytes]) -> None:
    """Refuse a version without files, or with a name that cannot stand in an exported folder.

    Raises:
        InvalidInput: which name, and why.
    """
    if not files:
        raise InvalidInput("a model version needs at least one file, and none was given")
    for name in files:
        if name in _RESERVED or not _FILE_NAME.fullmatch(name):
            raise InvalidInput(
                f"a model file cannot be called {name!r}: take letters, digits, '.', '_' or '-', "
                f"and neither {MANIFEST_FILE} nor {CARD_FILE}"
            )


def store_files(blobs: BlobStore, files: Mapping[str, bytes]) -> tuple[File, ...]:
    """Put every file into the blobs, in the order of their names."""
    return tuple(
        File(name, len(content), blobs.put(content)) for name, content in sorted(files.items())
    )


def verify_files(blobs: BlobStore, manifest: Manifest) -> tuple[Finding, ...]:
    """Read every file of a stored version again; what is missing or damaged."""
    findings = []
    for file in manifest.files:
        try:
            blobs.get(file.sha256)
        except (Corrupt, NotFound) as problem:
            findings.append(Finding(file.name, str(problem)))
    return tuple(findings)


def verify_contents(contents: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Check an exported version against its own manifest; one flipped byte in any file is found.

    Raises:
        InvalidInput: there is no readable manifest to check against.
    """
    try:
        manifest = read_manifest(contents)
    except Corrupt as broken:
        return (Finding(MANIFEST_FILE, str(broken)),)
    findings = []
    if not is_unedited(contents[MANIFEST_FILE]):
        findings.append(Finding(MANIFEST_FILE, "was edited after it was written"))
    for file in manifest.files:
        content = contents.get(file.name)
        if content is None:
            findings.append(Finding(file.name, "is missing"))
        elif digest_of(content) != file.sha256:
            findings.append(Finding(file.name, "does not have the digest in the manifest"))
    if contents.get(CARD_FILE) != model_card(manifest).encode():
        findings.append(Finding(CARD_FILE, "is missing, or was edited after it was written"))
    return tuple(findings)


def read_manifest(contents: Mapping[str, bytes]) -> Manifest:
    """The manifest of an exported version.

    Raises:
        InvalidInput: there is none, or it cannot be read.
        Corrupt: its seal is broken.
    """
    if MANIFEST_FILE not in contents:
        raise InvalidInput(
            f"there is no {MANIFEST_FILE} among the files: give a folder that "
            "`lichen models export` wrote"
        )
    return decode_manifest(contents[MANIFEST_FILE])


def read_folder(folder: Path, limit_bytes: int = FOLDER_LIMIT_BYTES) -> dict[str, bytes]:
    """The bytes of every file of an exported version.

    Raises:
        NotFound: there is no such folder.
        TooLarge: its files are over the limit together.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}: give one that `lichen models export` wrote")
    with storage_failures(folder):
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        if size > limit_bytes:
            raise TooLarge(f"{folder} holds {size:,} bytes, and the limit is {limit_bytes:,}")
        return {path.name: path.read_bytes() for path in files}


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make `folder` with these files in it, all or nothing.

    Raises:
        Conflict: something is there already.
        StorageFailed: the disk is full, read-only or broken; nothing was left.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} exists already: choose another folder, or empty it first")
    with storage_failures(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.parent / f".{folder.name}-{secrets.token_hex(6)}"
        try:
            _fill(temporary, contents)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(folder.parent)


def _fill(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in contents.items():
        write_durably(folder / name, (content,))
    flush_folder(folder)
