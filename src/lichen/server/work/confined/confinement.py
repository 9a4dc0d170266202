"""How far a script is confined here: what it may read, and what it has of its own."""

import os
import site
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import lichen
from lichen.core.errors import Forbidden, Refused
from lichen.server.sections import SecuritySettings
from lichen.server.work.confined.kernel import TRUNCATE_SINCE, Namespace, landlock_abi

FULL, FILES, UNCONFINED = "full", "files", "unconfined"
"""Values of the setting `script_confinement`."""
NOBODY = "none"
"""Value of the setting `scripts`: nobody may."""

_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys/devices/system"),
    *("/sys/fs/cgroup", "/sys/kernel/mm"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/timezone", "/etc/ssl/certs", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/mime.types", "/etc/os-release", "/etc/alternatives"),
)
"""What programs need of the system; of `/etc` only what every user of it may know."""
ROOT = 0
_HAS_OWN_SITE = bool(site.ENABLE_USER_SITE)
"""Whether packages that this user installed for themselves count here."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds for a script: `namespaces` of its own, its files bounded, the network open."""

    namespaces: Namespace
    is_confined: bool
    has_network: bool


def confinement_of(security: SecuritySettings, user: int | None = None) -> Confinement:
    """What the settings ask for.

    Raises:
        Forbidden: they allow no scripts.
        Refused: the kernel cannot bound a script's files.
    """
    if security.scripts == NOBODY:
        raise Forbidden(
            'this platform runs no training scripts: set scripts = "admin" under [security], or '
            '"operator", if you trust whoever may train'
        )
    return confinement_at(
        security.script_confinement, has_network=security.script_network, user=user
    )


def confinement_at(level: str, *, has_network: bool, user: int | None = None) -> Confinement:
    """What holds at a level of confinement.

    Raises:
        Refused: the kernel cannot bound the files of a process.
    """
    if level == UNCONFINED:
        return Confinement(Namespace(0), is_confined=False, has_network=True)
    if landlock_abi() < TRUNCATE_SINCE:
        raise Refused(
            "this kernel cannot bound the files of a script (Landlock of Linux 6.2 is needed): set "
            f'script_confinement = "{UNCONFINED}" under [security] if you trust whoever may train'
        )
    if level == FILES:
        return Confinement(Namespace(0), is_confined=True, has_network=has_network)
    namespaces = Namespace.PROCESSES | Namespace.MOUNTS | Namespace.IPC
    if not has_network:
        namespaces |= Namespace.NETWORK
    if (os.getuid() if user is None else user) != ROOT:
        namespaces |= Namespace.USERS
    return Confinement(namespaces, is_confined=True, has_network=has_network)


def readable_paths(home: Path, more: Iterable[Path]) -> list[str]:
    """What a confined script may read: the system's programs, this Python, and `more`.

    Raises:
        Refused: the home lies within, so that its keys could be read.
    """
    packages = [*site.getsitepackages(), *([site.getusersitepackages()] if _HAS_OWN_SITE else [])]
    ours = [Path(sys.prefix), Path(sys.base_prefix), Path(lichen.__file__).parents[1]]
    ours += map(Path, packages)
    folders = [*map(Path, _SYSTEM), *(path.resolve() for path in ours), *more]
    inside = next((one for one in folders if home.resolve().is_relative_to(one.resolve())), None)
    if inside is not None:
        raise Refused(
            f"the platform's home lies within {inside}, which scripts may read: choose another "
            "home, so that its keys stay out of their reach"
        )
    return [str(path) for path in dict.fromkeys(folders)]
