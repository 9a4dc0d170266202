"""What runs inside the guest of a runtime of ours: its model in a folder, and nothing of a version.

    python -I -B -u -c BOOT PACKAGE RUNTIME DESCRIPTOR PARENT_PID MEMORY_BYTES

The interpreter may be one in which this package is not installed: `BOOT` lets it be found where
the platform has it, and none of its neighbours with it.
"""

import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lichen.core.plugins import load_object
from lichen.frameworks.language.residents import RESIDENTS, Resident
from lichen.serving.guests.main import Model, begin, serve

BOOT = """
import importlib.util, sys
from pathlib import Path
place = Path(sys.argv.pop(1))
spec = importlib.util.spec_from_file_location(
    "lichen", place / "__init__.py", submodule_search_locations=[str(place)]
)
module = importlib.util.module_from_spec(spec)
sys.modules["lichen"] = module
spec.loader.exec_module(module)
from lichen.serving.guests.resident_main import main
sys.exit(main(sys.argv[1:]))
"""
_UNPACKED = "unpacked"


def open_resident(runtime: str) -> Model:
    """The model of the version in the current folder.

    Raises:
        InvalidInput: it cannot be served; the message says why.
    """
    resident = RESIDENTS[runtime]
    model: Model = load_object(resident.model)(_folder(resident))
    return model


def _folder(resident: Resident) -> Path:
    """Where its files lie: an archive is unpacked first, in this guest's own folder."""
    if not resident.archive:
        return Path.cwd()
    folder = Path.cwd() / _UNPACKED
    with tarfile.open(resident.archive, "r:") as tar:
        tar.extractall(folder, filter="data")
    return folder


def main(arguments: Sequence[str]) -> int:
    """Serve until the other side is gone."""
    runtime, *others = arguments
    return serve(begin(others), partial(open_resident, runtime))
