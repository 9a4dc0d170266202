"""A custom predictor in its process: what it does to itself hurts its own requests alone."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import (
    DeadlinePassed,
    Forbidden,
    InvalidInput,
    LichenError,
    Unavailable,
    WorkFailed,
)
from lichen.serving.charging import NoMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.guest import Guest
from lichen.serving.guests.keeper import Patience, pause_before_restart
from lichen.serving.guests.starting import GuestRules, Guests, check_predictor

TRICKS = """
import os, subprocess, sys, time
import numpy as np

class InvalidInput(Exception):
    pass

class Tricks:
    inputs = [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}]
    outputs = [("y", "FP64", [-1]), ("t", "BYTES", [-1])]

    def load(self):
        self.loads = int(open("loads.txt").read())
        self.child = None

    def predict(self, inputs):
        x = inputs["x"]
        y = x.sum(axis=1)
        t = np.array([str(one) for one in y], dtype=object)
        match int(x[0, 0]):
            case 90: raise ValueError("90 kg/m3 is in '/etc/passwd' and ./x/y")
            case 91: raise InvalidInput("ninety-one is not served")
            case 92: time.sleep(60)
            case 93: os._exit(3)
            case 94: y = y * np.nan
            case 95: y = x
            case 96: return {"y": y}
            case 97: np.zeros(2**31)
            case 98: self.child = subprocess.Popen(["sleep", "60"]); y = y * 0 + self.child.pid
            case 99: os.write(int(sys.argv[1]), b"x" * 40); time.sleep(60)
            case 89: return 7
        return {"y": y, "t": t}
