"""Which addresses pulls ask: laws that hold for every address, however it is written."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.errors import Forbidden
from lichen.fetching.addresses import (
    EVERYWHERE,
    Address,
    checked_addresses,
    looked_up,
    may_be_asked,
    networks,
)

FOURS = st.integers(0, 2**32 - 1).map(IPv4Address)
SIXES = st.integers(0, 2**128 - 1).map(IPv6Address)
CLOSED_FOURS = st.sampled_from(
    ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "0.0.0.0/8"]
).flatmap(lambda net: st.ip_addresses(v=4, network=net))


@settings(max_examples=300)
@given(FOURS)
def test_what_is_open_is_global_in_the_eyes_of_python_too(address: IPv4Address) -> None:
    if may_be_asked(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_private))


@settings(max_examples=200)
@given(SIXES)
def test_the_same_of_ipv6(address: IPv6Address) -> None:
    if may_be_asked(address):
        assert not any((address.is_private, address.is_multicast, address.is_link_local))
        assert not any((address.is_site_local, address.is_loopback, address.is_unspecified))


@settings(max_examples=200)
@given(CLOSED_FOURS)
def test_a_closed_address_stays_closed_within_ipv6(address: IPv4Address) -> None:
    number = int(address)
    forms = [
        0xFFFF << 32 | number,  # mapped
        number,  # compatible
        0x64FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80 | 1,  # 6to4
        0x20010000 << 96 | (number ^ 0xFFFFFFFF),  # Teredo
        0x2A00 << 112 | 0x5EFE << 32 | number,  # ISATAP
    ]
    assert not may_be_asked(address)
    for form in forms:
        assert not may_be_asked(IPv6Address(form)), IPv6Address(form)


@settings(max_examples=100)
@given(CLOSED_FOURS)
def test_a_closed_address_stays_closed_in_every_notation(address: IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    written = [
        str(number),
        hex(number),
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.{b}.0{c:o}.{d}",
        f"::ffff:{address}",
        f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}",
    ]
    for host in written:
        with pytest.raises(Forbidden):
            checked_addresses(host, 443, (), looked_up)


@settings(max_examples=200)
@given(st.one_of(FOURS, SIXES), st.integers(0, 32))
def test_allowing_a_network_opens_it_and_nothing_else(address: Address, length: int) -> None:
    own = ip_network((int(address) >> 8 << 8, address.max_prefixlen - 8)) if length else None
    assert may_be_asked(address, EVERYWHERE)
    if own is not None and isinstance(address, IPv4Address):
        assert may_be_asked(address, (own,))
    outside = ip_address("10.255.255.1")
    if own is None or outside not in own:
        assert not may_be_asked(outside, () if own is None else (own,))


@given(st.lists(FOURS, min_size=1, max_size=4))
def test_one_closed_address_among_several_closes_the_name(found: Sequence[IPv4Address]) -> None:
    both = [*found, IPv4Address("127.0.0.1")]
    with pytest.raises(Forbidden):
        checked_addresses("rebinding.example", 443, (), lambda _host, _port: both)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fe80::1",
        "::1",
        "::",
        "0.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "fec0::1",
    ],
)
def test_addresses_of_clouds_and_hosts_are_closed(address: str) -> None:
    assert not may_be_asked(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::6810:84e5"])
def test_public_addresses_are_open(address: str) -> None:
    assert may_be_asked(ip_address(address))


def test_a_mapped_address_is_allowed_by_its_own_network() -> None:
    assert may_be_asked(ip_address("::ffff:10.1.2.3"), networks("10.1.0.0/16"))
    assert not may_be_asked(ip_address("::ffff:10.2.2.3"), networks("10.1.0.0/16"))
