"""What the kernel does to confine a process, by system call. The standard library alone.

Landlock (landlock(7)) bounds which files a process and all its children may touch; namespaces
(namespaces(7)) hide other processes, the network and the machine's mounts; capabilities
(capabilities(7)) are what is left of being root.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from enum import IntFlag
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_MOUNT_SETATTR = 442
"""Numbers of system calls since Linux 5.1 are the same on every architecture."""
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_SCOPES_ABSTRACT_SOCKETS_AND_SIGNALS = 3
_BIND_AND_CONNECT_TCP = 3
_SCOPES_SINCE, _NETWORK_SINCE = 6, 4

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - each process that is confined gets one of its own
TRUNCATE_SINCE = 3
"""Landlock before this (Linux 6.2) lets any file be emptied: it is not enough."""

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_PR_SET_CHILD_SUBREAPER, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 36, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 1 << 14, 1 << 18
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 1


class Namespace(IntFlag):
    """What of the machine a process has its own of (clone(2))."""

    MOUNTS = 0x00020000
    IPC = 0x08000000
    USERS = 0x10000000
    PROCESSES = 0x20000000
    NETWORK = 0x40000000


class _Files(IntFlag):
    """Rights of Landlock, as many as are named here; 13 came with ABI 2, 14 with 3, 15 with 5."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_ALL_BY_ABI = ((1, 13), (2, 14), (3, 15), (5, 16))
"""How many rights there are from an ABI on."""
_OF_FILES = (
    _Files.EXECUTE | _Files.WRITE_FILE | _Files.READ_FILE | _Files.TRUNCATE | _Files.IOCTL_DEV
)
_READING = _Files.EXECUTE | _Files.READ_FILE | _Files.READ_DIR


def landlock_abi() -> int:
    """The version of Landlock here; 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def restrict_files(
    readable: Iterable[Path], writable: Iterable[Path], *, has_network: bool
) -> None:
    """From now on this process and its children touch these files, and those below, alone.

    Without a network they open no TCP connection either (Linux 6.7), to nobody.

    Raises:
        OSError: the kernel does not do so.
    """
    abi = landlock_abi()
    every = (1 << max((rights for since, rights in _ALL_BY_ABI if abi >= since), default=0)) - 1
    attributes = struct.pack("=Q", every)
    if abi >= _NETWORK_SINCE:
        attributes += struct.pack("=Q", 0 if has_network else _BIND_AND_CONNECT_TCP)
    if abi >= _SCOPES_SINCE:
        attributes += struct.pack("=Q", _SCOPES_ABSTRACT_SOCKETS_AND_SIGNALS)
    ruleset = _called(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in readable:
            _allow(ruleset, path, int(_READING) & every)
        for path in writable:
            _allow(ruleset, path, every)
        no_new_privileges()
        _called(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """What is not there need not be allowed."""
    try:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        granted = rights if path.is_dir() else rights & int(_OF_FILES)
        _called(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", granted, there), 0)
    finally:
        os.close(there)


def enter(namespaces: Namespace) -> None:
    """Move this process into namespaces of its own; in one of users it stays who it is.

    Raises:
        OSError: it may not.
    """
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(int(namespaces)):
        raise _error("unshare")
    if Namespace.USERS in namespaces:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def settle_mounts(folder: Path, shared_memory_bytes: int) -> None:
    """Everything but `folder` becomes read-only, `/dev/shm` private, `/proc` of these processes.

    For a process in namespaces of mounts and processes of its own.

    Raises:
        OSError: the kernel does not do so.
    """
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount(str(folder), str(folder), None, _MS_BIND)
    _set_read_only("/", recursively=True, is_read_only=True)
    _set_read_only(str(folder), recursively=False, is_read_only=False)
    small = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if Path(SHARED_MEMORY).is_dir():
        _mount("tmpfs", SHARED_MEMORY, "tmpfs", small, f"size={shared_memory_bytes}")
    with suppress(OSError):  # within a container /proc may be covered: the outer one shows then
        _mount("proc", "/proc", "proc", small)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    words = [text.encode() if text is not None else None for text in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), data.encode()):
        raise _error(f"mount {target}")


def _set_read_only(target: str, *, recursively: bool, is_read_only: bool) -> None:
    attributes = struct.pack(
        "=QQQQ", _MOUNT_ATTR_RDONLY * is_read_only, _MOUNT_ATTR_RDONLY * (not is_read_only), 0, 0
    )
    flags = _AT_RECURSIVE * recursively
    _called(_MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, attributes, len(attributes))


def drop_capabilities() -> None:
    """Root keeps its files, and nothing else of its power; there is no way back."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # it may not, or there are no more
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, bytes(24)):
        raise _error("capset")


def no_new_privileges() -> None:
    """No program that it starts has more power than it (set-user-ID bits count for nothing)."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise _error("prctl")


def end_with_parent(number: int, parent: int | None) -> bool:
    """Be sent a signal when the parent ends; whether it still is `parent`, where one is given."""
    _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    return parent is None or os.getppid() == parent


def adopt_orphans() -> None:
    """Become the parent of processes below that lose theirs."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _called(number: int, *arguments: object) -> int:
    found = int(_libc.syscall(number, *arguments))
    if found < 0:
        raise _error(f"system call {number}")
    return found


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
