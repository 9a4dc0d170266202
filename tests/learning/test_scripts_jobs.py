"""Training scripts as jobs of a real platform: what fails, what pauses, what is charged."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput, LichenError, WorkFailed
from lichen.energy.descendants import living
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.training import ScriptTraining

PATIENCE_SECONDS = 300.0
LINEAR = "run.register(([[2.0], [0.5]], [1.0]), columns=['a', 'b'])\n"
Submit = Callable[..., Job]


class Platform(Protocol):
    """The running one: where its home is."""

    @property
    def home(self) -> Path: ...


@pytest.fixture(scope="module")
def submit(lichen: Lichen, tmp_path_factory: pytest.TempPathFactory) -> Submit:
    """Accepts a script on a small dataset."""
    file = tmp_path_factory.mktemp("rows") / "rows.csv"
    rows = [f"{one},{one % 7},{2 * one + one % 7}" for one in range(60)]
    file.write_text("\n".join(["a,b,y", *rows]) + "\n")
    lichen.data.add("rows", file)

    def of(body: str, **fields: object) -> Job:
        source = f"import os, sys, time\nimport lichen\nrun = lichen.run()\n{body}"
        spec = ScriptTraining(data="rows", source=source, filename="mine.py", **fields)  # type: ignore[arg-type]
        return lichen.jobs.submit(JobKind.TRAIN, spec)

    return of


def until(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def failed(lichen: Lichen, job: Job) -> str:
    with pytest.raises(WorkFailed) as raised:
        lichen.jobs.wait(job.id)
    return str(raised.value)


def test_what_it_raises_is_the_error_of_the_job_and_whole_in_the_log(
    lichen: Lichen, submit: Submit
) -> None:
    job = submit("def deeper():\n    return {}['lost']\ndeeper()\n")
    assert failed(lichen, job).startswith("mine.py ended with code 1: KeyError: 'lost'; `lichen")
    log = lichen.jobs.logs(job.id)
    assert "line 5, in deeper" in log
    assert "inside.py" not in log, "the traceback is of the script alone"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("pass\n", "mine.py ended and registered nothing: call run.register(model) at its end"),
        ("print('no luck')\nsys.exit(3)\n", "mine.py ended with code 3: no luck"),
        (LINEAR + LINEAR, "register once, the best model, at the end"),
        ("run.register(b'junk')\n", "the file is no ONNX model"),
        ("run.register(([[2.0]], [0.0]), columns=['a', 'b'])\n", "give one name for each value"),
        ("os.kill(os.getpid(), 11)\n", "mine.py was ended by signal 11"),
    ],
)
def test_what_a_script_can_do_wrong_is_said_in_a_sentence(
    lichen: Lichen, submit: Submit, body: str, sentence: str
) -> None:
    assert sentence in failed(lichen, submit(body))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"source": "a = 1\nif a\n"}, "line 2 of x.py is no Python (expected ':'): correct it"),
    ],
)
def test_what_cannot_run_is_refused_before_a_job_is_made(
    lichen: Lichen, submit: Submit, fields: dict[str, object], sentence: str
) -> None:
    assert submit is not None
    before = len(lichen.jobs.ls())
    spec = ScriptTraining(**{"data": "rows", "source": "pass", "filename": "x.py", **fields})  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as raised:
        lichen.jobs.submit(JobKind.TRAIN, spec)
    assert sentence in str(raised.value)
    assert len(lichen.jobs.ls()) == before


def test_processes_that_it_starts_are_charged_to_the_job(
    lichen: Lichen, submit: Submit, platform: Platform
) -> None:
    burning = (
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        while time.process_time() < 1.5: pass\n"
        "        open('burned', 'w')\n"
        "    os._exit(0)\n"
        "while not os.path.exists('burned'): time.sleep(0.02)\n"
        "spent = run.energy\n"
        "assert spent.joules > 0, spent\n"
    )
    job = lichen.jobs.wait(submit(burning + LINEAR, name="burning").id)
    assert sum(one.cpu_ns or 0 for one in job.segments) > 1.5e9
    assert job.receipt is not None
    cost = job.receipt.energy.nj
    until(lambda: booked(platform.home, job.id) == cost)


def booked(home: Path, job_id: str) -> int:
    """What the ledger has of a job."""
    accounts = LedgerReader(home / "ledger.db").accounts()
    return sum(one.nj for one in accounts if f"/{job_id}/" in one.account)


COUNTING = (
    "kept = run.restore('count')\n"
    "count = int(kept or 0)\n"
    "print('from', count)\n"
    "while not os.path.exists(run.folder / 'enough') and count < 10_000:\n"
    "    count += 1\n"
    "    run.log(step=count, count=count)\n"
    "    if run.should_stop:\n"
    "        run.checkpoint('count', str(count).encode())\n"
    "        sys.exit()\n"
    "    time.sleep(0.02)\n"
    "    if kept: break\n"
)


def test_one_that_is_paused_goes_on_where_it_was(lichen: Lichen, submit: Submit) -> None:
    job = submit(COUNTING + LINEAR, name="counting")
    until(lambda: "step 5" in lichen.jobs.logs(job.id))
    lichen.jobs.pause(job.id)
    until(lambda: lichen.jobs.show(job.id).state is JobState.PAUSED)
    lichen.jobs.resume(job.id)
    ended = lichen.jobs.wait(job.id)
    assert len(ended.segments) == 2
    assert ended.receipt is not None
    assert sum(one.nj for one in ended.segments) == ended.receipt.energy.nj
    steps = [step for step, _ in (ended.result or {})["metrics"]["count"]]
    assert steps == list(range(1, len(steps) + 1)), "also the metrics of both parts are one"
    assert f"from {len(steps) - 1}\n" in lichen.jobs.logs(job.id)


def test_one_that_is_cancelled_ends_in_its_grace(lichen: Lichen, submit: Submit) -> None:
    job = submit("print('waits')\nwhile not run.should_stop: time.sleep(0.05)\nprint('saved')\n")
    until(lambda: "waits" in lichen.jobs.logs(job.id))
    lichen.jobs.cancel(job.id)
    until(lambda: lichen.jobs.show(job.id).state.final)
    assert lichen.jobs.show(job.id).state is JobState.CANCELLED
    assert "saved" in lichen.jobs.logs(job.id)


def test_what_a_hostile_script_says_to_its_job_harms_it_not(lichen: Lichen, submit: Submit) -> None:
    rude = (
        "import socket, struct\n"
        'said = b\'{"tell": "progress"}\'\n'
        "desk = run._desk._line\n"
        "desk.sendall(struct.pack('<IQ', len(said), 0) + said)\n"
        "time.sleep(0.3)\n"
        "desk.sendall(struct.pack('<IQ', 4, 2**60) + b'    ')\n"
        "sys.exit(4)\n"
    )
    job = submit(rude)
    assert "mine.py ended with code" in failed(lichen, job)
    assert "what the script said to its job cannot be read" in lichen.jobs.logs(job.id)


def test_one_whose_job_is_killed_begins_again_from_its_checkpoint(
    lichen: Lichen, submit: Submit
) -> None:
    again = (
        "if run.restore('count') is None:\n"
        "    run.checkpoint('count', b'3')\n"
        "    print('first')\n"
        "    time.sleep(60)\n"
    )
    job = submit(again + LINEAR, name="killed")
    until(lambda: "first" in lichen.jobs.logs(job.id))
    workers = [pid for pid in living(os.getpid()) if job.id in command_line(pid)]
    os.kill(workers[0], signal.SIGKILL)
    assert lichen.jobs.wait(job.id).attempt == 2


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_the_same_seed_gives_the_same_bytes(lichen: Lichen, submit: Submit) -> None:
    drawn = (
        "import numpy as np\n"
        "random = np.random.default_rng(run.seed)\n"
        "x = random.standard_normal((3, 1))\n"
        "for step in range(3): run.log(step=step, loss=1 / (step + 1))\n"
        "run.register((x, [len({'a', 'b'})]), metrics={'r2': 0.5})\n"
    )
    made = [
        lichen.models.made(lichen.jobs.wait(submit(drawn, name="drawn", seed=seed).id))
        for seed in (4, 4, 5)
    ]
    first, same, other = [{file.name: file.sha256 for file in one.files} for one in made]
    assert first == same
    assert first["model.onnx"] != other["model.onnx"]
    assert {one.name: one.value for one in made[0].metrics} == {"loss": 1 / 3, "r2": 0.5}


def test_one_that_ignores_that_its_budget_is_spent_is_ended(lichen: Lichen, submit: Submit) -> None:
    job = submit("while True: pass\n", budget_nj=1_000_000_000)
    with pytest.raises(LichenError, match="its budget of 1 J is spent"):
        lichen.jobs.wait(job.id)


def test_one_that_looks_registers_what_it_has_when_its_budget_is_spent(
    lichen: Lichen, submit: Submit
) -> None:
    job = submit(
        "while not run.should_stop: time.sleep(0.01)\n" + LINEAR,
        budget_nj=4_000_000_000,
        name="thrifty",
    )
    assert lichen.jobs.wait(job.id).state is JobState.SUCCEEDED


def test_where_the_platform_was_started_is_not_readable(lichen: Lichen, submit: Submit) -> None:
    here = Path.cwd() / "pyproject.toml"
    body = f"try: open({str(here)!r})\nexcept PermissionError: {LINEAR}"
    assert here.is_file()
    assert lichen.jobs.wait(submit(body, name="outside").id).state is JobState.SUCCEEDED
