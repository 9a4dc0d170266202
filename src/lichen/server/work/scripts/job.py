"""The task `script`: a program of the user's own trains a model; all that it does is charged."""

import os
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from time import monotonic

from lichen.core.errors import OverBudget, Refused, WorkFailed
from lichen.core.units import readable
from lichen.protocol.training import ScriptTraining
from lichen.registry.manifest import Metric
from lichen.server.platform_paths import add_platform, platform_paths
from lichen.server.settings import inherited_environment
from lichen.server.work.confined.confinement import (
    FILES,
    UNCONFINED,
    confinement_of,
    readable_paths,
)
from lichen.server.work.confined.family import FamilyClock
from lichen.server.work.confined.launcher import BY_SIGNAL, NOT_CONFINED, Plan
from lichen.server.work.confined.output import BoundedOutput
from lichen.server.work.confined.place import (
    Place,
    laid_out,
    variables,
)
from lichen.server.work.confined.process import ScriptEnd, ScriptLimits, ScriptProcess
from lichen.server.work.scripts.answers import Ears, Registered
from lichen.server.work.scripts.course import decoded, encoded
from lichen.server.work.workbench import Workbench
from lichen.serving.guests.environments import Environments
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.scripts.channel import send
from lichen.training.scripts.dataset import ScriptDataset, described
from lichen.training.scripts.options import SPLIT
from lichen.training.scripts.requirements import ONLY_WHEELS, checked_requirements

SCRIPT_FILE = "script.py"
"""The program, as a version keeps it."""
COURSE = "course"
"""The checkpoint of the metrics so far."""
_GRACE_SHARE = 0.6
"""Of the grace that a cancelled job has: the rest is for ending and recording."""
_BUDGET_GRACE_SECONDS = 10.0
"""A script that was told that its budget is spent registers what it has in these, or is ended."""
_LOOK_SECONDS = 0.5


def train_script(asked: ScriptTraining, materials: Materials, bench: Workbench) -> TrainingResult:
    """Run the program, confined and metered; what it registered.

    Raises:
        Forbidden: this platform runs no scripts.
        Refused: this machine cannot confine one.
        InvalidInput: its requirements cannot be installed.
        WorkFailed: it failed, took what it may not, or registered nothing.
        OverBudget: it went on though its budget was spent.
    """
    place = laid_out(materials.scratch, asked)
    dataset = materials.dataset
    rows = ScriptDataset(
        dataset.name, dataset.version, materials.file(), dataset.schema, dataset.rows
    )
    python = _python(asked, bench)
    attempt = _Attempt(asked, bench, place)
    ended = attempt.run(_plan(asked, bench, place, (python, rows.path)), rows)
    registered = attempt.judged(ended)
    return _result(asked, registered, attempt)


def _python(asked: ScriptTraining, bench: Workbench) -> Path:
    """The interpreter that has what the script asks for; building one is charged to the job."""
    requirements = checked_requirements(asked.environment)
    if requirements is None:
        return Path(sys.executable)
    bench.watch.tell("installing its requirements")
    folder = bench.home.environments / "scripts"
    environments = Environments(folder, inherited_environment(), (), ONLY_WHEELS, "script")
    threads = os.cpu_count() or 1
    python = environments.python(
        requirements, lambda pid: bench.spending.of_process(pid, "script-environment", threads)
    )
    add_platform(python)
    return python


def _plan(asked: ScriptTraining, bench: Workbench, place: Place, needed: tuple[Path, Path]) -> Plan:
    confinement = confinement_of(bench.settings.security)
    python, rows = needed
    own = [] if str(python) == sys.executable else [python.parent.parent]
    more = [place.control, rows, *own]
    return Plan(
        command=[str(python), "-P", "-u", "-m", "lichen.training.scripts.inside"],
        variables=variables(place, asked.seed, python),
        folder=str(place.work),
        readable=readable_paths(bench.home.folder, more) if confinement.is_confined else [],
        parent=os.getpid(),
        namespaces=int(confinement.namespaces),
        memory_bytes=asked.memory_limit_bytes,
        file_bytes=asked.disk_limit_bytes,
        is_confined=confinement.is_confined,
        has_network=confinement.has_network,
    )


@dataclass(slots=True)
class _Attempt:
    """One run of the script by one attempt at its job."""

    asked: ScriptTraining
    bench: Workbench
    place: Place
    family: FamilyClock = field(default_factory=FamilyClock)
    process: ScriptProcess | None = None
    ears: Ears | None = None
    why_over_budget: str | None = None
    over_budget_at: float = 0.0
    look_at: float = 0.0
    output: BoundedOutput = field(init=False)
    writing: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        bound = self.bench.settings.limits.script_log_bytes
        self.output = BoundedOutput(_to_log, bound)

    def run(self, plan: Plan, rows: ScriptDataset) -> ScriptEnd:
        """Start it and stay until it has ended; every process of its is gone then."""
        bench = self.bench
        bench.spending.gauge.adopt(self.family)
        ours, theirs = socket.socketpair()
        with theirs:
            plan = _with_arguments(plan, theirs.fileno(), self.place)
            self.process = process = ScriptProcess(plan, self._limits(), [theirs.fileno()])
        self.family.group(process.pid)
        send(ours, self._first_word(), described(rows))
        course = decoded(bench.watch.load(COURSE))
        name, most = self.asked.name or self.asked.data, self.asked.memory_limit_bytes
        self.ears = Ears(ours, name, course, self._spent, self.take, most)
        try:
            return process.attend(self.take, self.tick)
        finally:
            self.ears.close()
            with self.writing:
                self.output.end()
            bench.spending.gauge.spent()
            self.family.close()

    def take(self, printed: bytes) -> None:
        """Something for the log."""
        with self.writing:
            self.output.take(printed)

    def tick(self) -> None:
        """Pass on what the worker wants, and how far the script is."""
        if monotonic() < self.look_at or self.ears is None or self.process is None:
            return
        self.look_at = monotonic() + _LOOK_SECONDS
        nj, _ = self._spent()
        self._check_budget()
        should_stop = self.bench.watch.is_to_stop or self.why_over_budget is not None
        if should_stop != self.place.is_told_to_stop:
            self.place.tell_to_stop(should_stop=should_stop)
        self.bench.watch.tell(self.ears.newest or "training", self.ears.fraction, nj)

    def judged(self, ended: ScriptEnd) -> Registered:
        """What it registered.

        Raises:
            WorkFailed, Refused, OverBudget: as `train_script` does.
        """
        assert self.ears is not None  # noqa: S101 - it has run
        name, registered = self.place.script.name, self.ears.registered
        if ended.code == NOT_CONFINED and ended.why is None:
            raise Refused(
                f"this machine does not let {name} be confined ({self.output.last_line}): set "
                f'script_confinement = "{FILES}" or "{UNCONFINED}" under [security] if you trust '
                "whoever may train"
            )
        if ended.why is not None:
            kind = OverBudget if ended.why == self.why_over_budget else WorkFailed
            raise kind(f"{name} was ended: {ended.why}")
        if registered is None and self.bench.watch.is_to_stop:
            self.bench.watch.save(COURSE, encoded(self.ears.course))  # and end here, paused
        if ended.code:
            raise WorkFailed(f"{name} {self._failure(ended.code)}")
        if registered is None:
            raise WorkFailed(
                f"{name} ended and registered nothing: call run.register(model) at its end"
            )
        return registered

    def _failure(self, code: int) -> str:
        if code > BY_SIGNAL:
            return f"was ended by signal {code - BY_SIGNAL}: {self._where()}"
        said = (self.ears.raised if self.ears else None) or self.output.last_line
        hint = " (--memory-limit gives it more)" if said.startswith("MemoryError") else ""
        why = f": {said}{hint}" if said else ""
        return f"ended with code {code}{why}; {self._where()}"

    def _where(self) -> str:
        return f"`lichen jobs logs {self.bench.job.id}` shows all that it said"

    def _check_budget(self) -> None:
        """A spent budget is told first, so that the script can register what it has."""
        asked, (nj, ng) = self.asked, self._spent()
        for spent, limit, unit in ((nj, asked.budget_nj, "J"), (ng, asked.budget_ng, "g")):
            if limit is None or spent is None or spent < limit:
                continue
            if self.why_over_budget is None:
                self.over_budget_at = monotonic()
            self.why_over_budget = (
                f"its budget of {readable(limit, unit)} is spent and it did not end: look at "
                "run.should_stop, and register what there is"
            )
            is_late = monotonic() > self.over_budget_at + _BUDGET_GRACE_SECONDS
            if is_late and self.process is not None:
                self.process.ask_to_end(self.why_over_budget)

    def _spent(self) -> tuple[int | None, int | None]:
        """Nanojoules and nanograms of all attempts so far."""
        cost = self.bench.spending.so_far()
        return cost.nj, cost.ng

    def _limits(self) -> ScriptLimits:
        settings = self.bench.settings
        return ScriptLimits(
            seconds=self.asked.time_limit_s,
            memory_bytes=self.asked.memory_limit_bytes,
            disk_bytes=self.asked.disk_limit_bytes,
            processes=settings.limits.script_processes,
            grace_seconds=_GRACE_SHARE * settings.jobs.grace_seconds,
        )

    def _first_word(self) -> dict[str, object]:
        return {
            "arguments": self.asked.arguments,
            "seed": self.asked.seed,
            "folder": str(self.place.work),
            "path": platform_paths(),
        }


def _with_arguments(plan: Plan, descriptor: int, place: Place) -> Plan:
    arguments = [str(descriptor), str(place.control), str(place.script)]
    return replace(plan, command=[*plan.command, *arguments])


def _result(asked: ScriptTraining, made: Registered, attempt: _Attempt) -> TrainingResult:
    assert attempt.ears is not None  # noqa: S101 - it has run
    metrics = {**attempt.ears.course.last_values(), **made.metrics}
    return TrainingResult(
        algorithm=made.algorithm,
        files={**made.form.files, SCRIPT_FILE: asked.source.encode()},
        signature=made.form.signature,
        metrics=tuple(Metric(name, value, None, SPLIT) for name, value in metrics.items()),
        parameters={
            **made.parameters,
            "kind": made.task,
            "script": attempt.place.script.name,
            "arguments": asked.arguments,
            "environment": asked.environment,
            "seed": asked.seed,
        },
        candidates=(),
        details={"metrics": attempt.ears.course.shown()},
        provenance=replace(made.form.provenance, source=attempt.place.script.name),
    )


def _to_log(printed: bytes) -> None:
    sys.stdout.buffer.write(printed)
    sys.stdout.flush()
