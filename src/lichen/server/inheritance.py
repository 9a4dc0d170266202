"""What a child process gets from the supervisor: settings, listening sockets, a pipe to say ready.

Settings travel as `LICHEN_*` variables; descriptors by number on the command line, as
`--socket http=5 --socket grpc=6 --ready 7 --slot 0`.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lichen.core.errors import InvalidInput
from lichen.server.sections import Settings
from lichen.server.settings import load


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What this process was born with; `sockets` holds descriptors by name: http, grpc, control.

    `slot` tells it from its siblings, which do the same: 0 up to their number, and the same again
    after a restart.
    """

    settings: Settings
    sockets: Mapping[str, int]
    ready_descriptor: int | None = None
    slot: int = 0

    def socket(self, name: str) -> socket.socket:
        """The listening socket, bound by the supervisor, so that a restart keeps its port.

        Raises:
            InvalidInput: this process was not given it.
        """
        if name not in self.sockets:
            raise InvalidInput(
                f"this process was given no socket called {name!r}: it is started by `lichen up`"
            )
        return socket.socket(fileno=self.sockets[name])

    def announce_ready(self) -> None:
        """Tell the supervisor that this process does its work now; further calls do nothing."""
        if self.ready_descriptor is None:
            return
        try:
            os.write(self.ready_descriptor, b"1")
            os.close(self.ready_descriptor)
        except OSError:
            return  # told before, or the supervisor is gone and this process ends with it


def inherit(arguments: Sequence[str]) -> Inheritance:
    """Read this process's own command line and environment.

    Raises:
        InvalidInput: the command line is not one that the supervisor writes.
    """
    sockets: dict[str, int] = {}
    ready: int | None = None
    slot = 0
    if len(arguments) % 2:
        raise InvalidInput(
            f"odd arguments {list(arguments)}: this process is started by `lichen up`"
        )
    for flag, value in zip(arguments[::2], arguments[1::2], strict=True):
        match flag:
            case "--socket":
                name, _, number = value.partition("=")
                sockets[name] = int(number)
            case "--ready":
                ready = int(value)
            case "--slot":
                slot = int(value)
            case _:
                raise InvalidInput(
                    f"unknown argument {flag!r}: this process is started by the supervisor"
                )
    return Inheritance(load(), sockets, ready, slot)


def as_arguments(sockets: Mapping[str, int], ready_descriptor: int, slot: int = 0) -> list[str]:
    """The command line from which `inherit` reads the same."""
    named = [part for name, number in sockets.items() for part in ("--socket", f"{name}={number}")]
    return [*named, "--ready", str(ready_descriptor), "--slot", str(slot)]
