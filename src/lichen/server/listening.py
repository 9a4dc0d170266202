"""Binding the ports once, in the supervisor, so that a plane that restarts keeps its port."""

import errno
import socket
import time
from collections.abc import Callable

from lichen.core.errors import InvalidInput, Unavailable

BACKLOG = 2048
TAKEOVER_SECONDS = 1.0
"""How long a port may still be held by the children of a supervisor that was killed."""


_AT_HOME = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, not bound


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A listening socket.

    Args:
        host: the address.
        port: the port; 0 takes any free one.
        flag: the option that chooses another port, for the message.

    Raises:
        Unavailable: another program has the port.
        InvalidInput: this machine has no such address, or this user may not take the port.
    """
    return _patiently(_bound, host, port, flag)


def reserve(host: str, port: int, flag: str) -> socket.socket:
    """A socket that holds a port and does not listen: for servers that cannot be handed one.

    Processes of this user then listen on it with SO_REUSEPORT, and no other program can take it.

    Args:
        host: the address.
        port: the port; 0 takes any free one.
        flag: the option that chooses another port, for the message.

    Raises:
        Unavailable: another program has the port.
        InvalidInput: this machine has no such address, or this user may not take the port.
    """
    return _patiently(_held, host, port, flag)


def target_of(held: socket.socket) -> str:
    """Host and port as gRPC clients take them, as seen from this machine."""
    return address_of(held).removeprefix("http://")


def _patiently(
    take: Callable[[str, int], socket.socket], host: str, port: int, flag: str
) -> socket.socket:
    give_up = time.monotonic() + TAKEOVER_SECONDS
    while True:
        try:
            return take(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < give_up:
                time.sleep(0.02)
                continue
            raise _refusal(error, host, port, flag) from error


def address_of(listening: socket.socket, scheme: str = "http") -> str:
    """Its URL as seen from this machine: who listens everywhere is reached at home."""
    host, port = listening.getsockname()[:2]
    host = _AT_HOME.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=_family(host), backlog=BACKLOG)


def _held(host: str, port: int) -> socket.socket:
    with socket.create_server((host, port), family=_family(host)) as alone:
        port = alone.getsockname()[1]  # nobody has it, not even one who would share it
    held = socket.socket(_family(host))
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    return held


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _refusal(error: OSError, host: str, port: int, flag: str) -> Unavailable | InvalidInput:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(
            f"port {port} of {host} is in use by another program: "
            f"stop that program, or choose another port with {flag}"
        )
    if error.errno == errno.EACCES:
        return InvalidInput(
            f"this user may not take port {port}: choose one above 1023 with {flag}"
        )
    return InvalidInput(
        f"this machine cannot listen on {host!r} ({error.strerror or error}): correct the setting "
        "`host`"
    )
