"""A home on a disk that fills up, and then becomes read-only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import StorageFailed

MEGABYTE = 2**20


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def client(self) -> Lichen: ...


@pytest.fixture
def small(stopped: Running) -> Iterator[Running]:
    """The platform that is not started yet, its home a tmpfs of 8 MB."""
    stopped.home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(stopped.home)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a tmpfs")
    try:
        yield stopped
    finally:
        stopped.close()  # type: ignore[attr-defined]
        subprocess.run(["umount", str(stopped.home)], check=True)


def test_a_full_disk_is_said_and_survived(small: Running, load_csv: Path) -> None:
    small.up()
    client = small.client()
    ballast = small.home / "ballast"
    _fill(ballast)
    large = load_csv.parent / "large.csv"
    large.write_bytes(load_csv.read_bytes() * 30)
    with pytest.raises(StorageFailed, match=r"disk that holds .* is full"):
        client.data.add("load", large)
    assert list((small.home / "uploads").iterdir()) == []
    assert client.health().status == "ready"
    ballast.unlink()
    assert client.data.add("load", load_csv).version == 1
    assert small.down() == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small.home)], check=True)
    refused = subprocess.run(
        [sys.executable, "-m", "lichen.server.supervisor"],
        env=small.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "read-only" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            return
