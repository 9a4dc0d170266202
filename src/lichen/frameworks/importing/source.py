"""What was given to be imported: files in a folder, looked at by their content and never run."""

import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lichen.core.errors import InvalidInput, TooLarge

LARGEST_BYTES = 8 * 2**30
"""Of all files, and of what an archive among them unpacks to."""
MOST_FILES = 20_000
LARGEST_RATIO = 200
"""An archive that unpacks to more than so many times its size is a trap; so small ones may."""
_SMALL_BYTES = 64 * 2**20
ZIP_MAGIC, HDF5_MAGIC = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a model as they came.

    Attributes:
        folder: where they lie; nothing but they.
        name: what was uploaded was called: of the one file, or of the folder.
        names: of all files, relative to the folder, in order, with `/`.
    """

    folder: Path
    name: str
    names: tuple[str, ...] = field(default=())

    @property
    def only(self) -> str | None:
        """The name of the file, if there is one alone."""
        return self.names[0] if len(self.names) == 1 else None

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.folder / name

    def has(self, *names: str) -> bool:
        """Are these among the files?"""
        return set(names) <= set(self.names)

    def ending(self, *suffixes: str) -> tuple[str, ...]:
        """The files whose names end so, whatever the case."""
        return tuple(name for name in self.names if name.lower().endswith(suffixes))

    def head(self, name: str, size: int = 64) -> bytes:
        """The first bytes of a file."""
        with self.path(name).open("rb") as file:
            return file.read(size)

    def read(self, name: str, most_bytes: int = LARGEST_BYTES) -> bytes:
        """A whole file.

        Raises:
            InvalidInput: there is no such file.
            TooLarge: it is larger than it may be.
        """
        path = self.path(name)
        if name not in self.names:
            raise InvalidInput(f"{self.name} has no file {name}: give the whole folder")
        if path.stat().st_size > most_bytes:
            raise TooLarge(f"{name} is over {most_bytes:,} bytes: it is no such file")
        return path.read_bytes()

    def size_bytes(self) -> int:
        """Of all files."""
        return sum(self.path(name).stat().st_size for name in self.names)

    def members(self, name: str) -> tuple[str, ...]:
        """The names within a zip archive; empty where the file is none.

        Raises:
            InvalidInput: it is a damaged archive, or one made to fill the disk.
        """
        if self.head(name, 4) != ZIP_MAGIC:
            return ()
        with opened_zip(self.path(name)) as archive:
            return tuple(archive.namelist())


def laid_out(folder: Path, name: str) -> Source:
    """The source of what lies in a folder.

    Raises:
        InvalidInput: there is nothing in it, a link, or more files than any model has.
        TooLarge: its files are larger together than any model.
    """
    names = tuple(sorted(_files_below(folder)))
    source = Source(folder, name, names)
    if not names:
        raise InvalidInput(f"{name} holds no file: give a model's file or folder")
    if len(names) > MOST_FILES:
        raise InvalidInput(f"{name} holds over {MOST_FILES:,} files: give a model's folder alone")
    if source.size_bytes() > LARGEST_BYTES:
        raise TooLarge(f"{name} is over {LARGEST_BYTES:,} bytes, the limit: import a smaller one")
    return source


def _files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        shown = path.relative_to(folder).as_posix()
        if not stat.S_ISREG(mode):
            raise InvalidInput(f"{shown} is a link or a device: give the files themselves")
        yield shown


def opened_zip(path: Path) -> zipfile.ZipFile:
    """An archive whose directory is sound: no trap, no path outside, no name twice.

    What its directory says of sizes may be a lie: read members by `zip_member`.

    Raises:
        InvalidInput: it is damaged, or made to do harm.
    """
    return _sound(path, path.name, path.stat().st_size)


def opened_inner_zip(content: bytes, shown: str) -> zipfile.ZipFile:
    """The same of an archive that is a member of another, called as `shown`.

    Raises:
        InvalidInput: it is damaged, or made to do harm.
    """
    return _sound(io.BytesIO(content), shown, len(content))


def _sound(file: Path | io.BytesIO, shown: str, packed: int) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidInput(f"{shown} is a damaged zip archive ({error}): save it again") from error
    try:
        _check_directory(archive, shown, packed)
    except BaseException:
        archive.close()
        raise
    return archive


def _check_directory(archive: zipfile.ZipFile, shown: str, packed: int) -> None:
    members = archive.infolist()
    names = [one.filename for one in members]
    unpacked = sum(one.file_size for one in members)
    if len(members) > MOST_FILES or len(set(names)) < len(names):
        raise InvalidInput(f"{shown} holds too many files, or one twice: save the model again")
    if unpacked > LARGEST_BYTES or (unpacked > _SMALL_BYTES and unpacked > LARGEST_RATIO * packed):
        raise InvalidInput(
            f"{shown} would unpack from {packed:,} to {unpacked:,} bytes, as no model does: "
            "it is refused as a zip bomb"
        )
    for one in members:
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or one.filename.startswith(("/", "\\")) or one.flag_bits & 1:
            raise InvalidInput(
                f"{shown} holds {one.filename!r}, a path outside or an encrypted file: save "
                "the model again"
            )


def zip_member(archive: zipfile.ZipFile, name: str, most_bytes: int = LARGEST_BYTES) -> bytes:
    """A member's bytes, no more of them than its directory states.

    Raises:
        InvalidInput: there is no such member, or it is not what the directory says.
        TooLarge: it is larger than it may be.
    """
    try:
        stated = archive.getinfo(name).file_size
        if stated > most_bytes:
            raise TooLarge(f"{name} is over {most_bytes:,} bytes: it is no such file")
        with archive.open(name) as file:
            content = file.read(stated + 1)
    except KeyError as error:
        raise InvalidInput(f"the archive has no {name}: save the model again") from error
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(f"{name} in the archive is damaged: save the model again") from error
    if len(content) != stated:
        raise InvalidInput(f"{name} in the archive is not as large as stated: save it again")
    return content
