"""What may be fetched, from where, how much and how long; and as whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lichen.fetching.addresses import Network

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows.

    Attributes:
        networks: addresses in them may be asked, private or not.
        trusted: hosts and ports that the operator named: asked wherever they are.
        allows_http: whether sources may be asked without TLS.
        folders: below which `file:` may read; empty: nowhere.
        proxy: URL of the proxy that everything goes through; it may hold a password.
        ca: PEM file of the authorities that are trusted in place of the public ones.
        most_bytes: of all files of one pull, and of what its archives unpack to.
        seconds: the longest that a pull may take.
        stall_seconds: the longest that a server may say nothing.
    """

    networks: tuple[Network, ...] = ()
    trusted: frozenset[tuple[str, int]] = frozenset()
    allows_http: bool = False
    folders: tuple[Path, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    ca: Path | None = None
    most_bytes: int = 8 * 2**30
    seconds: float = 6 * 3600.0
    stall_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class BucketAccount:
    """Where buckets are and by which keys they are read; without keys nothing is signed.

    Attributes:
        endpoint: such as `https://minio.example:9000`; None: Amazon's of the region.
        session: of keys that last for a while only.
    """

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password of a registry."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """As whom each kind of place is asked. A secret goes to the host that it is for, and no other.

    Attributes:
        tokens: by host, or `host:port`: sent as `Authorization: Bearer`.
        registries: by host, or `host:port`.
    """

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    hub: str = HUB
    hub_token: str | None = field(default=None, repr=False)
    bucket: BucketAccount = BucketAccount()
    registries: Mapping[str, Login] = field(default_factory=dict, repr=False)
