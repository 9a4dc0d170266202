"""Binding the ports once, in the supervisor, so that a plane that restarts keeps its port."""

import errno
import socket
import time

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
    give_up = time.monotonic() + TAKEOVER_SECONDS
    while True:
        try:
            return _bound(host, port)
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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


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
