"""A folder of pictures, packed to be sent: equal folders give equal bytes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from lichen.core.errors import InvalidInput, StorageFailed, TooLarge

MOST_FILES = 1_000_000
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", "-ubyte", ".ubyte", "-ubyte.gz", ".ubyte.gz")
"""Of pictures, and of the IDX files that MNIST and its kin come as; others stay where they are."""

_ANY_DAY = (1980, 1, 1, 0, 0, 0)


@contextmanager
def packed(path: Path) -> Iterator[Path]:
    """What is to be sent: the file itself, or of a folder a zip file that is removed afterwards.

    Raises:
        InvalidInput: a file cannot be read, or the folder holds no picture.
        TooLarge: it holds more than a million.
        StorageFailed: there is no room to pack it.
    """
    if not path.is_dir():
        yield path
        return
    files = _pictures(path)
    with tempfile.TemporaryDirectory(prefix="lichen-pictures-") as folder:
        target = Path(folder) / f"{path.resolve().name or 'folder'}.zip"
        _pack(path, files, target)
        yield target


def _pictures(folder: Path) -> list[Path]:
    found = list[Path]()
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        found += [
            Path(where) / name
            for name in sorted(names)
            if name.lower().endswith(_ENDINGS) and not name.startswith(".")
        ]
        if len(found) > MOST_FILES:
            raise TooLarge(
                f"{folder} holds more than {MOST_FILES:,} pictures: give fewer, or arrays (.npz)"
            )
    if not found:
        raise InvalidInput(
            f"{folder} holds no picture (.png, .jpg) and no IDX file: name a folder that holds "
            "one folder for each class"
        )
    return found


def _pack(folder: Path, files: list[Path], target: Path) -> None:
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for file in files:
            try:
                body = file.read_bytes()
            except OSError as error:
                raise InvalidInput(
                    f"{file} cannot be read ({error.strerror}): make it readable or remove it"
                ) from error
            try:
                archive.writestr(ZipInfo(file.relative_to(folder).as_posix(), _ANY_DAY), body)
            except OSError as error:
                raise StorageFailed(
                    f"the pictures of {folder} cannot be packed ({error.strerror}): free some "
                    "room in the temporary folder"
                ) from error
