"""The one way to a model elsewhere: what its source says, who is asked for it, and the files."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lichen.core.clock import Clock
from lichen.core.errors import Forbidden
from lichen.fetching.artifact import Artifact
from lichen.fetching.bucket import BucketFiles, bucket_place
from lichen.fetching.fetching import Fetched, Told, fetch
from lichen.fetching.folders import copied
from lichen.fetching.hub import HubRepository, HubToken
from lichen.fetching.logins import RegistryLogin
from lichen.fetching.parts import Remote
from lichen.fetching.plain import WebFile
from lichen.fetching.policy import Accounts, Policy
from lichen.fetching.references import Reference
from lichen.fetching.signing import BucketKeys
from lichen.fetching.sources import parted
from lichen.fetching.web import Tokens, Web


@dataclass(frozen=True, slots=True)
class Pull:
    """Who may fetch what; `accounts` says as whom."""

    policy: Policy
    accounts: Accounts
    clock: Clock


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
