"""`lichen train script`: training code of your own, in a process of its own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lichen.cli.train_options import TrainingRun, training_options
from lichen.core.durations import parse_duration
from lichen.core.errors import InvalidInput
from lichen.protocol.training import ScriptTraining

PATH = click.Path(path_type=Path)
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_BITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Size(click.ParamType[int]):
    """Bytes, as people write them: `512M`, `4G`."""

    name = "size"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no size: write 512M or 4G", param, ctx)
        return int(float(found[1]) * 2 ** _BITS[found[2].upper()])


@click.command(short_help="Train by a script of your own, confined and metered.")
@click.argument("file", metavar="FILE.py", type=PATH)
@click.argument("arguments", metavar="[-- ARGUMENTS...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--requirements", metavar="FILE", type=PATH, help="Packages it needs, each NAME==V.")
@click.option("--time-limit", metavar="1h", default="1h", show_default=True, help="Wall time.")
@click.option(
    "--memory-limit", metavar="4G", type=Size(), default="4G", show_default=True, help="Memory."
)
@click.option(
    "--disk-limit", metavar="2G", type=Size(), default="2G", show_default=True, help="Its folder."
)
@training_options(is_searched=False)
def script(
    common: Mapping[str, Any],
    run: TrainingRun,
    file: Path,
    requirements: Path | None,
    time_limit: str,
    **options: Any,  # noqa: ANN401
) -> None:
    """Run FILE.py on a dataset; what it hands to `lichen.run().register` becomes a version.

    The program is confined to a folder of its own, without a network, and every process that it
    starts is charged to the job. `lichen jobs logs` shows what it printed.
    """
    run.submit(
        ScriptTraining(
            **common,
            source=_text(file),
            filename=file.name,
            arguments=list(options["arguments"]),
            environment=[] if requirements is None else _text(requirements).splitlines(),
            time_limit_s=parse_duration(time_limit).total_seconds(),
            memory_limit_bytes=options["memory_limit"],
            disk_limit_bytes=options["disk_limit"],
        )
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}): name a file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is no UTF-8 text: save it as such") from error
