"""Which addresses may be asked: never those within a network, unless the operator allows it.

A source is named by a caller, and asked from here: without this, a caller could read what only this
machine may (server-side request forgery). What a name means is looked up once, every address that
comes back is judged, and the connection goes to one that was judged, so that a second look-up
cannot answer otherwise (DNS rebinding). However an address is written (decimal, octal, within an
IPv6 address), it is the number that is judged.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from lichen.core.errors import Forbidden, InvalidInput, WorkFailed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[Address]]
"""What a name and port lead to, by the system's own resolver."""

EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

_CLOSED: tuple[Network, ...] = tuple(
    ip_network(one)
    for one in (
        # IANA's registries of special-purpose addresses (RFC 6890 and later)
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",  # a cloud's own services, on an address that looks public
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
_MAPPED = ip_network("::ffff:0:0/96")
_LOW_32 = (_MAPPED, ip_network("::/96"), ip_network("64:ff9b::/96"))
"""Prefixes whose last 32 bits are an IPv4 address: mapped, compatible, NAT64 (RFC 6052)."""
_ISATAP = (0x00005EFE, 0x02005EFE)
_LOW = 0xFFFFFFFF


def networks(said: str) -> tuple[Network, ...]:
    """Networks with commas between them, such as `10.1.0.0/16,::1`.

    Raises:
        InvalidInput: one of them is none.
    """
    parts = [one.strip() for one in said.split(",") if one.strip()]
    try:
        return tuple(ip_network(one) for one in parts)
    except ValueError as error:
        raise InvalidInput(
            f"{said!r} is no list of networks ({error}): give such as 10.1.0.0/16,::1/128"
        ) from error


def within(address: Address) -> Iterator[Address]:
    """The address itself, and every IPv4 address that it carries within."""
    yield address
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if any(address in prefix for prefix in _LOW_32) or (number >> 32) & _LOW in _ISATAP:
        yield IPv4Address(number & _LOW)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def may_be_asked(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether an address is a public one, or in a network that the operator allows."""
    carried = list(within(address))
    if isinstance(address, IPv6Address) and address in _MAPPED:
        carried = carried[1:]  # it is nothing but another way to write the other
    return all(_is_open(one, allowed) for one in carried)


def _is_open(address: Address, allowed: Sequence[Network]) -> bool:
    if any(address in network for network in allowed):
        return True
    return not any(address in network for network in _CLOSED)


def looked_up(host: str, port: int) -> Sequence[Address]:
    """What the system's resolver answers, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    return list(dict.fromkeys(addresses))


def checked_addresses(
    host: str, port: int, allowed: Sequence[Network], resolve: Resolve = looked_up
) -> Sequence[Address]:
    """The addresses of a host, to connect to in this order.

    Raises:
        Forbidden: one of them is private, of this machine, or another that may not be asked.
        WorkFailed: the name leads nowhere.
    """
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError, ValueError) as error:
        raise WorkFailed(
            f"the name {host} leads nowhere from here: check it, or the resolver of this machine"
        ) from error
    for address in addresses:
        if not may_be_asked(address, allowed):
            raise Forbidden(
                f"{host} is {address}, an address within a network or of this machine, which is "
                "not asked for models: let an administrator allow it by the setting `pull_networks`"
            )
    if not addresses:
        raise WorkFailed(f"the name {host} leads nowhere from here: check it")
    return addresses
