"""From settings to what a pull may do, and as whom."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput
from lichen.fetching.addresses import networks
from lichen.fetching.locations import located
from lichen.fetching.logins import logins_in
from lichen.fetching.policy import HUB, Accounts, BucketAccount, Policy
from lichen.fetching.pulling import Pull
from lichen.server.pull_section import PullSettings

T = TypeVar("T")


def pull_allowed(settings: PullSettings, clock: Clock) -> Pull:
    """What the operator allows.

    Raises:
        InvalidInput: a setting cannot be read; the message names it.
    """
    return Pull(_policy(settings), _accounts(settings), clock)


def _policy(settings: PullSettings) -> Policy:
    folders = (settings.pull_folders or "").split(os.pathsep)
    return Policy(
        networks=_named("pull_networks", networks, settings.pull_networks or ""),
        trusted=frozenset(_trusted(settings)),
        allows_http=settings.pull_http,
        folders=tuple(Path(one) for one in folders if one),
        proxy=settings.pull_proxy,
        ca=settings.pull_ca,
        most_bytes=settings.pull_bytes,
        seconds=settings.pull_seconds,
        stall_seconds=settings.pull_stall_seconds,
    )


def _trusted(settings: PullSettings) -> list[tuple[str, int]]:
    """Hosts that the operator named: not the Hub itself, which is public anyway."""
    named = {"pull_s3_endpoint": settings.pull_s3_endpoint}
    if settings.pull_hub_url != HUB:
        named["pull_hub_url"] = settings.pull_hub_url
    places = [_named(name, located, url) for name, url in named.items() if url]
    return [(place.host, place.port) for place in places]


def _accounts(settings: PullSettings) -> Accounts:
    logins = settings.pull_registry_logins
    return Accounts(
        tokens=_tokens(settings.pull_tokens or ""),
        hub=settings.pull_hub_url,
        hub_token=settings.pull_hub_token,
        bucket=BucketAccount(
            endpoint=settings.pull_s3_endpoint,
            region=settings.pull_s3_region,
            access_key=settings.pull_s3_access_key,
            secret_key=settings.pull_s3_secret_key,
            session=settings.pull_s3_session_token,
        ),
        registries={} if logins is None else logins_in(logins),
    )


def _tokens(said: str) -> dict[str, str]:
    pairs = [one.strip().partition("=") for one in said.split(",") if one.strip()]
    if not all(host and token for host, _, token in pairs):
        raise InvalidInput("the setting pull_tokens is no list: write host=TOKEN, with commas")
    return {host: token for host, _, token in pairs}


def _named(name: str, read: Callable[[str], T], said: str) -> T:
    try:
        return read(said)
    except InvalidInput as error:
        raise InvalidInput(f"the setting {name} is not usable: {error}") from error
