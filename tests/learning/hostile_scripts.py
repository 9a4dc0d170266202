"""Hostile scripts, as a job runs them: each is confined, held to its limits, and ended whole.

`test_scripts_hostile.py` runs this file in a process that has no other children.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lichen.energy.descendants import living
from lichen.server.sections import SecuritySettings
from lichen.server.work.confined.confinement import confinement_of, readable_paths
from lichen.server.work.confined.family import FamilyClock
from lichen.server.work.confined.kernel import TRUNCATE_SINCE, landlock_abi
from lichen.server.work.confined.launcher import BY_SIGNAL, NOT_CONFINED, Plan
from lichen.server.work.confined.output import BoundedOutput
from lichen.server.work.confined.process import ScriptEnd, ScriptLimits, ScriptProcess

MIB = 2**20
LIMITS = ScriptLimits(
    seconds=120.0,
    memory_bytes=256 * MIB,
    disk_bytes=32 * MIB,
    processes=20,
    grace_seconds=0.3,
)
FULL, FILES = SecuritySettings(), SecuritySettings(script_confinement="files")
UNCONFINED = SecuritySettings(script_confinement="unconfined")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended, what is kept of what it printed, and what it cost."""

    end: ScriptEnd
    printed: str
    cpu_ns: int


Script = Callable[..., Outcome]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs a program as a script of a job; nothing of it may be left running."""

    def run(
        source: str,
        limits: ScriptLimits = LIMITS,
        security: SecuritySettings = FULL,
        tick: Callable[[ScriptProcess], None] = lambda _: None,
    ) -> Outcome:
        if security is not UNCONFINED and landlock_abi() < TRUNCATE_SINCE:
            pytest.skip("this kernel has no Landlock that bounds every file")
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        (tmp_path / "script.py").write_text(source)
        printed = bytearray()
        output = BoundedOutput(printed.extend, 64 * 1024)
        clock = FamilyClock()
        process = ScriptProcess(_plan(tmp_path, limits, security), limits, ())
        clock.group(process.pid)
        end = process.attend(output.take, lambda: tick(process))
        output.end()
        cpu_ns = clock()
        clock.close()
        assert living(os.getpid()) == []
        if end.code == NOT_CONFINED:
            pytest.skip(f"this machine lets nobody be confined so far: {printed.decode()}")
        return Outcome(end, printed.decode(errors="replace"), cpu_ns)

    return run


def _plan(folder: Path, limits: ScriptLimits, security: SecuritySettings) -> Plan:
    confinement = confinement_of(security)
    readable = readable_paths(Path("/nowhere/home"), [folder / "script.py"])
    return Plan(
        command=[sys.executable, "-P", "-u", str(folder / "script.py")],
        variables={"LANG": "C.UTF-8"},
        folder=str(folder / "work"),
        readable=[path for path in readable if not folder.is_relative_to(path)],
        parent=os.getpid(),
        namespaces=int(confinement.namespaces),
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.disk_bytes,
        is_confined=confinement.is_confined,
        has_network=confinement.has_network,
    )


def _runs(pid: int) -> bool:
    """Whether it does anything still; one that nobody waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


CONFINED = pytest.mark.parametrize("security", [FULL, FILES], ids=["full", "files"])
ANYHOW = pytest.mark.parametrize(
    "security", [FULL, FILES, UNCONFINED], ids=["full", "files", "unconfined"]
)


@ANYHOW
def test_a_script_prints_and_ends_with_its_own_code(
    script: Script, security: SecuritySettings
) -> None:
    found = script("import sys; print('hello'); sys.exit(3)", security=security)
    assert (found.end, found.printed) == (ScriptEnd(3, None), "hello\n")


