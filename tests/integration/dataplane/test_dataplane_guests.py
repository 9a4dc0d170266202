"""Custom predictors behind the data plane's doors: what one does to itself stays with it."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.sections import Settings
from lichen.serving.deployment import Deployment, Observed, State

CODE = """
import os, time
import numpy as np
class Predictor:
    inputs = [("x", "FP64", [-1])]
    outputs = [("y", "FP64", [-1])]
    def predict(self, inputs):
        x = inputs["x"]
        if (x == 91).any(): time.sleep(0.6)
        if (x == 92).any():
            open("hanging", "w").close()
            time.sleep(60)
        if (x == 93).any(): os._exit(3)
        if (x == 94).any(): raise ValueError("no " + __file__)
        return {"y": x * SCALE}
"""
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP64, (-1,)),), (TensorSpec("y", Datatype.FP64, (-1,)),)
)


class Process(Protocol):
    pid: int

    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, seconds: float) -> int: ...


class Platform(Protocol):
    settings: Settings
    catalog: Catalog
    url: str
    authorization: dict[str, str]
    process: Process | None

    def start(self) -> None: ...
    def register(self, model: str) -> int: ...
    def deploy(self, deployment: Deployment) -> Observed: ...
    def observed(self, deployment: Deployment) -> Observed: ...
    def infer(self, name: str, rows: object) -> httpx.Response: ...
    def undeploy(self, name: str) -> None: ...
    def until(self, look: Callable[[], bool]) -> None: ...


def register(platform: Platform, scale: float = 2.0) -> int:
    draft = Draft("own", "inference", "custom", SIGNATURE, "test")
    code = CODE.replace("SCALE", str(scale)).encode()
    return platform.catalog.register(draft, {"predictor.py": code}).version


def ask(platform: Platform, *values: float) -> httpx.Response:
    tensor = {"name": "x", "datatype": "FP64", "shape": [len(values)], "data": values}
    return httpx.post(
        f"{platform.url}/v2/models/own/infer",
        content=json.dumps({"inputs": [tensor]}),
        headers=platform.authorization,
        timeout=60,
    )


def guests_of(platform: Platform) -> list[int]:
    assert platform.process is not None
    return children_of(platform.process.pid)


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [
        int(child)
        for task in tasks.iterdir()
        for child in (task / "children").read_text().split()
        if "guest" in Path(f"/proc/{child}/cmdline").read_text()
    ]


def ended(pids: list[int]) -> bool:
    """They run no more; where nobody collects orphans, their names stay in the table."""
    return not any(runs(pid) for pid in pids)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@pytest.fixture
def serving(fresh: Platform) -> Platform:
    """`own`, which doubles, in a process of its own; `line` beside it in the data plane's."""
    security = replace(fresh.settings.security, custom_predictors=True)
    limits = replace(fresh.settings.limits, guest_seconds=3.0)
    fresh.settings = replace(fresh.settings, security=security, limits=limits)
    register(fresh)
    fresh.register("line")
    fresh.start()
    assert fresh.deploy(Deployment("line", "line", 1)).state is State.READY
    assert fresh.deploy(Deployment("own", "own", 1)).state is State.READY
    return fresh


def test_code_of_its_own_answers_with_a_receipt_and_heals_itself(serving: Platform) -> None:
    answer = ask(serving, 3.0, 4.0)
    assert answer.json()["outputs"][0]["data"] == [6.0, 8.0]
    assert "nj=" in answer.headers["lichen-receipt"]
    raised = ask(serving, 94.0)
    assert raised.status_code == 500
    assert raised.json()["error"] == "the model failed on this request: ValueError: no ..."
    assert ask(serving, 92.0).status_code == 504
    died = ask(serving, 93.0)
    assert died.status_code == 503
    assert int(died.headers["retry-after"]) >= 1
    assert ask(serving, 3.0).json()["outputs"][0]["data"] == [6.0]


def test_one_request_that_kills_takes_none_of_its_batch_with_it(serving: Platform) -> None:
    with ThreadPoolExecutor(8) as many:
        first = many.submit(ask, serving, 91.0)  # the others wait behind it, and run together
        time.sleep(0.1)
        others = [many.submit(ask, serving, value) for value in (1.0, 2.0, 93.0, 3.0, 4.0)]
        codes = [one.result().status_code for one in others]
    assert first.result().status_code == 200
    assert codes == [200, 200, 503, 200, 200]


