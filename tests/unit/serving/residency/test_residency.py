"""Models come, sleep, wake and go: by the store's wishes, their callers', and a memory limit."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Thread

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import DeadlinePassed, LichenError, NotFound, Unavailable, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.function import FunctionPredictor
from lichen.protocol.demands import Demands
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import DEPLOYMENTS, OBSERVED, Deployment, Observed, State
from lichen.serving.plane import DataPlane
from lichen.serving.repository import Repository
from lichen.serving.residency.memory import Memory
from lichen.serving.residency.watcher import Watcher
from lichen.serving.residency.workshop import BatchLimits, Stored, Workshop
from lichen.serving.selector import Selector
from lichen.serving.ticket import Outcome, Query
from lichen.store.documents import Change, MemoryDocuments

PATIENCE_SECONDS = 60.0
MEGABYTE = 2**20
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)


class Sized(FunctionPredictor):
    """Answers its version, and takes memory until it is closed."""

    def __init__(self, shelf: "Shelf", deployment: Deployment) -> None:
        super().__init__(SIGNATURE, self.answer)
        self.version = deployment.version
        self.size = shelf.sizes.get(deployment.model, 0)
        self.shelf = shelf
        shelf.resident += self.size
        shelf.most = max(shelf.most, shelf.resident)

    def answer(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return {"y": inputs["x"] * 0 + np.float32(self.version)}

    def close(self) -> None:
        assert not self.is_closed, "closed twice"
        super().close()
        self.shelf.resident -= self.size


@dataclass
class Shelf:
    """A loader: sizes in bytes by model, models that fail, and gates that hold a load up."""

    sizes: dict[str, int] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)
    gates: dict[str, Event] = field(default_factory=dict)
    stamps: dict[str, int] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    weighed: set[str] = field(default_factory=set)
    """Models whose size is known before they are loaded."""
    resident: int = 0
    most: int = 0

    def load(self, deployment: Deployment) -> FunctionPredictor:
        self.loads.append(deployment.reference)
        gate = self.gates.get(deployment.model)
        if gate is not None:
            assert gate.wait(PATIENCE_SECONDS)
        if deployment.model in self.broken:
            raise self.broken[deployment.model]
        return Sized(self, deployment)

    def stored(self, deployment: Deployment) -> Stored:
        size = self.sizes[deployment.model] if deployment.model in self.weighed else 0
        return Stored(size, (self.stamps.get(deployment.model, 0),))


class House:
    """A watcher over a store, called from this thread; its loop runs in another."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: int | None, waiting: int, patience: float
    ) -> None:
        self.loop = loop
        self.documents = MemoryDocuments()
        self.shelf = Shelf()
        self.selector = Selector()
        self.selector.end_first_look()
        self.plane = DataPlane(self.selector)
        self.repository = Repository(self.documents, self.selector)
        workshop = Workshop(
            self.shelf,
            NoMetering(),
            loop,
            BatchLimits(8, waiting),
            files=self.shelf,
            memory=Memory(limit, lambda: self.shelf.resident),
            patience_seconds=patience,
        )
        self.watcher = Watcher(self.documents, self.selector, workshop)

    def desire(self, name: str, model: str, version: int = 1, generation: int = 1) -> Observed:
        wanted = Deployment(name, model, version, generation=generation)
        self.documents.commit([Change(DEPLOYMENTS, name, msgspec.json.encode(wanted))])
        self.watcher.poll()
        self.settle()
        return self.observed(name)

    def settle(self) -> None:
        assert self.watcher.settle(PATIENCE_SECONDS)

    def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(round(PATIENCE_SECONDS / 0.05)):
            if is_so():
                return
            Event().wait(0.05)
        raise AssertionError("it did not happen in time")

    def observed(self, name: str) -> Observed:
        document = self.documents.get(OBSERVED, name)
        assert document is not None
        return msgspec.json.decode(document.body, type=Observed)

    def ask(
        self, name: str, version: str | None = None, timeout_us: int | None = None
    ) -> "Future[Outcome]":
        """A request on its way."""
        answer: Future[Outcome] = Future()
        demands = Demands(timeout_us=timeout_us)
        inputs: dict[str, Array] = {"x": np.ones((1, 1), dtype=np.float32)}
        query = Query(name, inputs, version, demands=demands)

        def send() -> None:
            try:
                self.plane.infer(query, answer.set_result)
            except LichenError as error:
                answer.set_result(error)

        self.loop.call_soon_threadsafe(send)
        return answer

    def answer(self, name: str, version: str | None = None) -> float:
        return value(self.ask(name, version))

    def awake(self) -> set[str]:
        self.settle()
        return set(self.watcher.memory.by_deployment)


