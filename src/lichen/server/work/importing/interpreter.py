"""The Python that has a converter's framework: this one, or an environment built for it."""

import importlib.resources
import importlib.util
import os
import sys
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import Format
from lichen.server.settings import inherited_environment
from lichen.server.work.scripts.place import add_platform
from lichen.server.work.workbench import Workbench
from lichen.serving.guests.environments import Environments
from lichen.training.scripts.requirements import ONLY_WHEELS

_ENVIRONMENTS = "lichen.frameworks.importing.environments"
_NEVER = "never"


def interpreter_for(format_: Format, bench: Workbench) -> Path:
    """An interpreter that can import all that a format needs; building one is charged to the job.

    Raises:
        InvalidInput: there is none, and the platform builds none; the message names the extra.
    """
    missing = [one for one in format_.needs if importlib.util.find_spec(one) is None]
    if not missing:
        return Path(sys.executable)
    remedy = f"pip install 'lichen[{format_.extra}]' beside the platform"
    settings = bench.settings.imports
    if format_.environment is None or settings.import_environments == _NEVER:
        raise InvalidInput(
            f"{format_.title} needs {', '.join(missing)}, which this platform does not have: "
            f"{remedy}"
        )
    return _built(format_.environment, bench, remedy)


def _built(name: str, bench: Workbench, remedy: str) -> Path:
    bench.watch.tell("installing its framework")
    listed = importlib.resources.files(_ENVIRONMENTS).joinpath(f"{name}.txt").read_bytes()
    folder = (
        bench.settings.imports.import_environments_folder or bench.home.environments / "imports"
    )
    environments = Environments(folder, inherited_environment(), (), ONLY_WHEELS, "framework")
    threads = os.cpu_count() or 1
    try:
        python = environments.python(
            listed, lambda pid: bench.spending.of_process(pid, "import-environment", threads)
        )
    except InvalidInput as error:
        raise InvalidInput(f"{error}; or {remedy}") from error
    add_platform(python)
    return python
