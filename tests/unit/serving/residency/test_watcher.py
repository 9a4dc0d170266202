"""From the store to what is served, with the errors that a person can read."""

import asyncio
from collections.abc import Iterator
from threading import Thread

import msgspec
import pytest

from lichen.core.errors import InvalidInput, NotFound, StorageFailed, Unavailable
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.function import FunctionPredictor
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import (
    DEPLOYMENTS,
    OBSERVED,
    Deployment,
    Observed,
    ServiceLevel,
    State,
)
from lichen.serving.plane import DataPlane
from lichen.serving.repository import Repository
from lichen.serving.residency.watcher import Watcher
from lichen.serving.residency.workshop import Workshop
from lichen.serving.selector import Selector
from lichen.store.documents import Change, MemoryDocuments

PATIENCE_SECONDS = 60.0
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("x", Datatype.FP32, (-1, 1)),)
)


class Shelf:
    """A loader that knows every model but `absent` and `odd`, and remembers what it made."""

    def __init__(self) -> None:
        self.made: list[FunctionPredictor] = []

    def load(self, deployment: Deployment) -> FunctionPredictor:
        if deployment.model == "absent":
            raise InvalidInput("there is no such file")
        if deployment.model == "odd":
            raise ZeroDivisionError
        self.made.append(FunctionPredictor(SIGNATURE, lambda inputs: inputs))
        return self.made[-1]


