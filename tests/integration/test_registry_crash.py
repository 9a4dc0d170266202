"""A kill at every system call of registering leaves the whole version or none, and a rerun ends it.

A tracer lets a real process run from system call to system call (ptrace) and kills it with SIGKILL
at the n-th, for every n until it gets through: between two of them nothing can reach the disk.
Where tracing is forbidden, the process kills itself at the n-th line of our code that it executes.

Run as a program this file is the driver: it forks, so it must not be the test process itself.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from lichen.core.clock import ManualClock
from lichen.core.ids import JobId, ModelReference, digest_of
from lichen.core.tensors import Signature
from lichen.registry.bundle import read_folder, verify_contents
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.admin_key import ensure_admin_key
from lichen.security.tokens import Keys
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 24, 0x4200
EXITKILL_AND_MARKED_SYSCALLS = 0x100000 | 1
SYSCALL_STOP = signal.SIGTRAP | 0x80

FILES = {"model.onnx": b"weights" * 1000, "forecast.json": b"{}"}
DRAFT = Draft("vic", "forecast", "ridge", Signature((), ()), "0.1.0", job_id=JobId("job-1"))


class Home:
    """What one process has open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = SqliteDocuments(folder / "lichen.db")
        self.blobs = LocalBlobs(folder / "blobs")
        self.catalog = Catalog(self.documents, self.blobs, ManualClock())


def accept(home: Home) -> None:
    """There is a job that runs."""
    home.documents.commit([Change("jobs", "job-1", b"running")])


def register(home: Home) -> None:
    """What a job does at its end: the version and its own completion, in one commit."""
    if home.catalog.registered(DRAFT.job_id) is None:
        running = home.documents.get("jobs", "job-1")
        assert running is not None
        done = Change("jobs", "job-1", b"done", running.version)
        home.catalog.register(DRAFT, FILES, [done])


def check_registered(home: Home, *, finished: bool) -> None:
    """The whole version or none; after the rerun the whole one, once."""
    job = home.documents.get("jobs", "job-1")
    assert job is not None
    versions = [entry.latest for entry in home.catalog.models()]
    manifests = home.documents.scan("model-versions")
    assert versions == [1] * len(manifests)
    assert (job.body == b"done") == (len(manifests) == 1)
    for name in ("model.onnx", "forecast.json") if manifests else ():
        manifest = home.catalog.resolve(ModelReference("vic", "1"))
        assert home.catalog.read(manifest, name) == FILES[name]
        assert home.catalog.verify(manifest) == ()
    for blob in (home.folder / "blobs").glob("??/*"):
        assert blob.name == digest_of(blob.read_bytes())
    if finished:
        assert versions == [1]


def export(home: Home) -> None:
    """Write the version as a folder."""
    if not (home.folder / "out").exists():
        home.catalog.export(home.catalog.resolve(ModelReference("vic", "1")), home.folder / "out")


def check_exported(home: Home, *, finished: bool) -> None:
    """The whole folder or none."""
    out = home.folder / "out"
    assert out.exists() or not finished
    if out.exists():
        contents = read_folder(out)
        assert set(contents) == {"lichen.json", "README.md", *FILES}
        assert verify_contents(contents) == ()


def start(home: Home) -> None:
    """The first start's own writes: the admin key."""
    clock = ManualClock()
    ensure_admin_key(home.folder / "admin.key", Keys(home.documents, clock), clock)


def check_started(home: Home, *, finished: bool) -> None:
    """One key at most, whole."""
    key = home.folder / "admin.key"
    known = Keys(home.documents, ManualClock()).records()
    assert len(known) <= 1
    assert key.exists() or not known
    if key.exists():
        assert len(key.read_text()) == len("lk_") + 12 + 1 + 64 + 1
    if finished:
        assert len(known) == 1


def accept_and_register(home: Home) -> None:
    """There is a version."""
    accept(home)
    register(home)


JOURNEYS = {
    "register": (accept, register, check_registered),
    "export": (accept_and_register, export, check_exported),
    "start": (accept, start, check_started),
}


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process; its pid. SQLite's handles must never cross a fork."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException as failure:  # noqa: BLE001 - a forked child must end here, whatever came
        sys.excepthook(type(failure), failure, failure.__traceback__)
        os._exit(1)
    os._exit(0)


def in_child_to_its_end(work: Callable[[], None]) -> None:
    assert os.waitpid(in_child(work), 0)[1] == 0


def traced(libc: ctypes.CDLL, work: Callable[[], None]) -> int:
    """A child that is stopped and traced, just before the work."""

    def stop_first() -> None:
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0:
            raise PermissionError
        os.kill(os.getpid(), signal.SIGSTOP)
        work()

    pid = in_child(stop_first)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSTOPPED(status)
    assert libc.ptrace(PTRACE_SETOPTIONS, pid, None, EXITKILL_AND_MARKED_SYSCALLS) == 0
    return pid


def dies_at_system_call(libc: ctypes.CDLL, work: Callable[[], None], number: int) -> bool:
    """Kill the work as it enters its n-th system call; False when it has fewer."""
    pid = traced(libc, work)
    delivered = 0
    for _ in range(2 * number - 1):  # a system call stops twice, on its way in and out
        while True:
            libc.ptrace(PTRACE_SYSCALL, pid, None, delivered)
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                assert status == 0
                return False
            if os.WSTOPSIG(status) == SYSCALL_STOP:
                delivered = 0
                break
            delivered = os.WSTOPSIG(status)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def dies_at_line(work: Callable[[], None], number: int) -> bool:
    """Kill the work at the n-th line of ours that it executes; False when it has fewer."""

    def counted() -> None:
        left = number

        def count(frame: FrameType, event: str, _: object) -> object:
            nonlocal left
            if "/lichen/" not in frame.f_code.co_filename:
                return None
            left -= event == "line"
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return count

        sys.settrace(count)  # type: ignore[arg-type]  # the stub wants one tracer's type
        work()

    _, status = os.waitpid(in_child(counted), 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def drive(journey: str, way: str, folder: Path) -> int:
    """Kill at every step; how many steps there were."""
    prepare, work, check = JOURNEYS[journey]
    libc = ctypes.CDLL(None)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    in_child_to_its_end(lambda: prepare(Home(folder / "first")))
    number, died = 0, True
    while died:
        number += 1
        home = folder / "home"
        shutil.copytree(folder / "first", home)

        def run(home: Path = home) -> None:
            work(Home(home))

        def check_home(home: Path = home, *, finished: bool) -> None:
            check(Home(home), finished=finished)

        died = (
            dies_at_system_call(libc, run, number)
            if way == "system calls"
            else dies_at_line(run, number)
        )

        def check_and_rerun() -> None:
            check_home(finished=False)
            run()
            check_home(finished=True)

        in_child_to_its_end(check_and_rerun)
        shutil.rmtree(home)
    return number - 1


def may_trace() -> bool:
    """Whether this machine lets a process trace its child."""
    probe = (
        "import ctypes, os\npid = os.fork()\n"
        "if not pid: os._exit(ctypes.CDLL(None).ptrace(0, 0, None, None) != 0)\n"
        "raise SystemExit(os.waitpid(pid, 0)[1] != 0)"
    )
    return subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("journey", list(JOURNEYS))
def test_a_kill_at_any_step_leaves_all_or_nothing(journey: str, tmp_path: Path) -> None:
    way = "system calls" if may_trace() else "lines"
    command = [sys.executable, __file__, journey, way, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout)
    assert told["steps"] > 40, told


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"steps": drive(sys.argv[1], sys.argv[2], Path(sys.argv[3]))}))
