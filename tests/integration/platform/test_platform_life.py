"""Starting, refusing, restarting and stopping a platform."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import Unauthenticated, Unavailable

Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


def another(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lichen.server.supervisor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_platform_on_the_same_home_is_refused(platform: Running) -> None:
    refused = another(platform.environment)
    assert refused.returncode == 1
    assert f"with pid {platform.process.pid}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_sentence(platform: Running, tmp_path: Path) -> None:
    refused = another({**platform.environment, "LICHEN_HOME": str(tmp_path / "other")})
    assert refused.returncode == 1
    assert "is in use by another program" in refused.stderr
    assert "--http" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_setting_that_is_none_is_refused_at_the_start(platform: Running) -> None:
    refused = another({**platform.environment, "LICHEN_COLOUR": "green"})
    assert refused.returncode == 1
    assert "LICHEN_COLOUR is not a setting" in refused.stderr


def test_the_admin_key_is_private_and_the_door_is_shut_without_it(
    platform: Running, lichen: Lichen
) -> None:
    assert (platform.home / "admin.key").stat().st_mode & 0o777 == 0o600
    assert lichen.health().status == "ready"
    anybody = type(lichen)(type(lichen._session)(lichen.url, "lk_wrong_key"))
    assert anybody.health().status == "ready"
    with pytest.raises(Unauthenticated):
        anybody.jobs.ls()
    anybody.close()


def test_children_come_back_and_a_clean_stop_leaves_nothing(stopped: Running, until: Until) -> None:
    half_written = stopped.home / "blobs" / ".writing-when-it-was-killed"
    half_written.parent.mkdir(parents=True, exist_ok=True)
    half_written.write_bytes(b"half")
    stopped.up()
    assert not half_written.exists()
    client = stopped.client()
    before = stopped.pids()
    killed = ("controlplane", "dataplane", "worker")
    for name in killed:
        os.kill(before[name], signal.SIGKILL)
    until(lambda: all(stopped.pids().get(name, before[name]) != before[name] for name in killed))
    assert client.health().status == "ready"
    assert client.platform().addresses.control == client.url
    pids = stopped.pids()
    address = client.platform().addresses.http
    assert stopped.down() == 0
    assert not (stopped.home / "run" / "addresses.json").exists()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.values()))
    host, port = address.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    with pytest.raises(Unavailable, match="start one with `lichen up`"):
        client.health()
