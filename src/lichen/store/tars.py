"""Tar archives of strangers: headers that would fill the memory before any file is seen."""

import tarfile
from typing import Any, Self

_LONGEST_BYTES = 2**20
_DATA_IN_HEADERS = frozenset(
    (
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    )
)


class BoundedHeader(tarfile.TarInfo):
    """A member whose long names and further fields are of a size that names and fields have.

    `tarfile` reads those into memory whole, however large they say that they are: a few kilobytes,
    compressed, are gigabytes. For `tarfile.open(..., tarinfo=BoundedHeader)`.
    """

    def _proc_member(self, archive: Any) -> Self:  # noqa: ANN401 - where tarfile reads a member on
        if self.type in _DATA_IN_HEADERS and self.size > _LONGEST_BYTES:
            raise tarfile.ReadError(f"a header states {self.size:,} bytes, as none has")
        found: Self = super()._proc_member(archive)  # type: ignore[misc]
        return found