def value(answer: "Future[Outcome]") -> float:
    outcome = answer.result(PATIENCE_SECONDS)
    if isinstance(outcome, LichenError):
        raise outcome
    return float(outcome.outputs["y"][0, 0])


Makes = Callable[..., House]


@pytest.fixture
def make_house() -> Iterator[Makes]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    made: list[House] = []

    def make(
        limit: int | None = 100 * MEGABYTE, *, waiting: int = 64, patience: float = 60.0
    ) -> House:
        made.append(House(loop, limit, waiting, patience))
        return made[-1]

    yield make
    for house in made:
        for gate in house.shelf.gates.values():
            gate.set()
        house.watcher.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def house(make_house: Makes) -> House:
    """Room for 100 MiB; models `a`, `b`, `c` take 40 each, `large` 70, `larger` 80."""
    made = make_house()
    made.shelf.sizes = dict.fromkeys("abc", 40 * MEGABYTE)
    made.shelf.sizes |= {"large": 70 * MEGABYTE, "larger": 80 * MEGABYTE}
    return made


def test_the_least_recently_asked_sleeps_and_wakes_at_its_next_request(house: House) -> None:
    for name in "ab":
        house.desire(name, name)
    assert house.answer("b") == house.answer("a") == 1.0
    house.desire("c", "c")
    assert house.awake() == {"a", "c"}
    assert house.shelf.resident == 80 * MEGABYTE
    assert house.answer("b") == 1.0
    assert house.awake() == {"b", "c"}, "a was asked before c came"
    figures = house.watcher.memory
    assert (figures.slept, figures.woken, figures.thrashed) == (2, 1, 1)


