"""Whatever is deployed, unloaded, loaded and asked in any order: what answers is what should.

A plain model says what each name has to answer; requests run while things change, and may get what
was right before or after, and nothing else. Once all is settled no deployment has two models in
memory, and all together are within the limit.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, LichenError, NotFound, Unavailable
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.function import FunctionPredictor
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import ASIDE, DEPLOYMENTS, Deployment, State
from lichen.serving.plane import DataPlane
from lichen.serving.repository import Repository
from lichen.serving.residency.memory import Memory
from lichen.serving.residency.watcher import Watcher
from lichen.serving.residency.workshop import BatchLimits, Stored, Workshop
from lichen.serving.selector import Selector
from lichen.serving.ticket import Outcome, Query
from lichen.store.documents import Change, MemoryDocuments

PATIENCE_SECONDS = 60.0
NAMES = ("a", "b", "c", "d")
SIZES = {"small": 20, "middle": 45, "large": 80, "huge": 120, "odd": 10}
"""MiB of each model; `odd` cannot be loaded."""
LIMIT = 100
MEGABYTE = 2**20
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)

Told = float | type[LichenError]
"""What a request gets: the number of the model and version that answered, or an error."""


def number(model: str, version: int) -> float:
    return 10.0 * list(SIZES).index(model) + version


@dataclass
class Expected:
    """One deployment as the plain model knows it: what is wanted, and what answers."""

    wanted: Deployment
    is_out: bool = False
    answers: Deployment | None = None

    def bring(self, limit: int | None) -> None:
        """What loads, answers; what does not leaves the former one answering."""
        loads = self.wanted.model != "odd" and (limit is None or SIZES[self.wanted.model] <= limit)
        if not self.is_out and loads:
            self.answers = self.wanted


@dataclass
class Plain:
    """What should be."""

    limit: int | None
    deployed: dict[str, Expected] = field(default_factory=dict)

    def told(self, name: str) -> Told:
        """What a request under this name, or `NAME@V`, gets."""
        if "@" in name:
            return self._told_of_version(name)
        one = self.deployed.get(name)
        if one is None:
            return NotFound
        return Unavailable if one.answers is None else _number(one.answers)

    def _told_of_version(self, reference: str) -> Told:
        for one in self.deployed.values():
            if one.answers is not None and one.answers.reference == reference:
                return _number(one.answers)
        idle = [one for one in self.deployed.values() if one.answers is None]
        return Unavailable if any(one.wanted.reference == reference for one in idle) else NotFound


def _number(deployment: Deployment) -> float:
    return number(deployment.model, deployment.version)


class Shelf:
    """A loader whose models take memory, and know whose they are."""

    def __init__(self, *, is_weighed: bool) -> None:
        self.is_weighed = is_weighed
        self.open: Counter[str] = Counter()
        self.resident = 0

    def load(self, deployment: Deployment) -> FunctionPredictor:
        if deployment.model == "odd":
            raise InvalidInput("it is odd")
        return Sized(self, deployment)

    def stored(self, deployment: Deployment) -> Stored:
        return Stored(SIZES[deployment.model] * MEGABYTE if self.is_weighed else 0)


class Sized(FunctionPredictor):
    """Takes memory until it is closed."""

    def __init__(self, shelf: Shelf, deployment: Deployment) -> None:
        super().__init__(SIGNATURE, self.answer)
        self.shelf, self.deployment = shelf, deployment
        shelf.resident += SIZES[deployment.model] * MEGABYTE
        shelf.open[deployment.name] += 1

    def answer(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        assert not self.is_closed, "a closed model was asked"
        return {"y": inputs["x"] * 0 + np.float32(_number(self.deployment))}

    def close(self) -> None:
        assert not self.is_closed, "closed twice"
        super().close()
        self.shelf.resident -= SIZES[self.deployment.model] * MEGABYTE
        self.shelf.open[self.deployment.name] -= 1


class House:
    """The real thing, driven from this thread; its loop runs in another."""

    def __init__(self, limit: int | None, *, is_weighed: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever)
        self.thread.start()
        self.limit = limit
        self.documents = MemoryDocuments()
        self.shelf = Shelf(is_weighed=is_weighed)
        selector = Selector()
        selector.end_first_look()
        self.plane = DataPlane(selector)
        self.repository = Repository(self.documents, selector)
        most = None if limit is None else limit * MEGABYTE
        workshop = Workshop(
            self.shelf,
            NoMetering(),
            self.loop,
            BatchLimits(4, 64),
            files=self.shelf,
            memory=Memory(most, lambda: self.shelf.resident),
        )
        self.watcher = Watcher(self.documents, selector, workshop)
        self.settle()

    def settle(self) -> None:
        self.watcher.poll()
        assert self.watcher.settle(PATIENCE_SECONDS)

    def ask(self, name: str) -> "Future[Outcome]":
        answer: Future[Outcome] = Future()
        query = Query(name, {"x": np.ones((1, 1), dtype=np.float32)})

        def send() -> None:
            try:
                self.plane.infer(query, answer.set_result)
            except LichenError as error:
                answer.set_result(error)

        self.loop.call_soon_threadsafe(send)
        return answer

    def close(self) -> None:
        self.watcher.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def told(answer: "Future[Outcome]") -> Told:
    outcome = answer.result(PATIENCE_SECONDS)
    return type(outcome) if isinstance(outcome, LichenError) else float(outcome.outputs["y"][0, 0])


@dataclass(frozen=True)
class Deploy:
    name: str
    model: str
    version: int

    def act(self, house: House, plain: Plain) -> None:
        former = plain.deployed.get(self.name)
        generation = 1 if former is None else former.wanted.generation + 1
        wanted = Deployment(self.name, self.model, self.version, generation=generation)
        house.documents.commit([Change(DEPLOYMENTS, self.name, msgspec.json.encode(wanted))])
        answers = None if former is None else former.answers
        plain.deployed[self.name] = Expected(wanted, answers=answers)
        plain.deployed[self.name].bring(plain.limit)


@dataclass(frozen=True)
class Undeploy:
    name: str

    def act(self, house: House, plain: Plain) -> None:
        gone = [Change(DEPLOYMENTS, self.name, None), Change(ASIDE, self.name, None)]
        house.documents.commit(gone)
        plain.deployed.pop(self.name, None)


@dataclass(frozen=True)
class Unload:
    name: str

    def act(self, house: House, plain: Plain) -> None:
        one = plain.deployed.get(self.name)
        if one is not None:
            house.repository.set_aside(one.wanted)
            one.is_out, one.answers = True, None


@dataclass(frozen=True)
class Load:
    name: str

    def act(self, house: House, plain: Plain) -> None:
        one = plain.deployed.get(self.name)
        if one is not None:
            house.repository.take_up(one.wanted)
            one.is_out = False
            one.bring(plain.limit)


Step = tuple[list[str], Deploy | Undeploy | Unload | Load]
"""Requests on their way, and what is done meanwhile."""

names = st.sampled_from(NAMES)
deploys = st.builds(Deploy, names, st.sampled_from(list(SIZES)), st.integers(1, 3))
actions = st.one_of(
    deploys,
    deploys,
    deploys,
    st.builds(Undeploy, names),
    st.builds(Unload, names),
    st.builds(Load, names),
)
asked = st.one_of(names, names, st.sampled_from(["small@1", "middle@2", "large@1"]))
steps = st.lists(st.tuples(st.lists(asked, max_size=4), actions), min_size=6, max_size=14)

first = st.lists(st.sampled_from(list(SIZES)), min_size=4, max_size=4)


@settings(max_examples=60, deadline=None)
@given(first, steps, st.sampled_from([LIMIT, LIMIT, LIMIT, None]), st.booleans())
def test_what_answers_is_what_should_and_memory_stays_within_its_limit(
    first: list[str],
    steps: list[Step],
    limit: int | None,
    is_weighed: bool,  # noqa: FBT001 - drawn
) -> None:
    house, plain = House(limit, is_weighed=is_weighed), Plain(limit)
    deploys: list[Step] = [
        ([], Deploy(name, model, 1)) for name, model in zip(NAMES, first, strict=True)
    ]
    try:
        for requests, action in deploys + steps:
            before = {name: plain.told(name) for name in requests}
            answers = [(name, house.ask(name)) for name in requests]
            action.act(house, plain)
            house.settle()
            for name, answer in answers:
                assert told(answer) in (before[name], plain.told(name)), (name, action)
            house.settle()
            check_settled(house, plain)
        for name in NAMES:
            assert told(house.ask(name)) == plain.told(name)
        house.settle()
        check_settled(house, plain)
    finally:
        house.close()


def check_settled(house: House, plain: Plain) -> None:
    """No two models of one deployment, none that answers nothing, and all within the limit."""
    assert max(house.shelf.open.values(), default=0) <= 1
    answering = {name for name, one in plain.deployed.items() if one.answers is not None}
    assert {name for name, count in house.shelf.open.items() if count} <= answering
    if house.limit is not None:
        assert house.shelf.resident <= house.limit * MEGABYTE
    states = {one.deployment.name: one.state for one in house.repository.entries()}
    for name, one in plain.deployed.items():
        if one.is_out:
            assert states[name] is State.UNLOADED
        elif one.answers == one.wanted:
            assert states[name] is State.READY
        else:
            assert states[name] is State.FAILED
