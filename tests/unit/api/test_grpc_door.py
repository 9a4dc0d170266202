"""The gRPC door by itself: what it says to callers that leave, stall, or send what cannot be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event, Lock

import grpc  # type: ignore[import-untyped]
import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto  # type: ignore[import-untyped]
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]
    reflection_pb2,
    reflection_pb2_grpc,
)

from lichen.api.gate import Gate
from lichen.api.grpc_extensions import Behind
from lichen.api.grpc_inference import IN_FLIGHT
from lichen.api.grpc_server import GrpcServer, Listening
from lichen.api.oip_http import Door, HttpLimits
from lichen.api.statuses import UNEXPECTED
from lichen.api.telemetry_calls import TelemetryCalls
from lichen.core.batch import Array
from lichen.core.clock import ManualClock
from lichen.core.events import NoObserver, Subject
from lichen.core.ids import DEFAULT_TENANT
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.function import FunctionPredictor
from lichen.monitoring.trace_settings import TraceBook
from lichen.protocol.grpc_messages import (
    SERVICE,
    InferRequest,
    InferResponse,
    Message,
    StreamResponse,
)
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.serving.batcher import Batcher
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane
from lichen.serving.replica import Replica
from lichen.serving.repository import Repository
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Query, Reply, Ticket
from lichen.store.documents import MemoryDocuments

WATCHED = (Subject("d", "m", 1, "fp32"), NoObserver())
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)
BODY_LIMIT, QUEUE_LIMIT = 4000, 3
RAISES, WAITS = 13.0, 17.0
PATIENCE_SECONDS = 60.0
CODE = grpc.StatusCode


class Plane(DataPlane):
    """Remembers the tickets that it gave."""

    def __init__(self, selector: Selector) -> None:
        super().__init__(selector)
        self.tickets: list[Ticket] = []

    def infer(self, query: Query, reply: Reply) -> Ticket:
        self.tickets.append(super().infer(query, reply))
        return self.tickets[-1]


class House:
    """A server, the model behind it, and how often that ran."""

    def __init__(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.go_on = Event()
        self.seen: list[float] = []
        self._lock = Lock()
        self.documents = MemoryDocuments()
        self.selector = Selector()
        self.selector.replace({"d": self._served(loop)}, {})
        self.selector.end_first_look()
        keys = Keys(self.documents, ManualClock())
        self.made = keys.create(Principal("tester", DEFAULT_TENANT, Role.PREDICTOR))
        self.keys = keys
        self.gate = Gate(KeyRing(self.documents, ManualClock(), None))
        limits = HttpLimits(body=BODY_LIMIT, head=2000)
        self.plane = Plane(self.selector)
        door = Door(self.plane, self.gate, limits, "0", lambda: True)
        telemetry = TelemetryCalls(self.gate, self.plane, folder, TraceBook(self.documents))
        repository = Repository(self.documents, self.selector)
        self.server = GrpcServer(door, Behind(repository, telemetry, 8))

    def _served(self, loop: asyncio.AbstractEventLoop) -> Served:
        predictor = FunctionPredictor(SIGNATURE, self.compute)
        replica = Replica(predictor, Stopwatch(lambda: 0, 0), is_apart=True)
        metering = NoMetering()
        batcher = Batcher(replica, metering, metering, loop, (1, QUEUE_LIMIT), WATCHED)
        return Served(Deployment("d", "m", 1), replica, batcher)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.made.token}"),)

    def compute(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        values = inputs["x"]
        with self._lock:
            self.seen += values.ravel().tolist()
        if (values == WAITS).any():
            assert self.go_on.wait(PATIENCE_SECONDS)
        if (values == RAISES).any():
            raise ZeroDivisionError("/secret/path")
        return {"y": values * 2}


class Visit:
    """A channel to a house."""

    def __init__(self, house: House, channel: aio.Channel) -> None:
        self.house = house
        self.channel = channel
        self.infer = channel.unary_unary(
            f"/{SERVICE}/ModelInfer", response_deserializer=InferResponse.FromString
        )

    def ask(
        self, value: float = 1.0, timeout: float | None = PATIENCE_SECONDS
    ) -> aio.UnaryUnaryCall:
        return self.infer(request(value), metadata=self.house.metadata, timeout=timeout)

    def stream(self) -> aio.StreamStreamCall:
        call = self.channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer", response_deserializer=StreamResponse.FromString
        )
        return call(metadata=self.house.metadata)


def request(value: float = 1.0, name: str = "d", request_id: str = "") -> bytes:
    made = InferRequest(model_name=name, id=request_id)
    tensor = made.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    tensor.contents.fp32_contents.append(value)
    return bytes(made.SerializeToString())


def value_of(answer: Message) -> float:
    return float(np.frombuffer(answer.raw_output_contents[0], np.float32)[0])


async def refused(call: Awaitable[object], code: grpc.StatusCode) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    assert caught.value.code() is code, caught.value
    return str(caught.value.details())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def visiting(folder: Path) -> AsyncIterator[Visit]:
    house = House(folder)
    port = await house.server.start(Listening("127.0.0.1", 0, None))
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            yield Visit(house, channel)
        finally:
            house.go_on.set()
            await house.server.stop(PATIENCE_SECONDS)


def visited(folder: Path, act: Callable[[Visit], Awaitable[None]]) -> None:
    async def run() -> None:
        async with visiting(folder) as visit:
            await act(visit)

    asyncio.run(run())


def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        mine = visit.house.metadata
        said = await refused(visit.infer(b"\xff\xff", metadata=mine), CODE.INVALID_ARGUMENT)
        assert "ModelInferRequest" in said
        await refused(visit.infer(b"", metadata=mine), CODE.NOT_FOUND)
        assert "secret" not in await refused(visit.ask(RAISES), CODE.INTERNAL)
        large = bytes(BODY_LIMIT + 1)
        await refused(visit.infer(large, metadata=mine), CODE.RESOURCE_EXHAUSTED)
        await refused(visit.infer(request(), metadata=()), CODE.UNAUTHENTICATED)
        wrong = (("authorization", "Bearer lk_a_b"),)
        await refused(visit.infer(request(), metadata=wrong), CODE.UNAUTHENTICATED)
        assert value_of(await visit.ask(2.0)) == 4.0

    visited(tmp_path, act)


def test_an_unexpected_error_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(visit: Visit) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("/secret/path")

        monkeypatch.setattr(visit.house.selector, "choose", broken)
        assert await refused(visit.ask(), CODE.INTERNAL) == UNEXPECTED
        stream = visit.stream()
        await stream.write(request(request_id="7"))
        answer = await stream.read()
        assert (answer.error_message, answer.infer_response.id) == (UNEXPECTED, "7")
        await stream.done_writing()
        assert await stream.read() is aio.EOF

    visited(tmp_path, act)


def test_what_has_not_started_by_its_deadline_is_dropped(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        first = visit.ask(WAITS)
        await until(lambda: visit.house.seen == [WAITS])
        await refused(visit.ask(1.0, timeout=0.05), CODE.DEADLINE_EXCEEDED)
        late = InferRequest.FromString(request(2.0))
        late.parameters["timeout"].int64_param = 1000
        call = visit.infer(late.SerializeToString(), metadata=visit.house.metadata)
        assert "timeout" in await refused(call, CODE.DEADLINE_EXCEEDED)
        visit.house.go_on.set()
        assert value_of(await first) == 2 * WAITS
        assert visit.house.seen == [WAITS]

    visited(tmp_path, act)


def test_what_has_not_started_when_its_caller_leaves_is_dropped(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        first = visit.ask(WAITS)
        await until(lambda: visit.house.seen == [WAITS])
        leaves, stream = visit.ask(1.0), visit.stream()
        await stream.write(request(2.0))
        await until(lambda: len(visit.house.plane.tickets) == 3)
        leaves.cancel()
        stream.cancel()
        await until(lambda: all(one.abandoned for one in visit.house.plane.tickets[1:]))
        visit.house.go_on.set()
        assert value_of(await first) == 2 * WAITS
        assert value_of(await visit.ask(3.0)) == 6.0
        assert visit.house.seen == [WAITS, 3.0]

    visited(tmp_path, act)


def test_a_full_queue_is_unavailable(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        calls = [visit.ask(WAITS)]
        await until(lambda: visit.house.seen == [WAITS])
        calls += [visit.ask(float(number)) for number in range(QUEUE_LIMIT)]
        batcher = visit.house.selector.choose("d").batcher
        await until(lambda: batcher.waiting == QUEUE_LIMIT)
        assert "wait" in await refused(visit.ask(), CODE.UNAVAILABLE)
        visit.house.go_on.set()
        for call in calls:
            await call

    visited(tmp_path, act)


def test_a_stream_answers_in_order_and_reads_no_further_than_it_answers(tmp_path: Path) -> None:
    number_of = 3 * IN_FLIGHT

    async def act(visit: Visit) -> None:
        stream = visit.stream()

        async def write() -> None:
            for number in range(number_of):
                name = "none" if number % 5 == 4 else "d"
                await stream.write(request(float(number % 3), name, str(number)))
            await stream.done_writing()

        writing = asyncio.create_task(write())
        for number in range(number_of):
            answer = await stream.read()
            assert answer.infer_response.id == str(number)
            if number % 5 == 4:
                assert "'none'" in answer.error_message
            elif not answer.error_message:  # more at once than the queue holds
                assert value_of(answer.infer_response) == 2.0 * (number % 3)
            else:
                assert "wait" in answer.error_message
        await writing
        assert await stream.read() is aio.EOF
        assert await stream.code() is CODE.OK

    visited(tmp_path, act)


def test_a_revoked_key_ends_a_stream(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        stream = visit.stream()
        await stream.write(request())
        assert value_of((await stream.read()).infer_response) == 2.0
        visit.house.keys.revoke(visit.house.made.record.id)
        visit.house.gate.refresh()

        async def go_on() -> None:
            while True:
                await stream.write(request())
                await stream.read()

        async with asyncio.timeout(PATIENCE_SECONDS):
            await refused(go_on(), CODE.UNAUTHENTICATED)

    visited(tmp_path, act)


def test_nobody_learns_without_a_key_what_there_is_not(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        for path in (f"/{SERVICE}/LogSettings", "/other.Service/Method"):
            call = visit.channel.unary_unary(path)
            await refused(call(b""), CODE.UNAUTHENTICATED)
            said = await refused(call(b"", metadata=visit.house.metadata), CODE.UNIMPLEMENTED)
            assert "reflection" in said

    visited(tmp_path, act)


def test_health_is_open_to_all(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        stub = health_pb2_grpc.HealthStub(visit.channel)
        serving = health_pb2.HealthCheckResponse(status="SERVING")
        for service in ("", SERVICE):
            assert await stub.Check(health_pb2.HealthCheckRequest(service=service)) == serving
        await refused(stub.Check(health_pb2.HealthCheckRequest(service="x")), CODE.NOT_FOUND)
        for method in ("ServerLive", "ServerReady"):
            assert await visit.channel.unary_unary(f"/{SERVICE}/{method}")(b"") == b"\x08\x01"

    visited(tmp_path, act)


def test_who_stops_says_so_and_answers_what_is_in_flight(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        stub = health_pb2_grpc.HealthStub(visit.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        first = visit.ask(WAITS)
        await until(lambda: visit.house.seen == [WAITS])
        stopping = asyncio.create_task(visit.house.server.stop(PATIENCE_SECONDS))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        visit.house.go_on.set()
        assert value_of(await first) == 2 * WAITS
        await stopping

    visited(tmp_path, act)


def test_an_idle_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    hours = 3600.0

    async def act(visit: Visit) -> None:
        watch = health_pb2_grpc.HealthStub(visit.channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        stream = visit.stream()
        await stream.write(request())
        assert value_of((await stream.read()).infer_response) == 2.0
        async with asyncio.timeout(PATIENCE_SECONDS):
            await visit.house.server.stop(hours)
        assert await stream.code() in {CODE.UNAVAILABLE, CODE.CANCELLED}

    visited(tmp_path, act)


def test_what_a_stream_has_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        stream = visit.stream()
        await stream.write(request(WAITS))
        await until(lambda: visit.house.seen == [WAITS])
        stopping = asyncio.create_task(visit.house.server.stop(PATIENCE_SECONDS))
        await asyncio.sleep(0)
        visit.house.go_on.set()
        assert value_of((await stream.read()).infer_response) == 2 * WAITS
        await stopping

    visited(tmp_path, act)


def test_reflection_tells_what_is_spoken(tmp_path: Path) -> None:
    async def act(visit: Visit) -> None:
        ask = reflection_pb2.ServerReflectionRequest
        asked = (
            ask(list_services=""),
            ask(file_containing_symbol=SERVICE),
            ask(file_by_filename="none"),
        )
        stub = reflection_pb2_grpc.ServerReflectionStub(visit.channel)
        call = stub.ServerReflectionInfo(iter(asked), metadata=visit.house.metadata)
        services, file, none = [answer async for answer in call]
        names = {one.name for one in services.list_services_response.service}
        assert names == {
            SERVICE,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }
        (found,) = file.file_descriptor_response.file_descriptor_proto
        assert FileDescriptorProto.FromString(found).package == "inference"
        assert none.error_response.error_code == CODE.NOT_FOUND.value[0]
        younger = visit.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        )
        answers = younger(iter([asked[0].SerializeToString()]), metadata=visit.house.metadata)
        assert [answer async for answer in answers] == [services.SerializeToString()]
        await refused(stub.ServerReflectionInfo().read(), CODE.UNAUTHENTICATED)

    visited(tmp_path, act)
