"""Files on their way to the platform, a piece at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lichen.core.errors import InvalidInput

UPLOAD_CHUNK_BYTES = 2**20


def file_chunks(file: Path | str) -> Callable[[], Iterator[bytes]]:
    """A file's content for a request, made anew for each attempt.

    Raises:
        InvalidInput: it cannot be read.
    """
    path = existing_file(file)
    return lambda: chunks(path)


def existing_file(file: Path | str) -> Path:
    """The path of a file that can be read.

    Raises:
        InvalidInput: it cannot.
    """
    path = Path(file)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror}): name a file that is there and readable"
        ) from error


def chunks(path: Path) -> Iterator[bytes]:
    """What a file holds, at most `UPLOAD_CHUNK_BYTES` at a time."""
    with path.open("rb") as file:
        while chunk := file.read(UPLOAD_CHUNK_BYTES):
            yield chunk
