"""`lichen.run()`: the run of this script, which a platform's job began, or one of its own."""

import os
from collections.abc import Sequence
from pathlib import Path

from lichen.core.plugins import load_object
from lichen.training.scripts.options import LocalOptions
from lichen.training.scripts.run import Run, begun

_LOCAL_DESK = "lichen.server.work.scripts.local:local_desk"


def run(
    data: str | os.PathLike[str] | None = None,
    *,
    name: str = "model",
    folder: str | os.PathLike[str] = "lichen-run",
    arguments: Sequence[str] = (),
    seed: int = 0,
) -> Run:
    """The run of this script. Started by `lichen train script`, the arguments count for nothing.

    Anywhere else it meters this process as `lichen.metered` does, and registers into a folder that
    `lichen models import` takes.

    Args:
        data: a CSV or Parquet file of rows.
        name: of the model.
        folder: where the run works.
        arguments: what `run.arguments` says.
        seed: what `run.seed` says.

    Raises:
        InvalidInput: the file cannot be read as a table.
    """
    here = begun()
    if here is not None:
        return here
    options = LocalOptions(
        data=None if data is None else Path(data),
        name=name,
        folder=Path(folder).absolute(),
        arguments=tuple(arguments),
        seed=seed,
    )
    return Run(*load_object(_LOCAL_DESK)(options))  # a script of a platform needs none of it