def test_its_input_is_closed_and_no_variable_of_the_platform_is_there(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICHEN_KEY", "secret")
    found = script("import os, sys; print(repr(sys.stdin.read()), sorted(os.environ))")
    assert found.printed.startswith("''")
    assert "LICHEN" not in found.printed


@ANYHOW
def test_one_that_never_ends_is_ended_at_its_time_limit(
    script: Script, security: SecuritySettings
) -> None:
    found = script("while True: pass", replace(LIMITS, seconds=0.4), security)
    assert found.end.why is not None
    assert found.end.why.startswith("it did not end within 0.4 s")
    assert found.cpu_ns > 10**7, "what it burned is charged, however little the machine gave it"


@pytest.fixture
def ask_when_ready(tmp_path: Path) -> Callable[[ScriptProcess], None]:
    """Asks a script to end once it has written the file `ready`."""

    def ask(process: ScriptProcess) -> None:
        if (tmp_path / "work" / "ready").exists():
            process.ask_to_end(None)

    return ask


def test_one_that_ignores_every_signal_is_killed_after_its_grace(
    script: Script, ask_when_ready: Callable[[ScriptProcess], None]
) -> None:
    deaf = (
        "import signal, time\n"
        "for one in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(one, signal.SIG_IGN)\n"
        "print('deaf')\n"
        "open('ready', 'w')\n"
        "while True: time.sleep(1)\n"
    )
    found = script(deaf, tick=ask_when_ready)
    assert found.end.code == BY_SIGNAL + 9
    assert found.printed == "deaf\n"


def test_one_that_is_asked_to_end_may_say_goodbye(
    script: Script, ask_when_ready: Callable[[ScriptProcess], None]
) -> None:
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('saved') or 7))\n"
        "print('ready')\n"
        "open('ready', 'w')\n"
        "while True: time.sleep(0.05)\n"
    )
    found = script(polite, replace(LIMITS, grace_seconds=60.0), tick=ask_when_ready)
    assert (found.end, found.printed) == (ScriptEnd(7, None), "ready\nsaved\n")


@ANYHOW
def test_a_fork_bomb_is_ended_whole(script: Script, security: SecuritySettings) -> None:
    # bounded even if nobody ended it: seven generations, ten seconds
    bomb = "import os, time\nfor _ in range(7): os.fork()\ntime.sleep(10)\n"
    found = script(bomb, security=security)
    assert found.end.why is not None
    assert "processes, and 20 is the limit" in found.end.why


@ANYHOW
def test_a_daemon_ends_with_its_script_and_is_charged(
    script: Script, security: SecuritySettings
) -> None:
    daemon = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        end = time.monotonic() + 30\n"
        "        while time.process_time() < 0.3: pass\n"
        "        open('burned', 'w')\n"
        "        while time.monotonic() < end: pass\n"
        "    os._exit(0)\n"
        "while not os.path.exists('burned'): time.sleep(0.01)\n"
    )
    found = script(daemon, security=security)
    assert found.end == ScriptEnd(0, None)
    assert found.cpu_ns >= 3 * 10**8, "it left its parent, and its time counts"


@ANYHOW
def test_children_whose_parent_ignores_their_end_are_charged_while_they_run(
    script: Script, security: SecuritySettings, tmp_path: Path
) -> None:
    unheard = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    while time.process_time() < 0.3: pass\n"
        "    while not os.path.exists('seen'): time.sleep(0.01)\n"
        "    os._exit(0)\n"
        "while not os.path.exists('seen'): time.sleep(0.01)\n"
    )

    def look(_: ScriptProcess) -> None:
        if clock() >= 3 * 10**8:
            (tmp_path / "work" / "seen").touch()

    clock = FamilyClock()
    assert script(unheard, security=security, tick=look).end == ScriptEnd(0, None)
    assert clock() >= 3 * 10**8


