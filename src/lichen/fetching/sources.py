"""What a pull is asked for, read without asking anybody: a scheme, and a name for the model."""

import re
from urllib.parse import unquote

from lichen.core.errors import InvalidInput
from lichen.fetching.locations import located
from lichen.fetching.plain import WebFile, file_name
from lichen.fetching.references import HubSource, Reference

SCHEMES = ("file", "https", "http", "s3", "hf", "oci", "oci+http")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?://)?(.*)", re.DOTALL)
_LONGEST_SOURCE = 4096
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def check_source(source: str) -> None:
    """Refuse what no pull could understand, before a job is made of it.

    Raises:
        InvalidInput: it is no source, or carries a password.
    """
    scheme, rest = parted(source)
    if scheme in ("https", "http"):
        WebFile(source).listing()
    elif scheme == "hf":
        HubSource.parse(rest)
    elif scheme.startswith("oci"):
        Reference.parse(rest)
    elif scheme == "s3" and not rest.partition("/")[0]:
        raise InvalidInput("s3:// names no bucket: write s3://bucket/key")


def parted(source: str) -> tuple[str, str]:
    """The scheme of a source, and what follows it.

    Raises:
        InvalidInput: it has none that is known.
    """
    found = _SCHEME.fullmatch(source) if len(source) <= _LONGEST_SOURCE else None
    if found is None or found[1] not in SCHEMES or not found[2]:
        raise InvalidInput(
            f"{source[:200]!r} is no source: write https://..., s3://bucket/key, hf://org/name, "
            "oci://registry/repository:tag or file:/path"
        )
    return found[1], found[2]


def name_of(source: str) -> str:
    """What a model from a source is called when nobody says: a name that the registry takes."""
    scheme, rest = parted(source)
    path = rest.partition("#")[0].partition("?")[0]
    if scheme in ("https", "http"):
        last = file_name(located(source.partition("#")[0]))
    elif scheme == "hf":
        last = HubSource.parse(rest).repository.rpartition("/")[2]
    elif scheme.startswith("oci"):
        last = Reference.parse(rest).repository.rpartition("/")[2]
    else:
        last = unquote(path).rstrip("/").rpartition("/")[2]
    stem = last.partition(".")[0] or last
    return _NOT_IN_NAMES.sub("-", stem).strip("-._") or "model"
