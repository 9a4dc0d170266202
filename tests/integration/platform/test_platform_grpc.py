"""Over gRPC a platform of several data plane processes is one server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import grpc  # type: ignore[import-untyped]

from lichen.protocol.grpc_messages import SERVICE, response_class

CHANNELS = 24
LISTENS = "0A"


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...


def listeners(port: int) -> int:
    """How many sockets listen on a port; gRPC takes IPv6 ones for addresses of IPv4 as well."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for one in tables if one.exists() for line in one.read_text().splitlines()]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == LISTENS for row in rows)


def test_two_processes_answer_on_one_port(
    stopped: Running, until: Callable[[Callable[[], bool]], None]
) -> None:
    stopped.environment["LICHEN_DATAPLANE_PROCESSES"] = "2"
    stopped.up()
    target = json.loads((stopped.home / "run" / "addresses.json").read_text())["grpc"]
    until(lambda: listeners(int(target.rpartition(":")[2])) == 2)
    key = (stopped.home / "admin.key").read_text().strip()
    for _ in range(CHANNELS):
        until(lambda: name_by(target, key) == "lichen")  # each process looks for keys by itself
    assert stopped.down() == 0


def name_by(target: str, key: str) -> str | None:
    """The server's name over a connection of its own; None where the key is not known yet."""
    alone = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options=alone) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/ServerMetadata",
            response_deserializer=response_class("ServerMetadata").FromString,
        )
        try:
            answer = call(b"", metadata=(("authorization", f"Bearer {key}"),))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            return None
        return str(answer.name)