def test_a_killed_guest_costs_only_what_was_in_flight_in_it(serving: Platform) -> None:
    (guest,) = guests_of(serving)
    with ThreadPoolExecutor(1) as one:
        hanging = one.submit(ask, serving, 92.0)
        folder = serving.settings.home / "run" / "guests"
        serving.until(lambda: any(folder.glob("*/hanging")))
        os.kill(guest, signal.SIGKILL)
        assert hanging.result().status_code == 503
        assert "retry-after" in hanging.result().headers
    assert ask(serving, 5.0).json()["outputs"][0]["data"] == [10.0]
    (other,) = guests_of(serving)
    assert other != guest
    os.kill(other, signal.SIGKILL)
    serving.until(lambda: ended([other]))
    assert ask(serving, 5.0).status_code == 200  # nobody had asked it when it was killed


def test_one_that_dies_again_and_again_fails_and_the_others_answer_on(serving: Platform) -> None:
    for _ in range(5):
        assert ask(serving, 93.0).status_code == 503
    deployment = Deployment("own", "own", 1)
    serving.until(lambda: serving.observed(deployment).state is State.FAILED)
    said = serving.observed(deployment).message
    assert said.startswith("its model died 5 times in a row and is not started again")
    assert ask(serving, 1.0).status_code == 503
    assert serving.infer("line", [[1.0, 2.0, 3.0, 4.0]]).status_code == 200
    register(serving, 3.0)
    assert serving.deploy(Deployment("own", "own", 2, generation=2)).state is State.READY
    assert ask(serving, 1.0).json()["outputs"][0]["data"] == [3.0]


def test_a_swap_ends_the_former_process_and_loses_no_request(serving: Platform) -> None:
    former = guests_of(serving)
    register(serving, 3.0)
    with ThreadPoolExecutor(1) as one:
        stop: list[bool] = []
        heard: list[float] = []

        def keep_asking() -> list[httpx.Response]:
            answers = []
            while not stop:
                answers.append(ask(serving, 1.0))
                heard.extend(answers[-1].json()["outputs"][0]["data"])
            return answers

        asking = one.submit(keep_asking)
        try:
            serving.until(lambda: 2.0 in heard)
            assert serving.deploy(Deployment("own", "own", 2, generation=2)).state is State.READY
            serving.until(lambda: 3.0 in heard)
        finally:
            stop.append(True)
        answers = asking.result()
    assert {one.status_code for one in answers} == {200}
    assert {one.json()["outputs"][0]["data"][0] for one in answers} == {2.0, 3.0}
    serving.until(lambda: ended(former))
    latter = guests_of(serving)
    assert len(latter) == 1
    serving.undeploy("own")
    serving.until(lambda: ended(latter))


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_no_guest_outlives_the_data_plane(serving: Platform, end: str) -> None:
    guests = guests_of(serving)
    assert guests
    assert serving.process is not None
    getattr(serving.process, end)()
    serving.process.wait(60)
    serving.until(lambda: ended(guests))
    left = list((serving.settings.home / "run" / "guests").iterdir())
    assert bool(left) is (end == "kill")
    serving.start()
    serving.until(lambda: ask(serving, 3.0).status_code == 200)
    assert len(list((serving.settings.home / "run" / "guests").iterdir())) == 1


def test_code_of_its_own_is_not_served_unless_that_is_allowed(fresh: Platform) -> None:
    register(fresh)
    fresh.start()
    said = fresh.deploy(Deployment("own", "own", 1))
    assert said.state is State.FAILED
    assert "set custom_predictors = true under [security]" in said.message


def test_a_model_with_threads_answers_from_a_process_of_its_own(fresh: Platform) -> None:
    fresh.register("line")
    fresh.start()
    threads = min(2, os.cpu_count() or 1)
    said = fresh.deploy(Deployment("line", "line", 1, threads=threads))
    assert said.state is State.READY
    answer = fresh.infer("line", [[1.0, 2.0, 3.0, 4.0]])
    assert answer.json()["outputs"][0]["data"] == [10.0, 10.0]
    assert len(guests_of(fresh)) == (1 if threads > 1 else 0)
