"""Connections to addresses that were judged, and to no other."""

import ssl
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import httpcore
import httpx

from lichen.core.errors import InvalidInput
from lichen.fetching.addresses import Resolve, checked_addresses, looked_up
from lichen.fetching.locations import located
from lichen.fetching.policy import Policy

_MOST_CONNECTIONS = 4
_PROXY_SCHEMES = ("http", "https")


class JudgedNetwork(httpcore.SyncBackend):
    """Looks a name up once, judges all it leads to, and connects to one of those addresses."""

    def __init__(self, policy: Policy, resolve: Resolve = looked_up) -> None:
        self._policy = policy
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that takes it.

        Raises:
            Forbidden: the host may not be asked.
            WorkFailed: its name leads nowhere.
        """
        if (host, port) in self._policy.trusted:
            return super().connect_tcp(host, port, timeout, local_address, socket_options)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in checked_addresses(host, port, self._policy.networks, self._resolve):
            try:
                return super().connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def opened_pool(policy: Policy, resolve: Resolve = looked_up) -> httpcore.ConnectionPool:
    """Where all requests of a pull go through.

    Behind a proxy it is the proxy that looks names up.

    Raises:
        InvalidInput: the file of authorities or the proxy's address is not usable.
    """
    context = _context(policy.ca)
    if policy.proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_MOST_CONNECTIONS,
            network_backend=JudgedNetwork(policy, resolve),
        )
    scheme, url, login = _proxy(policy.proxy)
    return httpcore.HTTPProxy(
        proxy_url=url,
        proxy_auth=login,
        ssl_context=context,
        proxy_ssl_context=context if scheme == "https" else None,
        max_connections=_MOST_CONNECTIONS,
    )


def _proxy(said: str) -> tuple[str, str, tuple[str, str] | None]:
    """Scheme, address and login of a proxy."""
    scheme, _, rest = said.partition("://")
    login, _, authority = rest.rpartition("@")
    try:
        place = located(f"{scheme}://{authority}")
    except InvalidInput:
        place = None
    if place is None or scheme not in _PROXY_SCHEMES:
        raise InvalidInput("the setting `pull_proxy` is no address such as http://proxy:3128")
    user, _, password = login.partition(":")
    return scheme, place.url, (user, password) if login else None


@cache
def _context(ca: Path | None) -> ssl.SSLContext:
    """Reading the authorities takes longer than a small pull."""
    try:
        return httpx.create_ssl_context() if ca is None else ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise InvalidInput(
            f"the setting `pull_ca` is {ca}, which cannot be read as PEM: {error}"
        ) from error