"""
HOUSE = {"predictor.py": TRICKS.encode(), "loads.txt": b"1"}
FAST = Patience(seconds=2.0, deaths=3)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., Guest]]:
    """Makes guests out of files; they end with the test."""
    environments = Environments(tmp_path / "environments", {})
    rules = GuestRules(is_custom_allowed=True, memory_mb=2048, patience=FAST)
    guests = Guests(tmp_path / "run", environments, NoMetering(), rules)

    def make(files: dict[str, bytes] = HOUSE, threads: int = 1) -> Guest:
        return guests.custom("tricks", files, threads=threads)

    yield make
    guests.close()
    assert list((tmp_path / "run").iterdir()) == []


def ask(guest: Guest, trick: float = 1.0, rows: int = 1) -> dict[str, Array]:
    batch = Batch({"x": np.full((rows, 2), float(trick))})
    return dict(guest.predict(batch).arrays)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(look: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not look():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_answers_come_in_the_datatypes_of_its_signature(house: Callable[..., Guest]) -> None:
    answer = ask(house(), 1.5, rows=2)
    assert answer["y"].tolist() == [3.0, 3.0]
    assert answer["t"].tolist() == [b"3.0", b"3.0"]


@pytest.mark.parametrize(
    ("trick", "kind", "says"),
    [
        (
            90,
            WorkFailed,
            "the model failed on this request: ValueError: 90 kg/m3 is in '...' and ...",
        ),
        (91, InvalidInput, "ninety-one is not served"),
        (94, WorkFailed, "the model answered NaN or infinity in output 'y'"),
        (95, WorkFailed, "the model answered output 'y' in shape [1, 2], and its signature"),
        (96, WorkFailed, "BadPredictor: 't' is missing from what was answered"),
        (97, WorkFailed, "Unable to allocate 16.0 GiB"),
        (89, WorkFailed, "the last step answered int: answer a dict of arrays by name"),
    ],
)
def test_what_fails_is_one_request_and_the_process_goes_on(
    house: Callable[..., Guest], trick: float, kind: type[LichenError], says: str
) -> None:
    guest = house()
    pid = guest.keeper.pid
    with pytest.raises(kind) as raised:
        ask(guest, trick)
    assert says in str(raised.value)
    assert "Traceback" not in str(raised.value)
    assert ask(guest)["y"] == [2.0]
    assert guest.keeper.pid == pid


@pytest.mark.parametrize(
    ("trick", "kind", "says"),
    [
        (92, DeadlinePassed, "the model did not answer within 2 s and was stopped"),
        (93, Unavailable, "the model ended while it worked on this: try again in a moment"),
        (99, Unavailable, "the model said what is no answer and was stopped"),
    ],
)
def test_what_kills_it_fails_one_request_and_it_is_started_again(
    house: Callable[..., Guest], trick: float, kind: type[LichenError], says: str
) -> None:
    guest = house()
    pid = guest.keeper.pid
    assert guest.joins_rows
    with pytest.raises(kind, match=says):
        ask(guest, trick)
    assert ask(guest)["y"] == [2.0]
    assert guest.keeper.pid != pid
    assert not guest.joins_rows, "what kills must not take the requests of others with it"


def test_one_that_is_killed_while_nobody_asks_costs_nobody_a_request(
    house: Callable[..., Guest],
) -> None:
    guest = house()
    pid = guest.keeper.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not runs(pid))
    assert ask(guest)["y"] == [2.0]


def test_one_that_dies_again_and_again_is_not_started_any_more(house: Callable[..., Guest]) -> None:
    guest = house()
    for _ in range(FAST.deaths):
        with pytest.raises(Unavailable):
            ask(guest, 93)
    until(lambda: guest.keeper.failure is not None)
    with pytest.raises(Unavailable, match="died 3 times in a row and is not started again"):
        ask(guest)


def test_deaths_with_answers_between_them_are_not_in_a_row(house: Callable[..., Guest]) -> None:
    guest = house()
    for _ in range(FAST.deaths + 1):
        with pytest.raises(Unavailable):
            ask(guest, 93)
        assert ask(guest)["y"] == [2.0]
    assert guest.keeper.failure is None


def test_the_pause_before_a_restart_grows_and_is_bounded() -> None:
    pauses = [pause_before_restart(deaths) for deaths in range(1, 40)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0


def test_what_it_starts_ends_with_it(house: Callable[..., Guest]) -> None:
    guest = house()
    own, child = guest.keeper.pid, int(ask(guest, 98)["y"][0])
    assert own is not None
    assert runs(own)
    assert runs(child)
    guest.close()
    until(lambda: not runs(own) and not runs(child))


def test_guests_that_come_and_go_leave_nothing_open(house: Callable[..., Guest]) -> None:
    def left() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    house().close()
    before = left()
    for _ in range(5):
        guest = house()
        with pytest.raises(Unavailable):
            ask(guest, 93)
        assert ask(guest)["y"] == [2.0]
        guest.close()
    assert left() == before


SURROUNDINGS = b"""
import os, resource, sys
class Surroundings:
    inputs = [("x", "FP64", [-1])]
    outputs = [("said", "BYTES", [-1])]
    def predict(self, inputs):
        said = [
            " ".join(sorted(os.environ)),
            sys.stdin.read(),
            str(os.getsid(0) == os.getpid()),
            str(resource.getrlimit(resource.RLIMIT_CORE)),
            str(resource.getrlimit(resource.RLIMIT_AS)[1] // 2**20),
            str(len(os.listdir("/proc/self/fd"))),
            str(os.environ["OMP_NUM_THREADS"]),
            open("beside.txt").read(),
            oct(os.stat("beside.txt").st_mode & 0o777),
        ]
        return {"said": ["|".join(said)] * len(inputs["x"])}
"""


def test_it_inherits_nothing_but_what_it_needs(
    house: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICHEN_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    guest = house({"predictor.py": SURROUNDINGS, "beside.txt": b"beside"}, threads=2)
    said = guest.predict(Batch({"x": np.zeros(1)}))["said"][0].decode().split("|")
    variables = said[0].split()
    threads = [f"{one}_NUM_THREADS" for one in ("MKL", "OMP", "OPENBLAS")]
    assert variables == ["HOME", "LANG", *threads, "PATH", "TMPDIR"]
    assert said[1:5] == ["", "True", "(0, 0)", "2048"]
    assert int(said[5]) == 5  # three standard ones, its socket, and the listing itself
    assert said[6:] == ["2", "beside", "0o444"]


DRAWS = b"""
import numpy as np
class Draws:
    draws = True
    inputs = [("mean", "FP64", [-1])]
    outputs = [("drawn", "FP64", [-1, -1])]
    def preprocess(self, inputs): return inputs["mean"]
    def predict(self, mean, samples=3): return np.tile(mean[:, None], (1, samples))
    def postprocess(self, drawn): return {"drawn": drawn}
"""


def test_a_model_that_draws_is_told_how_often(house: Callable[..., Guest]) -> None:
    guest = house({"predictor.py": DRAWS})
    mean = np.array([4.0, 5.0])
    told = guest.predict(Batch({"mean": mean, "samples": np.array([6, 6])}))
    assert told["drawn"].shape == (2, 6)
    assert guest.predict(Batch({"mean": mean}))["drawn"].shape == (2, 3)
    assert [spec.name for spec in guest.signature.inputs if spec.optional] == ["samples"]
    assert not guest.joins_rows


CENTRED = b"""
class Centred:
    inputs = [("x", "FP64", [-1])]
    outputs = [("y", "FP64", [-1])]
    def predict(self, inputs): return {"y": inputs["x"] - inputs["x"].mean()}
"""


def test_rows_that_depend_on_each_other_are_not_joined(house: Callable[..., Guest]) -> None:
    assert not house({"predictor.py": CENTRED}).joins_rows


EXAMPLE = b"""
import json, numpy as np
class Reads:
    inputs = [("text", "BYTES", [-1])]
    outputs = [("n", "INT64", [-1])]
    def predict(self, inputs): return {"n": np.array([json.loads(t)["n"] for t in inputs["text"]])}
    def example(self, rows): return {"text": [b'{"n": 4}'] * rows}
"""


def test_a_predictor_may_bring_its_own_example(house: Callable[..., Guest]) -> None:
    guest = house({"predictor.py": EXAMPLE})
    assert guest.predict(guest.example(2))["n"].tolist() == [4, 4]
    with pytest.raises(WorkFailed, match="JSONDecodeError"):
        house({"predictor.py": EXAMPLE.replace(b"def example", b"def other")})


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (b"import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        (b"def predict(): pass", "predictor.py has 0 classes with a method predict"),
        (b"class A:\n def predict(self): pass", "class A needs inputs, a list such as"),
        (b"import sys; sys.exit(4)", "the predictor does not load: SystemExit: 4"),
        (b"import os; os._exit(4)", "it ended while it was loaded"),
        (b"import time; time.sleep(60)", "it was not loaded within 1 s"),
    ],
)
def test_what_does_not_load_says_why(tmp_path: Path, code: bytes, says: str) -> None:
    patience = Patience(load_seconds=1.0 if b"sleep" in code else 30.0)
    rules = GuestRules(is_custom_allowed=True, patience=patience)
    guests = Guests(tmp_path / "run", Environments(tmp_path, {}), NoMetering(), rules)
    with pytest.raises(InvalidInput) as raised:
        guests.custom("bad", {"predictor.py": code})
    assert says in str(raised.value)
    assert list((tmp_path / "run").iterdir()) == []


def test_foreign_code_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    guests = Guests(tmp_path / "run", Environments(tmp_path, {}), NoMetering(), GuestRules())
    with pytest.raises(Forbidden, match=r"set custom_predictors = true under \[security\]"):
        check_predictor(guests, "bad", HOUSE)
    assert not (tmp_path / "run").exists()


def test_a_trial_run_that_fails_says_what_to_do(tmp_path: Path) -> None:
    rules = GuestRules(is_custom_allowed=True)
    guests = Guests(tmp_path / "run", Environments(tmp_path, {}), NoMetering(), rules)
    with pytest.raises(InvalidInput, match=r"a trial run failed .*give the class a method `exam"):
        check_predictor(guests, "bad", {"predictor.py": EXAMPLE.replace(b"def example", b"def o")})


ORPHAN = """
import sys, time
from pathlib import Path
import numpy as np
from lichen.core.batch import Batch
from lichen.serving.charging import NoMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.starting import GuestRules, Guests
folder = Path(sys.argv[1])
rules = GuestRules(is_custom_allowed=True)
guests = Guests(folder, Environments(folder, {}), NoMetering(), rules)
guest = guests.custom("d", {"predictor.py": sys.stdin.buffer.read(), "loads.txt": b"1"})
child = guest.predict(Batch({"x": np.full((1, 2), 98.0)}))["y"][0]
print(guest.keeper.pid, int(child), flush=True)
time.sleep(60)
"""


def test_one_whose_platform_is_killed_ends_with_it_and_what_it_started_at_the_next_start(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as platform:
        assert platform.stdin is not None
        assert platform.stdout is not None
        platform.stdin.write(TRICKS.encode())
        platform.stdin.close()
        pid, child = (int(one) for one in platform.stdout.readline().split())
        assert runs(pid)
        assert runs(child)
        platform.kill()
    until(lambda: not runs(pid))
    guests = Guests(tmp_path, Environments(tmp_path, {}), NoMetering(), GuestRules())
    assert len(list(tmp_path.iterdir())) == 1
    guests.clear_away()
    assert list(tmp_path.iterdir()) == []
    until(lambda: not runs(child))
