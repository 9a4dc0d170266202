"""One run of a converter: confined, bounded, metered into the job, and read back with suspicion."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lichen.core import errors
from lichen.core.errors import Corrupt, InvalidInput, LichenError, Refused, WorkFailed
from lichen.frameworks.importing.conversion import Conversion, Wishes, left_file, read_conversion
from lichen.frameworks.importing.formats import Format
from lichen.frameworks.importing.inside import REFUSED, REFUSED_FILE
from lichen.frameworks.importing.source import Source
from lichen.server.work.confined.confinement import (
    FILES,
    FULL,
    UNCONFINED,
    Confinement,
    confinement_at,
    readable_paths,
)
from lichen.server.work.confined.family import FamilyClock
from lichen.server.work.confined.launcher import BY_SIGNAL, NOT_CONFINED, Plan
from lichen.server.work.confined.output import BoundedOutput
from lichen.server.work.confined.place import Place, variables
from lichen.server.work.confined.process import ScriptEnd, ScriptLimits, ScriptProcess
from lichen.server.work.importing.interpreter import interpreter_for
from lichen.server.work.workbench import Workbench
from lichen.store.failures import storage_failures

_AUTO = "auto"
_AS_FAR_AS_IT_GOES = (FULL, FILES, UNCONFINED)
_DISK_BYTES = 24 * 2**30
_PROCESSES = 32
_GRACE_SECONDS = 2.0
_LARGEST_REFUSAL = 1 << 16


class _Refusal(msgspec.Struct):
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run needs."""

    format: Format
    source: Source
    bench: Workbench
    place: Place
    python: Path

    @property
    def out(self) -> Path:
        """Where the conversion is left."""
        return self.place.work / "out"


def converted(format_: Format, source: Source, wishes: Wishes, bench: Workbench) -> Conversion:
    """What a format's converter makes of a source.

    Raises:
        InvalidInput: the converter refuses it, or its framework is not to be had.
        Refused: this machine cannot confine what must be confined.
        WorkFailed: the converter failed, or took more than it may.
    """
    format_.check(source)
    python = interpreter_for(format_, bench)
    bench.watch.tell("converting")
    run = _Run(format_, source, bench, _place(bench, wishes), python)
    for level in _levels(bench.settings.imports.import_confinement, wishes):
        ended = _ended(run, level)
        if ended is not None:
            return _judged(run, *ended)
    raise Refused(
        "this machine does not let a converter be confined: set import_confinement under [imports] "
        "if you trust whoever may import models"
    )


def _levels(asked: str, wishes: Wishes) -> tuple[str, ...]:
    if wishes.may_unpickle:
        return (FULL,)
    return _AS_FAR_AS_IT_GOES if asked == _AUTO else (asked,)


def _place(bench: Workbench, wishes: Wishes) -> Place:
    scratch = bench.home.job(bench.job.id) / "scratch"
    place = Place(scratch / "work", scratch / "control", scratch / "control" / "wishes.json")
    with storage_failures(scratch):
        shutil.rmtree(place.work, ignore_errors=True)
        for folder in (place.work / "out", place.work / "tmp", place.control):
            folder.mkdir(parents=True, exist_ok=True)
        place.script.write_bytes(msgspec.json.encode(wishes))
    return place


def _ended(run: _Run, level: str) -> tuple[ScriptEnd, BoundedOutput] | None:
    """How it ended; None where the machine does not confine so far."""
    try:
        confinement = confinement_at(level, has_network=False)
    except Refused:
        return None
    bench, output = run.bench, BoundedOutput(_to_log, run.bench.settings.limits.script_log_bytes)
    family = FamilyClock()
    bench.spending.gauge.adopt(family)
    try:
        process = ScriptProcess(_plan(run, confinement), _limits(run.format), [])
        family.group(process.pid)
        ended = process.attend(output.take, lambda: None)
    finally:
        output.end()
        bench.spending.gauge.spent()
        family.close()
    if ended.code == NOT_CONFINED and ended.why is None:
        return None
    return ended, output


def _plan(run: _Run, confinement: Confinement) -> Plan:
    own = [] if str(run.python) == sys.executable else [run.python.parent.parent]
    more = [run.place.control, run.source.folder, *own]
    module = "lichen.frameworks.importing.inside"
    asked = [run.format.converter, str(run.source.folder), run.source.name]
    return Plan(
        command=[
            *(str(run.python), "-X", "faulthandler", "-P", "-u", "-m", module, *asked),
            *(str(run.out), str(run.place.script)),
        ],
        variables=variables(run.place, 0, run.python),
        folder=str(run.place.work),
        readable=readable_paths(run.bench.home.folder, more) if confinement.is_confined else [],
        parent=os.getpid(),
        namespaces=int(confinement.namespaces),
        memory_bytes=run.format.memory_bytes,
        file_bytes=_DISK_BYTES,
        is_confined=confinement.is_confined,
        has_network=confinement.has_network,
    )


def _limits(format_: Format) -> ScriptLimits:
    return ScriptLimits(
        seconds=format_.seconds,
        memory_bytes=format_.memory_bytes,
        disk_bytes=_DISK_BYTES,
        processes=_PROCESSES,
        grace_seconds=_GRACE_SECONDS,
    )


def _judged(run: _Run, ended: ScriptEnd, output: BoundedOutput) -> Conversion:
    if ended.why is not None:
        raise WorkFailed(f"the conversion of {run.source.name} was ended: {ended.why}")
    if ended.code == REFUSED:
        raise _refusal(run.out / REFUSED_FILE, run.source.name)
    if ended.code:
        raise WorkFailed(
            f"{run.format.title} could not be read from {run.source.name}, its converter "
            f"{_failure(run, ended.code, output.last_line)}"
        )
    return read_conversion(run.out)


def _failure(run: _Run, code: int, last_line: str) -> str:
    if code <= BY_SIGNAL:
        return f"ended with code {code}: {last_line or 'it said nothing'}"
    where = f"`lichen jobs logs {run.bench.job.id}` shows where"
    return f"crashed by signal {code - BY_SIGNAL}: {where}"


def _refusal(path: Path, name: str) -> LichenError:
    """What the converter said, in a class of ours."""
    try:
        content = left_file(path.parent, path.name, _LARGEST_REFUSAL)
        said = msgspec.json.decode(content, type=_Refusal)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the converter of {name} refused it and did not say why") from error
    kind = getattr(errors, said.kind, InvalidInput)
    is_ours = isinstance(kind, type) and issubclass(kind, LichenError)
    return kind(f"{name}: {said.reason}") if is_ours else InvalidInput(f"{name}: {said.reason}")


def _to_log(printed: bytes) -> None:
    sys.stdout.buffer.write(printed)
    sys.stdout.flush()
