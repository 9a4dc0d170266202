"""Homes that cannot be used: full, read-only, taken; one sentence each, and what runs lives on."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

SIZE = "8m"
FREE = ("--http", "0", "--grpc", "0", "--control", "0")
TRAIN = "train forecast --data good --target load --horizon 24 --context 48 --algorithm naive-day"


class Ended(Protocol):
    code: int
    sentence: str


class Running(Protocol):
    home: Path
    runtime: Path
    http: str


Cli = Callable[..., Ended]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "lichen-test", str(place)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("cannot-mount: there is no mount command")
    if mounted.returncode:
        pytest.skip(f"cannot-mount: {mounted.stderr.strip()} (effective user {os.geteuid()})")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def up(home: Path, runtime: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`lichen up` that must end by itself."""
    command = [sys.executable, "-m", "lichen.cli.main", "up", "--home", str(home), *more]
    environment = {**os.environ, "LICHEN_RUNTIME": str(runtime)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def refused(ended: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("lichen: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    for word in words:
        assert word in ended.stderr


def test_a_home_is_of_one_platform_at_a_time(running: Running) -> None:
    taken = up(running.home, running.runtime, *FREE)
    refused(taken, 1, f"a platform runs on {running.home} already, with pid ", "--home")


def test_a_port_that_is_taken_is_named_with_its_flag(running: Running, tmp_path: Path) -> None:
    port = running.http.rpartition(":")[2]
    taken = up(tmp_path / "home", running.runtime, *FREE, "--http", port)
    refused(taken, 1, f"port {port} of 127.0.0.1 is in use", "choose another port with --http")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("[addresses]\nhtpp = 1\n", "key addresses.htpp is not a setting; did you mean 'http'?"),
        ("[addresses\n", "lichen.toml cannot be read"),
        ("[carbon]\npue = 'x'\n", "setting pue is 'x', which is no float"),
        ("port = 1\n", "'port' is no section; the sections are addresses"),
        ("[carbon]\nzone = 'NOWHERE'\n", "zone 'NOWHERE' is not usable"),
    ],
)
def test_a_setting_that_is_none_stops_the_start(tmp_path: Path, written: str, says: str) -> None:
    (tmp_path / "lichen.toml").write_text(written)
    refused(up(tmp_path, tmp_path / "runtime", *FREE), 2, says)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    ended = up(tmp_path / "home", tmp_path / "runtime")
    refused(ended, 2, str(tmp_path / "home"), "Not a directory")


def test_a_read_only_home(disk: Path, tmp_path: Path) -> None:
    command = ["mount", "-o", f"remount,ro,size={SIZE}", str(disk)]
    subprocess.run(command, check=True, capture_output=True)
    ended = up(disk / "home", tmp_path / "runtime", *FREE)
    refused(ended, 1, str(disk), "read-only file system: mount it writable, or choose another")
    assert list(disk.iterdir()) == []


def test_a_full_disk_stops_writers_only_and_only_while_it_is_full(
    disk: Path, good: Path, tmp_path: Path, *, cli_of: Callable[[Path], Cli]
) -> None:
    cli = cli_of(disk / "home")
    for words in (["data", "add", "good", good], [*TRAIN.split(), "--name", "m"]):
        assert cli(*words).code == 0
    assert cli("deploy", "m@1", "--name", "d").code == 0
    before = {path.name for path in (disk / "home" / "blobs").rglob("*")}
    filler = fill(disk)
    other = tmp_path / "other.csv"
    other.write_text(good.read_text().replace("2026-", "2025-"))
    for words in (
        ["data", "add", "other", other],
        [*TRAIN.split(), "--name", "n"],
        ["deploy", "m@1", "--name", "e"],
        ["undeploy", "d"],
        ["models", "alias", "m@1", "champion"],
    ):
        ended = cli(*words)
        assert (ended.code, "is full: free some space" in ended.sentence) == (1, True)
    for words in (["predict", "d"], ["ledger", "verify"], ["jobs", "ls"], ["data", "show", "good"]):
        assert cli(*words).code == 0
    assert {path.name for path in (disk / "home" / "blobs").rglob("*")} == before
    assert list((disk / "home" / "uploads").iterdir()) == []
    filler.unlink()
    assert cli("data", "add", "other", other).code == 0
    assert cli(*TRAIN.split(), "--name", "n").code == 0
    assert cli("deploy", "n@1", "--name", "e").code == 0
    assert cli("ledger", "verify").code == 0


def fill(disk: Path) -> Path:
    """A file that takes what is left of the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler
