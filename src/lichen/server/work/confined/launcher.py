"""What stands between a job and its script: confines it, reaps what it leaves, ends all of it.

    python -P -m lichen.server.work.confined.launcher PLAN

PLAN is JSON (`Plan`). The standard library alone: it runs before anything of the script does, and
is small. Where the kernel has namespaces of processes the script's processes are all within one,
whose first process is ours: when that ends the kernel ends every other, whatever it forked.

It fetches its signals: SIGTERM is passed on to the script's processes, SIGUSR1 ends them all.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lichen.energy.descendants import living
from lichen.server.work.confined.kernel import (
    SHARED_MEMORY,
    Namespace,
    adopt_orphans,
    drop_capabilities,
    end_with_parent,
    enter,
    no_new_privileges,
    restrict_files,
    settle_mounts,
)

AWAITED = frozenset({signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD})
NOT_CONFINED, NOT_STARTED = 125, 126
"""How it ends when the kernel refuses to confine, and when there is no such interpreter."""
BY_SIGNAL = 128
"""Added to the number of the signal that ended the script."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a script is run.

    Attributes:
        command: the interpreter and its arguments.
        variables: all that its environment holds.
        folder: where it works, and all that it may write.
        readable: files and folders that it may read, with all below them; `folder` is among them
            anyway.
        parent: the pid of the job.
        namespaces: what it has of its own (`kernel.Namespace`); 0: nothing.
        memory_bytes: address space of each process; 0: not bounded.
        file_bytes: largest file; 0: not bounded.
        is_confined: whether Landlock bounds its files and capabilities are dropped.
        has_network: whether it may open connections.
    """

    command: list[str]
    variables: dict[str, str]
    folder: str
    readable: list[str]
    parent: int
    namespaces: int = 0
    memory_bytes: int = 0
    file_bytes: int = 0
    is_confined: bool = True
    has_network: bool = False


def written(plan: Plan) -> str:
    """The plan as the launcher is given it."""
    return json.dumps(asdict(plan))


def main(arguments: Sequence[str]) -> int:
    """Run the script to its end; its exit code, or `BY_SIGNAL` and the signal."""
    plan = Plan(**json.loads(arguments[0]))
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    if not end_with_parent(signal.SIGUSR1, plan.parent):
        return NOT_STARTED
    adopt_orphans()
    namespaces = Namespace(plan.namespaces)
    if namespaces:
        try:
            enter(namespaces)
        except OSError as error:
            return _refused(error)
        if not end_with_parent(signal.SIGUSR1, plan.parent):  # new credentials may undo it
            return NOT_STARTED
    if Namespace.PROCESSES not in namespaces:
        return _keep(_script(plan), _end_descendants)
    first = os.fork()
    if first == 0:
        os._exit(_first_of_namespace(plan))
    return _pass_on(first)


def _first_of_namespace(plan: Plan) -> int:
    """What the first process of the namespace does: when it ends, so do all others of it."""
    end_with_parent(signal.SIGKILL, None)
    if Namespace.MOUNTS in Namespace(plan.namespaces):
        try:
            settle_mounts(Path(plan.folder), plan.memory_bytes or plan.file_bytes)
        except OSError as error:
            return _refused(error)
    script = _script(plan)
    if plan.is_confined:
        drop_capabilities()
    return _keep(script, _end_namespace)


def _refused(error: OSError) -> int:
    sys.stderr.write(f"the kernel does not confine the script: {error.strerror}\n")
    return NOT_CONFINED


def _script(plan: Plan) -> int:
    """Start the script in a session of its own; its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _bound(plan)
        os.chdir(plan.folder)
        if plan.is_confined:
            drop_capabilities()
            no_new_privileges()
            readable = [Path(one) for one in plan.readable]
            restrict_files(readable, _writable(plan), has_network=plan.has_network)
    except OSError as error:
        os._exit(_refused(error))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
    try:
        os.execve(plan.command[0], plan.command, plan.variables)  # noqa: S606 - the interpreter that was asked for
    except OSError as error:
        sys.stderr.write(f"{plan.command[0]} cannot be started: {error.strerror}\n")
        os._exit(NOT_STARTED)


def _writable(plan: Plan) -> list[Path]:
    """Its folder, devices that keep nothing, and shared memory where that is its own."""
    own = [Path(SHARED_MEMORY)] if Namespace.MOUNTS in Namespace(plan.namespaces) else []
    return [Path(plan.folder), *own, *_DEVICES]


_DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))


def _bound(plan: Plan) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan.memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (plan.memory_bytes, plan.memory_bytes))
    if plan.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.file_bytes, plan.file_bytes))


def _keep(script: int, end_all: Callable[[], None]) -> int:
    """Reap what ends until the script does, then end what it left; how the script ended."""
    while True:
        number = signal.sigwait(AWAITED)
        if number == signal.SIGTERM:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(script, signal.SIGTERM)
        elif number == signal.SIGUSR1:
            end_all()
            return BY_SIGNAL + signal.SIGKILL
        status = _reaped(script)
        if status is not None:
            end_all()
            return _code(status)


def _reaped(wanted: int) -> int | None:
    """Wait for all that have ended; the status of the wanted one, if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == wanted:
                found = status
    return found


def _end_namespace() -> None:
    """End every other process of this namespace, and wait for each, so that its time is counted."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _end_descendants() -> None:
    """End all that lives below this process; a new one may begin while we look."""
    while pids := living(os.getpid()):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)


def _pass_on(first: int) -> int:
    """Give our signals to the first process of the namespace until it ends; how the script did."""
    while True:
        number = signal.sigwait(AWAITED)
        if number != signal.SIGCHLD:
            with suppress(ProcessLookupError):
                os.kill(first, number)
        status = _reaped(first)
        if status is not None:
            return _code(status)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else BY_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
