"""An exported version as one tar file; the same files give the same bytes."""

import io
import tarfile
from collections.abc import Mapping

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
