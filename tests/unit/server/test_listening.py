"""Ports are bound once, and a port in use is one sentence."""

import socket

import pytest

from lichen.core.errors import InvalidInput, Unavailable
from lichen.server import listening
from lichen.server.listening import address_of, listen, reserve, target_of


def test_any_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "TAKEOVER_SECONDS", 0.05)
    with listen("127.0.0.1", 0, "--http") as bound:
        port = bound.getsockname()[1]
        assert address_of(bound) == f"http://127.0.0.1:{port}"
        with pytest.raises(Unavailable, match=rf"{port} .* in use .* with --http"):
            listen("127.0.0.1", port, "--http")


def test_an_address_that_this_machine_has_not() -> None:
    with pytest.raises(InvalidInput, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0, "--http")


def test_who_listens_everywhere_is_reached_at_home() -> None:
    with listen("0.0.0.0", 0, "--http") as bound:  # noqa: S104 - what is tested
        assert address_of(bound).startswith("http://127.0.0.1:")


def test_ipv6() -> None:
    try:
        bound = listen("::1", 0, "--http")
    except InvalidInput:
        pytest.skip("this machine has no IPv6")
    with bound:
        assert address_of(bound).startswith("http://[::1]:")


def test_a_port_that_its_last_owner_is_about_to_leave_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as old:
        port = old.getsockname()[1]
    with listen("127.0.0.1", port, "--http") as bound:
        assert bound.getsockname()[1] == port


def test_a_reserved_port_is_listened_on_by_whoever_shares_it() -> None:
    with reserve("127.0.0.1", 0, "--grpc") as held, socket.socket() as server:
        host, port = held.getsockname()
        assert target_of(held) == f"127.0.0.1:{port}"
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((host, port))
        server.listen()
        for _ in range(8):  # the one that only holds it is offered no connection
            with socket.create_connection((host, port)), server.accept()[0]:
                pass


def test_a_reserved_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "TAKEOVER_SECONDS", 0.05)
    with reserve("127.0.0.1", 0, "--grpc") as held:
        port = held.getsockname()[1]
        for take in (listen, reserve):
            with pytest.raises(Unavailable, match=rf"{port} .* in use .* with --grpc"):
                take("127.0.0.1", port, "--grpc")


def test_a_port_of_a_program_that_would_share_it_is_not_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "TAKEOVER_SECONDS", 0.05)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Unavailable, match="in use"):
            reserve("127.0.0.1", other.getsockname()[1], "--grpc")