def test_a_sleeping_deployment_is_ready_and_describes_itself(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    assert house.awake() == {"b", "c"}
    served = house.plane.find("a")
    assert served.signature == SIGNATURE
    assert house.plane.find("a@1").deployment.name == "a"
    entries = {one.deployment.name: one.state for one in house.repository.entries()}
    assert entries == dict.fromkeys("abc", State.READY)
    assert house.observed("a").state is State.READY


def test_nothing_is_written_while_models_sleep_and_wake(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.watcher.poll()
    revision = house.documents.revision()
    for name in "abc":
        assert house.answer(name) == 1.0
    assert house.documents.revision() == revision


def test_a_model_larger_than_the_limit_is_refused_with_both_figures(house: House) -> None:
    house.desire("a", "a")
    house.shelf.sizes["huge"] = 101 * MEGABYTE
    said = house.desire("h", "huge")
    assert said.state is State.FAILED
    assert "huge@1 takes 101 MiB" in said.message
    assert "may take 100 MiB" in said.message
    assert house.shelf.resident == 40 * MEGABYTE
    house.shelf.weighed = {"huge"}
    assert house.desire("h", "huge", 2, generation=2).state is State.FAILED
    assert house.shelf.loads == ["a@1", "huge@1"], "its file alone is over the limit"
    assert house.answer("a") == 1.0


def test_without_a_limit_nothing_sleeps(make_house: Makes) -> None:
    house = make_house(None)
    house.shelf.sizes = dict.fromkeys("abc", 2**50)
    for name in "abc":
        house.desire(name, name)
    assert house.awake() == set("abc")


def test_two_models_that_do_not_fit_together_answer_in_turns(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.desire("d", "large")
    house.desire("e", "larger")
    with caplog.at_level(logging.WARNING, "lichen.serving.residency.tally"):
        answers = [house.ask(name) for _ in range(20) for name in "de"]
        assert [value(one) for one in answers] == [1.0] * 40
        for name in "dedede":
            assert house.answer(name) == 1.0
    house.settle()
    assert len(house.awake()) == 1
    figures = house.watcher.memory
    assert figures.thrashed == figures.woken > 4
    (warning,) = caplog.records
    assert "do not fit in model_memory_mb (100 MiB for this process)" in warning.getMessage()


def test_a_deadline_passes_while_the_model_is_loaded_and_others_are_answered(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.gates["a"] = Event()
    patient, hasty = house.ask("a"), house.ask("a", timeout_us=1000)
    with pytest.raises(DeadlinePassed, match="while its model was being loaded"):
        value(hasty)
    assert not patient.done()
    generous = house.ask("a", timeout_us=60_000_000)
    house.shelf.gates["a"].set()
    assert value(patient) == value(generous) == 1.0


def test_waking_one_model_holds_up_no_other(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.gates["a"] = Event()
    waits = house.ask("a")
    assert house.answer("c") == 1.0
    assert not waits.done()
    house.shelf.gates["a"].set()
    assert value(waits) == 1.0


def test_so_many_wait_for_a_sleeping_model_and_no_more(make_house: Makes) -> None:
    house = make_house(40 * MEGABYTE, waiting=2)
    house.shelf.sizes = dict.fromkeys("ab", 40 * MEGABYTE)
    for name in "ab":
        house.desire(name, name)
    house.shelf.gates["a"] = Event()
    first, second, third = house.ask("a"), house.ask("a"), house.ask("a")
    with pytest.raises(Unavailable, match="2 requests wait"):
        value(third)
    house.shelf.gates["a"].set()
    assert value(first) == value(second) == 1.0


def test_a_model_that_cannot_be_woken_says_so_and_load_tries_again(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.broken["a"] = WorkFailed("its file is damaged")
    with pytest.raises(Unavailable, match="cannot be loaded again: its file is damaged"):
        house.answer("a")
    house.settle()
    assert house.observed("a").state is State.FAILED
    with pytest.raises(Unavailable, match="its file is damaged"):
        house.answer("a")
    del house.shelf.broken["a"]
    load(house, Deployment("a", "a", 1))
    assert house.answer("a") == 1.0


def load(house: House, deployment: Deployment) -> None:
    house.repository.take_up(deployment)
    assert not house.repository.is_loaded(deployment), "what failed before is no answer to this"
    house.watcher.poll()
    house.settle()
    assert house.repository.is_loaded(deployment)


def test_load_tries_again_what_failed_to_load(house: House) -> None:
    house.shelf.broken["a"] = Unavailable("the disk is away")
    assert house.desire("a", "a").state is State.FAILED
    house.watcher.poll()
    house.settle()
    assert house.shelf.loads == ["a@1"], "nothing is tried again unasked"
    deployment = Deployment("a", "a", 1)
    house.repository.take_up(deployment)
    house.watcher.poll()
    house.settle()
    with pytest.raises(Unavailable, match="the disk is away"):
        house.repository.is_loaded(deployment)
    del house.shelf.broken["a"]
    load(house, deployment)
    assert house.shelf.loads == ["a@1"] * 3


def test_what_failed_is_tried_again_when_its_files_change(house: House) -> None:
    house.shelf.broken["a"] = Unavailable("a file is damaged")
    assert house.desire("a", "a").state is State.FAILED
    house.watcher.poll()
    for _ in range(20):
        house.watcher.poll()
    house.settle()
    assert house.shelf.loads == ["a@1"]
    del house.shelf.broken["a"]
    house.shelf.stamps["a"] = 1
    for _ in range(20):
        house.watcher.poll()
    house.settle()
    assert house.observed("a").state is State.READY
    assert house.answer("a") == 1.0


def test_a_model_that_hangs_while_loading_is_given_up_and_taken_when_it_comes(
    make_house: Makes,
) -> None:
    house = make_house(patience=0.1)
    house.shelf.gates["slow"] = Event()
    said = house.desire("s", "slow")
    assert said.state is State.FAILED
    assert "did not load within 0.1 s" in said.message
    assert house.desire("d", "other").state is State.READY
    house.repository.take_up(Deployment("s", "slow", 1))
    house.watcher.poll()
    house.settle()
    assert "still hangs" in house.observed("s").message
    assert house.desire("s", "other", generation=2).state is State.READY
    house.shelf.gates["slow"].set()
    house.desire("s", "slow", generation=3)
    house.until(lambda: house.observed("s").state is State.READY)
    assert house.plane.find("s").deployment.model == "slow"


def test_a_load_that_hung_and_ends_after_all_is_served(make_house: Makes) -> None:
    house = make_house(patience=0.1)
    house.shelf.gates["slow"] = Event()
    assert house.desire("s", "slow").state is State.FAILED
    house.shelf.gates["slow"].set()
    house.until(lambda: house.observed("s").state is State.READY)
    assert house.answer("s") == 1.0
    assert house.shelf.loads == ["slow@1"]


def test_a_slow_load_has_company_after_a_while(
    make_house: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.serving.residency.attempts.SLOW_SECONDS", 0.05)
    house = make_house()
    house.shelf.gates["slow"] = Event()
    for name, model in (("s", "slow"), ("d", "quick")):
        wanted = msgspec.json.encode(Deployment(name, model, 1))
        house.documents.commit([Change(DEPLOYMENTS, name, wanted)])
    house.watcher.poll()
    house.until(lambda: "d" in house.selector.served())
    assert house.answer("d") == 1.0
    assert "s" not in house.selector.served()
    house.shelf.gates["slow"].set()
    house.settle()
    assert house.answer("s") == 1.0


def test_what_waits_for_a_sleeping_version_gets_the_one_that_replaced_it(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.gates["a"] = Event()
    anyone, first = house.ask("a"), house.ask("a", "1")
    house.until(lambda: house.shelf.loads.count("a@1") == 2)
    wanted = Deployment("a", "b", 2, generation=2)
    house.documents.commit([Change(DEPLOYMENTS, "a", msgspec.json.encode(wanted))])
    house.watcher.poll()
    house.shelf.gates["a"].set()
    assert value(anyone) == 2.0
    with pytest.raises(NotFound, match="deployed at version 2"):
        value(first)
    house.settle()
    assert house.answer("a", "2") == 2.0
    assert house.shelf.resident <= 100 * MEGABYTE


def test_a_swap_that_fits_only_alone_lets_callers_wait_for_the_new_version(house: House) -> None:
    house.desire("d", "large")
    assert house.answer("d") == 1.0
    house.shelf.gates["larger"] = Event()
    house.shelf.weighed = {"larger"}
    wanted = Deployment("d", "larger", 2, generation=2)
    house.documents.commit([Change(DEPLOYMENTS, "d", msgspec.json.encode(wanted))])
    house.watcher.poll()
    before = house.ask("d")
    house.shelf.gates["larger"].set()
    assert value(before) in (1.0, 2.0)
    house.settle()
    assert house.answer("d") == 2.0
    assert house.shelf.most == 80 * MEGABYTE, "never both at once"


def test_a_replacement_that_fails_wakes_the_old_one_for_those_who_wait(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.gates["large"] = Event()
    house.shelf.broken["large"] = WorkFailed("no such operator")
    wanted = Deployment("a", "large", 2, generation=2)
    house.documents.commit([Change(DEPLOYMENTS, "a", msgspec.json.encode(wanted))])
    house.watcher.poll()
    waits = house.ask("a")
    house.shelf.gates["large"].set()
    assert value(waits) == 1.0
    house.settle()
    said = house.observed("a")
    assert said.state is State.FAILED
    assert said.message == "no such operator; version 1 still answers"


def test_a_sleeping_deployment_is_unloaded_and_undeployed_like_any(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    assert house.awake() == {"b", "c"}
    house.repository.set_aside(Deployment("a", "a", 1))
    house.watcher.poll()
    house.settle()
    assert house.repository.is_out(Deployment("a", "a", 1))
    for name in ("a", "a@1"):
        with pytest.raises(Unavailable, match="unloaded on request"):
            house.answer(name)
    house.documents.commit([Change(DEPLOYMENTS, "a", None)])
    house.watcher.poll()
    house.settle()
    with pytest.raises(NotFound):
        house.answer("a")


def test_unloading_refuses_those_who_wait_for_the_model_to_wake(house: House) -> None:
    for name in "abc":
        house.desire(name, name)
    house.shelf.gates["a"] = Event()
    waits = house.ask("a")
    house.until(lambda: house.shelf.loads.count("a@1") == 2)
    house.repository.set_aside(Deployment("a", "a", 1))
    house.watcher.poll()
    with pytest.raises(Unavailable, match="unloaded on request"):
        value(waits)
    house.shelf.gates["a"].set()
    house.settle()
    assert house.awake() == {"c"}, "b made room for it"
    assert house.shelf.resident == 40 * MEGABYTE


def test_what_was_wanted_meanwhile_counts_when_a_load_ends(house: House) -> None:
    house.shelf.gates["a"] = Event()
    wanted = [Deployment("d", "a", 1), Deployment("d", "b", 2, generation=2)]
    for one in wanted:
        house.documents.commit([Change(DEPLOYMENTS, "d", msgspec.json.encode(one))])
        house.watcher.poll()
    house.shelf.gates["a"].set()
    house.settle()
    assert house.answer("d") == 2.0
    assert house.shelf.resident == 40 * MEGABYTE, "the first was closed when it came"
    assert house.observed("d") == Observed("d", 2, State.READY)


def test_an_unload_that_was_overtaken_says_so(house: House) -> None:
    deployment = Deployment("a", "a", 1)
    house.desire("a", "a")
    house.repository.set_aside(deployment)
    house.desire("a", "b", generation=2)
    with pytest.raises(LichenError, match="deployed anew"):
        house.repository.is_out(deployment)
    assert house.answer("a") == 1.0
