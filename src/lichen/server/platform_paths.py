"""Where this platform's own packages stand, for interpreters of other environments."""

import site
import sys
from pathlib import Path

import lichen
from lichen.store.whole_files import replace_file

_PLATFORM_PATHS = "lichen-platform.pth"


def platform_paths() -> list[str]:
    """Where the platform's own packages stand."""
    return [str(Path(lichen.__file__).parents[1]), *site.getsitepackages()]


def add_platform(python: Path) -> None:
    """Let an environment find the platform's packages, after its own.

    Raises:
        StorageFailed: the disk is full or read-only.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = python.parent.parent / "lib" / version / "site-packages"
    content = "".join(f"{path}\n" for path in platform_paths()).encode()
    file = packages / _PLATFORM_PATHS
    if not file.is_file() or file.read_bytes() != content:
        replace_file(file, content)
