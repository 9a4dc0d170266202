"""What is to be fetched: files with what is known of them, and how their bytes are checked."""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lichen.core.errors import InvalidInput
from lichen.fetching.locations import Location

MOST_FILES = 2000
_LONGEST_NAME = 255
_HEXADECIMAL = {"sha256": 64, "sha512": 128, "git-sha1": 40, "crc32": 8}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class Check:
    """A digest that the bytes must have: its algorithm, and its hexadecimal digits.

    `git-sha1` is that of a Git blob, which covers the size as well.
    """

    algorithm: str
    digits: str

    def __post_init__(self) -> None:
        wanted = _HEXADECIMAL.get(self.algorithm)
        is_digits = re.fullmatch(r"[0-9a-f]*", self.digits) is not None
        if wanted is None or not is_digits or len(self.digits) != wanted:
            known = ", ".join(_HEXADECIMAL)
            raise InvalidInput(
                f"{self.algorithm}={self.digits[:80]} is no digest: give one of {known} in "
                "lower-case hexadecimal"
            )


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be fetched.

    Attributes:
        path: where it belongs among the files, with `/`.
        place: who has it.
        size: bytes, where they are known.
        checks: what its bytes must have.
        headers: sent with each request for it.
        archive: `tar` or `tar+gzip` where it is one, to be unpacked into the files; else None.
        unpacked: the digest that an archive has once it is no longer compressed.
    """

    path: str
    place: Location
    size: int | None = None
    checks: tuple[Check, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    archive: str | None = None
    unpacked: Check | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All parts of a source, as of one revision of it.

    Attributes:
        name: what a model from it may be called.
        origin: the source for people and cards, without anything secret.
        revision: what pins it: a commit, a digest; None where nothing does.
        left: files of the source that are not fetched.
    """

    name: str
    origin: str
    parts: tuple[Part, ...]
    revision: str | None = None
    left: tuple[str, ...] = ()


class Remote(Protocol):
    """A place that has models."""

    def listing(self) -> Listing:
        """What is to be fetched.

        Raises:
            LichenError: the place cannot be asked, or has nothing that a model is imported from.
        """
        ...


class Digesting:
    """Sees all bytes of a file, and says afterwards which checks they fail."""

    def __init__(self, checks: tuple[Check, ...], size: int | None) -> None:
        self._checks = checks
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._git = hashlib.sha1(usedforsecurity=False)
        self._git.update(f"blob {size or 0}\0".encode())
        self._crc = 0
        self._wanted = {check.algorithm for check in checks}

    def update(self, chunk: bytes) -> None:
        """The next bytes."""
        self._sha256.update(chunk)
        if "sha512" in self._wanted:
            self._sha512.update(chunk)
        if "git-sha1" in self._wanted:
            self._git.update(chunk)
        if "crc32" in self._wanted:
            self._crc = zlib.crc32(chunk, self._crc)

    @property
    def sha256(self) -> str:
        """Of what was seen."""
        return self._sha256.hexdigest()

    def failed(self) -> tuple[Check, str] | None:
        """The first check that fails, and what the bytes have in its place."""
        has = {
            "sha256": self._sha256.hexdigest(),
            "sha512": self._sha512.hexdigest(),
            "git-sha1": self._git.hexdigest(),
            "crc32": f"{self._crc:08x}",
        }
        found = ((one, has[one.algorithm]) for one in self._checks)
        return next(((one, digits) for one, digits in found if digits != one.digits), None)


def stated_checks(headers: Mapping[str, str]) -> tuple[Check, ...]:
    """The digests of a whole file that an answer's headers state.

    They are S3's checksums of an object that came in one piece, and `Repr-Digest` (RFC 9530).
    """
    found = [(one, headers.get(f"x-amz-checksum-{one}", "")) for one in ("sha256", "crc32")]
    for item in headers.get("repr-digest", "").split(","):
        name, _, value = item.strip().partition("=")
        if name in ("sha-256", "sha-512"):
            found.append((name.replace("-", ""), value.strip(":")))
    return tuple(
        Check(algorithm, digits)
        for algorithm, text in found
        if (digits := _digits(text)) and len(digits) == _HEXADECIMAL[algorithm]
    )


def _digits(text: str) -> str:
    """Hexadecimal digits of base64; empty of what is none, such as a digest of digests."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def checked_path(said: str, source: str) -> str:
    """A path below the folder of the files, as a stranger named it.

    Raises:
        InvalidInput: it leads out of it, or is no path.
    """
    parts = said.split("/")
    is_usable = all(
        part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_NAME for part in parts
    )
    if not is_usable or _CONTROL.search(said) or len(said) > 4 * _LONGEST_NAME:
        raise InvalidInput(f"{source} has a file {said[:100]!r}, whose name leads elsewhere")
    return said


def checked_parts(parts: tuple[Part, ...], source: str) -> tuple[Part, ...]:
    """The parts themselves.

    Raises:
        InvalidInput: there are too many, or two in one place.
    """
    paths = [part.path for part in parts if part.archive is None]
    if len(parts) > MOST_FILES:
        raise InvalidInput(f"{source} has over {MOST_FILES:,} files: name the folder of one model")
    if len(set(paths)) < len(paths):
        raise InvalidInput(f"{source} has two files of one name: it cannot be laid out")
    return parts
