"""The Python that has a converter's framework: this one, or an environment built for it."""

import importlib.util
import os
import sys
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import Format
from lichen.server.framework_environments import (
    builds_environments,
    framework_python,
    remedy_of,
)
from lichen.server.work.workbench import Workbench


def interpreter_for(format_: Format, bench: Workbench) -> Path:
    """An interpreter that can import all that a format needs; building one is charged to the job.

    Raises:
        InvalidInput: there is none, and the platform builds none; the message names the extra.
    """
    missing = [one for one in format_.needs if importlib.util.find_spec(one) is None]
    if not missing:
        return Path(sys.executable)
    if format_.environment is None or not builds_environments(bench.settings):
        raise InvalidInput(
            f"{format_.title} needs {', '.join(missing)}, which this platform does not have: "
            f"{remedy_of(format_.extra)}"
        )
    return _built(format_, format_.environment, bench)


def _built(format_: Format, environment: str, bench: Workbench) -> Path:
    bench.watch.tell("installing its framework")
    threads = os.cpu_count() or 1
    return framework_python(
        environment,
        format_.extra,
        bench.settings,
        lambda pid: bench.spending.of_process(pid, "import-environment", threads),
    )
