"""The one way to a model elsewhere: what its source says, who is asked for it, and the files."""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lichen.core.clock import Clock
from lichen.core.errors import Forbidden, InvalidInput
from lichen.fetching.artifact import Artifact, Reference
from lichen.fetching.bucket import BucketFiles, bucket_place
from lichen.fetching.fetching import Fetched, Told, fetch
from lichen.fetching.folders import copied
from lichen.fetching.hub import HubRepository, HubSource, HubToken
from lichen.fetching.locations import located
from lichen.fetching.logins import RegistryLogin
from lichen.fetching.parts import Remote
from lichen.fetching.plain import WebFile, file_name
from lichen.fetching.policy import Accounts, Policy
from lichen.fetching.signing import BucketKeys
from lichen.fetching.web import Tokens, Web

SCHEMES = ("file", "https", "http", "s3", "hf", "oci", "oci+http")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?://)?(.*)", re.DOTALL)
_LONGEST_SOURCE = 4096
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Pull:
    """Who may fetch what; `accounts` says as whom."""

    policy: Policy
    accounts: Accounts
    clock: Clock


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


def pull(source: str, allowed: Pull, folder: Path, told: Told) -> Fetched:
    """The files of a model, checked, below `folder`; a killed pull goes on in the same one.

    Raises:
        Forbidden: the policy does not allow the source, or an address that it leads to.
        NotFound, Refused: whoever is asked says so.
        TooLarge, Corrupt, InvalidInput: of what came.
        StorageFailed: there is no room.
        WorkFailed: the network fails again and again.
    """
    scheme, rest = parted(source)
    if scheme == "file":
        return copied(unquote(rest) if rest.startswith("/") else rest, allowed.policy, folder)
    with closing(Web(allowed.policy)) as nobody:
        remote, web = _opened(source, allowed, nobody)
        return fetch(remote.listing(), web, folder, told)


def _opened(source: str, allowed: Pull, nobody: Web) -> tuple[Remote, Web]:
    """Who has the source, and a web that asks as whom it should."""
    policy, accounts = allowed.policy, allowed.accounts
    scheme, rest = parted(source)
    if scheme == "hf":
        web = nobody.seen_as(HubToken(accounts))
        return HubRepository(rest, accounts, web), web
    if scheme == "s3":
        place = bucket_place(accounts.bucket)
        web = nobody.seen_as(BucketKeys(accounts.bucket, place, allowed.clock))
        return BucketFiles(rest, accounts.bucket, web), web
    if scheme in ("https", "http"):
        return WebFile(source), nobody.seen_as(Tokens(accounts.tokens, policy))
    if scheme == "oci+http" and not policy.allows_http:
        raise Forbidden(
            f"{source} is asked without TLS: use oci://, or let an administrator allow it by the "
            "setting `pull_http`"
        )
    reference = Reference.parse(rest, is_plain=scheme == "oci+http")
    web = nobody.seen_as(RegistryLogin(reference.registry, accounts.registries, nobody))
    return Artifact(reference, web), web