@CONFINED
def test_it_writes_nowhere_but_in_its_folder(
    script: Script, security: SecuritySettings, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("as it was")
    attempts = (
        "import os\n"
        f"outside = {str(outside)!r}\n"
        "open('inside', 'w').write('x')\n"
        "os.symlink(outside + '/kept', 'link')\n"
        "for what in (\n"
        "    lambda: open(outside + '/new', 'w'),\n"
        "    lambda: open(outside + '/kept', 'a'),\n"
        "    lambda: open('link', 'w'),\n"
        "    lambda: os.truncate(outside + '/kept', 0),\n"
        "    lambda: os.remove(outside + '/kept'),\n"
        "    lambda: os.rename('inside', outside + '/inside'),\n"
        "    lambda: os.link(outside + '/kept', 'hard'),\n"
        "    lambda: os.mkdir(outside + '/folder'),\n"
        "    lambda: open('/tmp/lichen-test-of-scripts', 'w'),\n"
        "):\n"
        "    try: what(); print('DONE')\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    found = script(attempts, security=security)
    assert "DONE" not in found.printed, found.printed
    assert len(found.printed.split()) == 9
    assert (outside / "kept").read_text() == "as it was"
    assert sorted(path.name for path in outside.iterdir()) == ["kept"]
    assert (tmp_path / "work" / "inside").read_text() == "x"


@CONFINED
def test_it_reads_no_key_and_no_stranger(
    script: Script, security: SecuritySettings, tmp_path: Path
) -> None:
    (tmp_path / "admin.key").write_text("secret")
    attempts = (
        "import os\n"
        f"paths = {[str(tmp_path / 'admin.key'), '/etc/shadow', f'/proc/{os.getpid()}/environ']}\n"
        "for path in paths:\n"
        "    try: print('READ', open(path).read())\n"
        "    except OSError as error: print(type(error).__name__)\n"
        "try: os.listdir('/root'); print('READ')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    found = script(attempts, security=security)
    assert "READ" not in found.printed, found.printed
    assert len(found.printed.split()) == 4


@CONFINED
def test_it_reaches_nobody_over_tcp(script: Script, security: SecuritySettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        caller = (
            "import socket\n"
            f"try: socket.create_connection(('127.0.0.1', {port}), 2); print('REACHED')\n"
            "except OSError as error: print(type(error).__name__)\n"
        )
        assert "REACHED" not in script(caller, security=security).printed
        opened = replace(security, script_network=True)
        assert script(caller, security=opened).printed == "REACHED\n"


@CONFINED
def test_it_kills_nobody_outside(script: Script, security: SecuritySettings) -> None:
    killer = (
        "import os, signal\n"
        f"try: os.kill({os.getpid()}, signal.SIGTERM); print('SENT')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    assert "SENT" not in script(killer, security=security).printed


def test_it_has_no_power_of_root(script: Script, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("as it was")
    attempts = (
        "import os, socket\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print([line.split()[1] for line in lines if line.startswith(('CapEff', 'NoNewPrivs'))])\n"
        f"try: os.chmod({str(tmp_path / 'kept')!r}, 0o777); print('DONE')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    found = script(attempts)
    assert found.printed.splitlines()[0] == "['0000000000000000', '1']"
    assert "DONE" not in found.printed


def test_one_that_fills_its_folder_is_ended(script: Script) -> None:
    filling = (
        "import os, time\n"
        "for number in range(60):\n"
        "    open(f'file{number}', 'wb').write(os.urandom(2**20))\n"
        "time.sleep(20)\n"
    )
    found = script(filling)
    assert found.end.why is not None
    assert "32 MiB is the limit" in found.end.why


def test_one_file_cannot_be_larger_than_the_limit(script: Script) -> None:
    found = script("open('large', 'wb').write(bytes(33 * 2**20))")
    assert found.end.code == 1
    assert "File too large" in found.printed


def test_too_much_memory_is_an_error_of_the_script(script: Script) -> None:
    found = script("print(len(bytes(512 * 2**20)))")
    assert found.end.code == 1
    assert "MemoryError" in found.printed


def test_memory_of_all_its_processes_counts(script: Script) -> None:
    many = (
        "import os, time\n"
        "for _ in range(4): os.fork() or (time.sleep(0.1), held := os.urandom(90 * 2**20),\n"
        "                                 time.sleep(60))\n"
        "time.sleep(60)\n"
    )
    found = script(many)
    assert found.end.why is not None
    assert "MiB of memory, and 256 is the limit" in found.end.why


def test_of_a_flood_the_first_and_the_last_part_are_kept(script: Script) -> None:
    flood = (
        "import os\n"
        "print('first line')\n"
        "for _ in range(64): os.write(1, b'x' * 2**20)\n"
        "print('last line')\n"
    )
    found = script(flood)
    assert found.end == ScriptEnd(0, None)
    assert found.printed.startswith("first line\n")
    assert found.printed.endswith("last line\n")
    kept = 64 * 1024
    whole = 64 * MIB + len("first line\nlast line\n")
    assert f"-- {whole - kept} bytes that the script printed here are left out --" in found.printed


def test_the_end_of_its_job_ends_it_whole(tmp_path: Path) -> None:
    """The job is killed without a word: what it had started must not go on."""
    if landlock_abi() < TRUNCATE_SINCE:
        pytest.skip("this kernel has no Landlock that bounds every file")
    (tmp_path / "work").mkdir()
    (tmp_path / "script.py").write_text(
        "import os, time\nos.fork() or os.setpgid(0, 0)\ntime.sleep(120)\n"
    )
    job = os.fork()
    if job == 0:
        os.setsid()
        plan = _plan(tmp_path, LIMITS, FULL)
        ScriptProcess(plan, LIMITS, ()).attend(lambda _: None, lambda: None)
        os._exit(0)
    give_up = time.monotonic() + 60
    while len(family := living(job)) < 4:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    os.kill(job, 9)
    os.waitpid(job, 0)
    while any(_runs(pid) for pid in family):
        assert time.monotonic() < give_up, family
        time.sleep(0.02)