class House:
    """A watcher, called from this thread, and the loop of another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.documents = MemoryDocuments()
        self.shelf = Shelf()
        self.selector = Selector()
        self.selector.end_first_look()
        self.plane = DataPlane(self.selector)
        workshop = Workshop(self.shelf, NoMetering(), loop)
        self.watcher = Watcher(self.documents, self.selector, workshop)

    def desire(self, *deployments: Deployment) -> None:
        changes = [Change(DEPLOYMENTS, one.name, msgspec.json.encode(one)) for one in deployments]
        self.documents.commit(changes)
        self.look()

    def undeploy(self, name: str) -> None:
        self.documents.commit([Change(DEPLOYMENTS, name, None)])
        self.look()

    def look(self) -> bool:
        """What the poller does, until all of it is done."""
        has_changed = self.watcher.poll()
        assert self.watcher.settle(PATIENCE_SECONDS)
        return has_changed

    def observed(self, name: str) -> Observed | None:
        document = self.documents.get(OBSERVED, name)
        return msgspec.json.decode(document.body, type=Observed) if document else None


@pytest.fixture
def house() -> Iterator[House]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    made = House(loop)
    yield made
    made.watcher.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_what_is_desired_is_served_under_its_names(house: House) -> None:
    house.desire(Deployment("d", "m", 3))
    assert house.observed("d") == Observed("d", 1, State.READY)
    for name, version in (("d", None), ("d", "3"), ("m@3", None), ("m", "3")):
        assert house.plane.find(name, version).deployment == Deployment("d", "m", 3)
    for name, version in (("m", None), ("m@2", None), ("d", "2"), ("m", "2"), ("other", None)):
        with pytest.raises(NotFound, match=r"deploy"):
            house.plane.find(name, version)


def test_a_deployments_own_name_wins_over_a_models(house: House) -> None:
    house.desire(Deployment("m", "other", 1), Deployment("d", "m", 1))
    assert house.plane.find("m", "1").deployment.model == "other"
    assert house.plane.find("m@1").deployment.name == "d"


def test_a_new_version_replaces_and_closes_the_old(house: House) -> None:
    house.desire(Deployment("d", "m", 1))
    house.desire(Deployment("d", "m", 2, generation=2))
    old, new = house.shelf.made
    assert (old.is_closed, new.is_closed) == (True, False)
    assert house.plane.find("d").deployment.version == 2
    assert house.observed("d") == Observed("d", 2, State.READY)


def test_another_service_level_keeps_the_loaded_model(house: House) -> None:
    house.desire(Deployment("d", "m", 1))
    level = ServiceLevel(min_quality=0.9)
    house.desire(Deployment("d", "m", 1, level=level, generation=2))
    assert len(house.shelf.made) == 1
    assert not house.shelf.made[0].is_closed
    assert house.plane.find("d").deployment.level == level
    assert house.observed("d") == Observed("d", 2, State.READY)


@pytest.mark.parametrize(
    ("model", "said"), [("absent", "no such file"), ("odd", "loading failed unexpectedly")]
)
def test_what_cannot_be_loaded_says_why(house: House, model: str, said: str) -> None:
    house.desire(Deployment("d", model, 1))
    observed = house.observed("d")
    assert observed is not None
    assert observed.state is State.FAILED
    assert said in observed.message
    with pytest.raises(Unavailable, match=said):
        house.plane.find("d")


def test_a_failed_replacement_leaves_the_old_one_serving(house: House) -> None:
    house.desire(Deployment("d", "m", 1))
    house.desire(Deployment("d", "absent", 1, generation=2))
    observed = house.observed("d")
    assert observed is not None
    assert "version 1 still answers" in observed.message
    assert house.plane.find("d").deployment.model == "m"


def test_what_is_undeployed_is_gone(house: House) -> None:
    house.desire(Deployment("d", "m", 1), Deployment("f", "absent", 1))
    house.undeploy("d")
    house.undeploy("f")
    assert house.shelf.made[0].is_closed
    for name in ("d", "f"):
        assert house.observed(name) is None
        with pytest.raises(NotFound):
            house.plane.find(name)


def test_nothing_is_done_while_nothing_changes(house: House) -> None:
    house.desire(Deployment("d", "m", 1))
    house.look()
    revision = house.documents.revision()
    assert not house.look()
    assert house.documents.revision() == revision
    assert len(house.shelf.made) == 1


def test_what_a_former_data_plane_said_is_taken_back(house: House) -> None:
    stale = msgspec.json.encode(Observed("gone", 1, State.READY))
    house.documents.commit([Change(OBSERVED, "gone", stale)])
    house.look()
    assert house.observed("gone") is None


def test_a_store_that_fails_leaves_what_is_served(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.desire(Deployment("d", "m", 1))

    def fail() -> int:
        raise StorageFailed("the disk is gone")

    monkeypatch.setattr(house.documents, "revision", fail)
    with pytest.raises(StorageFailed):
        house.look()
    assert house.plane.find("d").deployment.version == 1


def test_a_store_that_takes_nothing_keeps_no_model_from_serving(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = msgspec.json.encode(Deployment("d", "m", 1))
    house.documents.commit([Change(DEPLOYMENTS, "d", wanted)])

    def full(_: object) -> int:
        raise StorageFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(house.documents, "commit", full)
        house.look()
    assert house.plane.find("d").deployment.version == 1
    assert house.observed("d") is None
    house.look()
    assert house.observed("d") == Observed("d", 1, State.READY)


def test_a_record_that_cannot_be_read_hides_no_other(house: House) -> None:
    house.documents.commit([Change(DEPLOYMENTS, "broken", b"{}")])
    house.desire(Deployment("d", "m", 1))
    assert house.plane.find("d").deployment.version == 1


def test_before_the_first_look_nothing_is_called_unknown() -> None:
    selector = Selector()
    with pytest.raises(Unavailable, match="has just started and is still loading"):
        selector.choose("d")
    selector.end_first_look()
    with pytest.raises(NotFound):
        selector.choose("d")


def test_what_is_set_aside_is_not_served_until_taken_up(house: House) -> None:
    deployment, repository = Deployment("d", "m", 1), Repository(house.documents, house.selector)
    house.desire(deployment)
    repository.set_aside(deployment)
    house.look()
    assert house.shelf.made[0].is_closed
    assert repository.is_out(deployment)
    assert [entry.state for entry in repository.entries()] == [State.UNLOADED]
    with pytest.raises(Unavailable, match="unloaded on request"):
        house.plane.find("d")
    for _ in range(2):
        repository.take_up(deployment)
        house.look()
    assert repository.is_loaded(deployment)
    assert len(house.shelf.made) == 2


def test_a_new_generation_is_served_though_the_last_was_set_aside(house: House) -> None:
    repository = Repository(house.documents, house.selector)
    house.desire(Deployment("d", "m", 1))
    repository.set_aside(Deployment("d", "m", 1))
    house.desire(Deployment("d", "m", 2, generation=2))
    assert house.plane.find("d").deployment.version == 2


def test_loading_what_cannot_be_loaded_says_why(house: House) -> None:
    repository = Repository(house.documents, house.selector)
    house.desire(Deployment("d", "absent", 1))
    with pytest.raises(Unavailable, match="no such file"):
        repository.is_loaded(Deployment("d", "absent", 1))
    with pytest.raises(NotFound, match="no deployment is called"):
        repository.find("other")


def test_what_is_not_looked_at_yet_is_loading(house: House) -> None:
    deployment = Deployment("d", "m", 1)
    house.documents.commit([Change(DEPLOYMENTS, "d", msgspec.json.encode(deployment))])
    repository = Repository(house.documents, house.selector)
    assert repository.find("d").state is State.LOADING
    stale = msgspec.json.encode(Observed("d", 0, State.READY))
    house.documents.commit([Change(OBSERVED, "d", stale)])
    assert repository.find("d").state is State.LOADING
