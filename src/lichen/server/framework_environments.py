"""Environments with a framework that this platform lacks, built once from a pinned list."""

from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.environments import pinned_packages
from lichen.server.home import Home
from lichen.server.platform_paths import add_platform
from lichen.server.sections import Settings
from lichen.server.settings import inherited_environment
from lichen.serving.charging import Charges
from lichen.serving.guests.environments import Environments

_NEVER = "never"
_ONLY_WHEELS = ("--only-binary", ":all:")


def remedy_of(extra: str) -> str:
    """How a framework comes into this platform's own environment."""
    return f"pip install 'lichen[{extra}]' beside the platform"


def builds_environments(settings: Settings) -> bool:
    """Whether this platform builds environments for frameworks that it lacks."""
    return settings.imports.import_environments != _NEVER


def framework_python(name: str, extra: str, settings: Settings, charges: Charges) -> Path:
    """The interpreter of an environment, built if it is not there; it finds the platform too.

    Args:
        name: of the pinned list.
        extra: of ours, that installs the same beside the platform.
        settings: of this platform.
        charges: makes the counters of each process that it takes to build it.

    Raises:
        InvalidInput: it cannot be built; the message names the extra.
        StorageFailed: the disk is full or read-only.
    """
    listed = pinned_packages(name)
    if listed is None:
        raise InvalidInput(f"there is no list of packages for {name}: {remedy_of(extra)}")
    own = settings.imports.import_environments_folder
    folder = own or Home(settings.home).environments / "imports"
    environments = Environments(folder, inherited_environment(), (), _ONLY_WHEELS, "framework")
    try:
        python = environments.python(listed.hashed, charges, listed.unhashed)
    except InvalidInput as error:
        raise InvalidInput(f"{error}; or {remedy_of(extra)}") from error
    add_platform(python)
    return python
