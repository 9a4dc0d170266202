"""The home: one platform at a time, and one sentence when it cannot be used."""

import os
import subprocess
from pathlib import Path

import pytest

from lichen.core.errors import StorageFailed, Unavailable
from lichen.server.home import Home, HomeLock, write_json


def test_a_home_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.prepare()
    home.prepare()
    assert home.folder.stat().st_mode & 0o777 == 0o700
    assert home.uploads.is_dir()
    assert home.run.is_dir()


def test_a_second_platform_is_refused_and_told_the_pid_of_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    first, second = HomeLock(home), HomeLock(home)
    first.acquire()
    with pytest.raises(Unavailable, match=f"with pid {os.getpid()}: stop it"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_lock_of_a_dead_process_is_no_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    (home.run / "home.lock").write_text("123456\n")
    lock = HomeLock(home)
    lock.acquire()
    assert (home.run / "home.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageFailed, match="home"):
        Home(tmp_path / "home").prepare()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "addresses.json"
    write_json(path, {"http": "a"})
    write_json(path, {"http": "b"})
    assert path.read_text() == '{"http": "b"}'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_a_read_only_and_a_full_home_are_refused_in_one_sentence(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine does not let a test mount a tmpfs")
    try:
        home = Home(tmp_path / "home")
        home.prepare()
        (tmp_path / "ballast").write_bytes(b"x" * 4096)
        with pytest.raises(StorageFailed, match="full"):
            write_json(home.addresses, {"much": "x" * 30_000})
        assert list(home.run.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        with pytest.raises(StorageFailed, match="read-only"):
            HomeLock(home).acquire()
        with pytest.raises(StorageFailed, match="read-only"):
            Home(tmp_path / "another").prepare()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
