"""Versions change under callers at full speed, and models come and go: over real sockets."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import httpx
import msgspec
import pytest

from lichen.core.clock import SystemClock
from lichen.core.ids import DEFAULT_TENANT, ModelReference
from lichen.registry.catalog import Catalog
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.sections import Settings
from lichen.serving.deployment import DEPLOYMENTS, Deployment, Observed, State
from lichen.store.documents import Change, DocumentStore

ROWS = [[1.0, 1.0, 1.0, 1.0]] * 3
DEPLOYED = ("a", "b", "c", "d")
CONNECTIONS_EACH, ROUNDS = 2, 5


class Platform(Protocol):
    settings: Settings
    documents: DocumentStore
    catalog: Catalog
    url: str
    address: tuple[str, int]
    authorization: dict[str, str]

    def start(self) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...
    def observed(self, deployment: Deployment) -> Observed: ...
    def infer(self, name: str, rows: object) -> httpx.Response: ...
    def until(self, look: Callable[[], bool]) -> None: ...


@dataclass
class Caller(Thread):
    """One connection that asks a deployment as fast as it is answered."""

    platform: Platform
    name_asked: str
    over: Event
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = Thread.__hash__

    def run(self) -> None:
        tensor = {"name": "features", "datatype": "FP32", "shape": [3, 4], "data": ROWS}
        body = json.dumps({"inputs": [tensor]}).encode()
        connection = HTTPConnection(*self.platform.address, timeout=60)
        path = f"/v2/models/{self.name_asked}/infer"
        while not self.over.is_set():
            connection.request("POST", path, body, self.platform.authorization)
            answer = connection.getresponse()
            self.judge(answer.status, answer.read())
        connection.close()

    def judge(self, status: int, content: bytes) -> None:
        """Every number must be that of the version that the answer names."""
        self.answers += 1
        if status != 200:
            self.wrong.append(f"{status}: {content!r}")
            return
        said = json.loads(content)
        version = int(said["model_version"])
        self.versions.add(version)
        if said["outputs"][0]["data"] != [4.0 * version] * 6:
            self.wrong.append(content.decode())


@contextmanager
def called(platform: Platform, names: tuple[str, ...], each: int) -> Iterator[list[Caller]]:
    over = Event()
    callers = [Caller(platform, name, over) for name in names for _ in range(each)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        over.set()
        for caller in callers:
            caller.join(60)


def deploy_all(platform: Platform, version: int) -> None:
    wanted = [Deployment(name, "m", version, generation=version) for name in DEPLOYED]
    platform.documents.commit(
        [Change(DEPLOYMENTS, one.name, msgspec.json.encode(one)) for one in wanted]
    )
    for one in wanted:
        assert platform.observed(one).state is State.READY


def test_twenty_swaps_under_eight_callers_fail_no_request(fresh: Platform) -> None:
    for version in range(1, ROUNDS + 2):
        assert fresh.register("m", float(version)) == version
    fresh.start()
    deploy_all(fresh, 1)
    with called(fresh, DEPLOYED, CONNECTIONS_EACH) as callers:
        fresh.until(lambda: all(caller.versions == {1} for caller in callers))
        for version in range(2, ROUNDS + 2):
            deploy_all(fresh, version)
            asked = [caller.answers for caller in callers]
            fresh.until(
                lambda asked=asked: all(  # type: ignore[misc]
                    caller.answers > before + 1
                    for caller, before in zip(callers, asked, strict=True)
                )
            )
    assert [wrong for caller in callers for wrong in caller.wrong] == []
    assert all(ROUNDS + 1 in caller.versions for caller in callers)
    assert set.union(*[caller.versions for caller in callers]) == set(range(1, ROUNDS + 2))


def test_a_version_is_found_by_its_number_while_it_is_there(fresh: Platform) -> None:
    fresh.register("m", 1.0)
    fresh.register("m", 2.0)
    fresh.start()
    fresh.deploy(Deployment("old", "m", 1))
    fresh.deploy(Deployment("d", "m", 1))
    with called(fresh, ("m@1", "m/versions/1"), 1) as callers:
        fresh.until(lambda: all(caller.answers for caller in callers))
        fresh.deploy(Deployment("d", "m", 2, generation=2))
        for path in ("d", "m@2", "m/versions/2", "d/versions/2"):
            assert fresh.infer(path, ROWS).json()["model_version"] == "2"
        assert fresh.infer("d/versions/1", ROWS).status_code == 404
    assert [wrong for caller in callers for wrong in caller.wrong] == []
    assert [caller.versions for caller in callers] == [{1}, {1}]


@pytest.fixture
def operated(fresh: Platform) -> httpx.Client:
    """An operator's client of a running platform that serves `d`."""
    operator = Principal("operator", DEFAULT_TENANT, Role.OPERATOR)
    token = Keys(fresh.documents, SystemClock()).create(operator).token
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{fresh.url}/v2/repository", headers=headers, timeout=60)


def test_callers_are_refused_only_between_unload_and_load(
    fresh: Platform, operated: httpx.Client
) -> None:
    with operated, called(fresh, ("d",), 2) as callers:
        for _ in range(3):
            assert operated.post("/models/d/unload").status_code == 200
            assert fresh.infer("d", ROWS).status_code == 503
            for caller in callers:
                assert all(one.startswith("503") and "not ready" in one for one in caller.wrong)
            assert operated.post("/models/d/load").status_code == 200
            refused = [len(caller.wrong) for caller in callers]
            asked = [caller.answers for caller in callers]
            fresh.until(
                lambda asked=asked: all(  # type: ignore[misc]
                    caller.answers > before + 2
                    for caller, before in zip(callers, asked, strict=True)
                )
            )
            late = [len(caller.wrong) for caller in callers]
            assert all(b - a <= 1 for a, b in zip(refused, late, strict=True)), "one on its way"


def test_a_damaged_file_fails_its_deployment_until_it_is_restored(
    fresh: Platform, operated: httpx.Client
) -> None:
    fresh.register("n", 2.0)
    manifest = fresh.catalog.resolve(ModelReference("n", "1"))
    path = fresh.catalog.path(manifest, "model.onnx")
    sound = path.read_bytes()
    write(path, sound[:-1] + b"x")
    with operated:
        said = fresh.deploy(Deployment("n", "n", 1))
        assert said.state is State.FAILED
        assert "a file of n@1 is damaged" in said.message
        assert "/" not in said.message, "callers are told no path"
        assert operated.post("/models/n/load").status_code == 503
        index = {one["name"]: one["state"] for one in operated.post("/index").json()}
        assert index == {"d": "READY", "n": "UNAVAILABLE"}
        write(path, sound)
        fresh.until(lambda: fresh.infer("n", ROWS).status_code == 200)
        assert fresh.observed(Deployment("n", "n", 1)).state is State.READY


def write(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)
