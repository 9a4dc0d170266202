"""An exported version as one tar file; the same files give the same bytes."""

import io
import tarfile
from collections.abc import Mapping

from lichen.core.errors import InvalidInput, TooLarge

_FILE_MODE = 0o644


def pack(contents: Mapping[str, bytes]) -> bytes:
    """The files as a tar: names in order, no times, no owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), _FILE_MODE
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpack(packed: bytes, limit_bytes: int) -> dict[str, bytes]:
    """The files of a tar, by name; a single folder around them is stepped into.

    Raises:
        InvalidInput: this is no tar, or it holds links, devices or nested folders.
        TooLarge: unpacked it is over `limit_bytes`.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as tar:
            members = [member for member in tar.getmembers() if not member.isdir()]
            _check_members(members, limit_bytes)
            files = {member.name: tar.extractfile(member) for member in members}
            contents = {name: file.read() for name, file in files.items() if file}
    except tarfile.TarError as problem:
        raise InvalidInput(f"this is no tar file: {problem}") from problem
    return {name.removeprefix("./").rpartition("/")[2]: body for name, body in contents.items()}


def _check_members(members: list[tarfile.TarInfo], limit_bytes: int) -> None:
    folders = {member.name.removeprefix("./").rpartition("/")[0] for member in members}
    irregular = [member.name for member in members if not member.isfile()]
    if irregular or len(folders) > 1:
        raise InvalidInput(
            f"the tar holds more than plain files of one folder ({(irregular or ['folders'])[0]}): "
            "pack what `lichen models export` wrote"
        )
    size = sum(member.size for member in members)
    if size > limit_bytes:
        raise TooLarge(f"the tar holds {size:,} bytes, and the limit is {limit_bytes:,}")
