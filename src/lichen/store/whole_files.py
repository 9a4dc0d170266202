"""Replace a small file whole: readers, and whoever comes after a crash, find the old or the new."""

import os
from pathlib import Path
from threading import get_ident

from lichen.store.failures import storage_failures


def replace_file(path: Path, content: bytes, *, durably: bool = False) -> None:
    """Put `content` in the place of the file; a link is followed, what is no file is written to.

    Args:
        path: where; its folder must be there.
        content: all of it.
        durably: whether the disk has it before the old one goes, against a power failure.

    Raises:
        StorageFailed: the disk is full or read-only; the file is as it was.
    """
    with storage_failures(path):
        if path.exists() and not path.is_file():  # such as /dev/stdout
            path.write_bytes(content)
            return
        there = path.resolve()
        fresh = there.with_name(f".{there.name}.{os.getpid()}-{get_ident()}.new")
        try:
            with fresh.open("wb") as file:
                file.write(content)
                if durably:
                    file.flush()
                    os.fsync(file.fileno())
            fresh.replace(there)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
