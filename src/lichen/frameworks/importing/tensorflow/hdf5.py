"""Is an HDF5 file sound? No link leaves it, nothing in it unpacks to more than it should."""

from pathlib import Path
from typing import Any, BinaryIO

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import LARGEST_BYTES, LARGEST_RATIO
from lichen.frameworks.importing.tensorflow.configurations import CONFIG_ATTRIBUTE

_SMALL_BYTES = 64 * 2**20
_MOST_OBJECTS = 100_000


def check_hdf5(content: Path | BinaryIO, name: str, size_bytes: int) -> str | None:
    """Look through the whole file, and read no value of it but the configuration.

    Args:
        content: the file.
        name: what it is called, for messages.
        size_bytes: of the file.

    Returns:
        The configuration of the model, JSON, where there is one.

    Raises:
        InvalidInput: it is cut short, a part of it stands in another file, or it is made to fill
            the memory.
    """
    import h5py

    try:
        with h5py.File(content, "r") as file:
            _check_group(file, name, size_bytes)
            return _config(file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"{name} is a damaged HDF5 file ({reason}): copy or save it again"
        ) from error


def _config(file: Any) -> str | None:  # noqa: ANN401 - h5py has no types
    stored = file.attrs.get(CONFIG_ATTRIBUTE)
    if isinstance(stored, bytes):
        return stored.decode("utf-8", errors="replace")
    return stored if isinstance(stored, str) else None


def _check_group(file: Any, name: str, size_bytes: int) -> None:  # noqa: ANN401 - as above
    import h5py

    stated, objects, groups = 0, 0, [file]
    while groups:
        group = groups.pop()
        for key in group:
            objects += 1
            _check_link(group.get(key, getlink=True), f"{group.name}/{key}", name)
            found = group[key]
            if isinstance(found, h5py.Group):
                groups.append(found)
            elif isinstance(found, h5py.Dataset):
                stated += _checked_bytes(found, name)
        if objects > _MOST_OBJECTS:
            raise InvalidInput(f"{name} holds over {_MOST_OBJECTS:,} tensors: it is no model")
    if stated > LARGEST_BYTES:
        raise TooLarge(f"{name} states tensors of {stated:,} bytes, more than any model here has")
    if stated > _SMALL_BYTES and stated > LARGEST_RATIO * size_bytes:
        raise InvalidInput(
            f"{name} would unpack from {size_bytes:,} to {stated:,} bytes, as no model does: it is "
            "refused"
        )


def _check_link(link: Any, path: str, name: str) -> None:  # noqa: ANN401 - as above
    import h5py

    if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
        raise InvalidInput(
            f"{path} in {name} is a link out of its place ({link.path!r}), which no saved model "
            "has: save the model again"
        )


def _checked_bytes(dataset: Any, name: str) -> int:  # noqa: ANN401 - as above
    if dataset.external or dataset.is_virtual:
        raise InvalidInput(
            f"the values of {dataset.name} in {name} stand in another file: save the model as one"
        )
    return int(dataset.nbytes)
