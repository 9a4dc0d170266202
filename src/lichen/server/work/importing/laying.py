"""What was uploaded, as files of a folder: a tar is unpacked, with suspicion."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import LARGEST_BYTES, MOST_FILES, Source, laid_out
from lichen.store.failures import storage_failures
from lichen.store.tars import BoundedHeader

_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


def laid(upload: Path, filename: str, folder: Path) -> Source:
    """The source of an upload.

    Args:
        upload: the bytes that came.
        filename: what it was called.
        folder: where its files are laid; emptied first.

    Raises:
        InvalidInput: a tar holds links, devices or paths outside; or there is nothing.
        TooLarge: it holds more than any model.
        StorageFailed: the disk is full.
    """
    name = PurePosixPath(filename.replace("\\", "/")).name or "model"
    with storage_failures(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if _is_tar(upload):
            _unpack(upload, folder)
            return laid_out(_within(folder), _bare(name))
        shutil.copyfile(upload, folder / name)
    if not (folder / name).stat().st_size:
        raise InvalidInput(f"{name} is empty: save the model again")
    return laid_out(folder, name)


def _is_tar(upload: Path) -> bool:
    try:
        with tarfile.open(upload, tarinfo=BoundedHeader):
            return True
    except (tarfile.TarError, EOFError, OSError):
        return False


def _bare(name: str) -> str:
    suffix = next((one for one in _ARCHIVES if name.lower().endswith(one)), "")
    return name[: len(name) - len(suffix)] or name


def _within(folder: Path) -> Path:
    """A single folder around everything is stepped into."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack(packed: Path, folder: Path) -> None:
    size = count = 0
    try:
        with tarfile.open(packed, tarinfo=BoundedHeader) as tar:
            for member in tar:
                size, count = size + member.size, count + 1
                if member.isdir() and count <= MOST_FILES:
                    continue
                _check(member, size, count)
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError) as problem:
        raise InvalidInput(
            f"the tar cannot be unpacked ({problem}): pack the folder again"
        ) from problem


def _check(member: tarfile.TarInfo, size: int, count: int) -> None:
    if not member.isfile() and not member.isdir():
        raise InvalidInput(
            f"the tar holds {member.name}, a link or a device: pack the model's files alone"
        )
    if ".." in PurePosixPath(member.name).parts:
        raise InvalidInput(f"the tar holds {member.name}, a path outside: pack the folder again")
    if size > LARGEST_BYTES or count > MOST_FILES:
        raise TooLarge(
            f"the tar holds more than {LARGEST_BYTES:,} bytes or {MOST_FILES:,} files, the limit: "
            "pack the model's files alone"
        )
