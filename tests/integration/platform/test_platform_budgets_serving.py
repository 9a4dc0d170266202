"""A budget where requests are answered: refused when it is spent, and nobody else (B1, B2)."""

import json
import math
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median_low
from typing import Any, Protocol

import grpc  # type: ignore[import-untyped]
import httpx
import numpy as np
import pytest

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import ROLLING_STEPS, Budget, Period, Quantity, Scope
from lichen.client.connection import Lichen
from lichen.core.clock import ManualClock, SystemClock
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.budgets import BudgetRequest
from lichen.protocol.footprint import parse_receipt
from lichen.protocol.grpc_messages import SERVICE, InferRequest, InferResponse, StreamResponse
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.serving.reservation import PRIOR_FACTOR
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

Until = Callable[[Callable[[], bool]], None]
SIGNATURE = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 2)),), (TensorSpec("raw", Datatype.FP32, (-1, 1)),)
)
BODY = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]}
DOORS = (
    ("/v2/models/d/infer", BODY),
    ("/v2/models/d/infer?ordinary", BODY),  # a query takes the lane that knows all
    ("/predict/d", {"x": [1.0, 1.0]}),
)
LIMIT = 1_000 * 10**9
"""A kilojoule: what the questions of a test cost is little of it on any machine."""
POLICY = '"team";q=1000000000;qu="microjoules";w='
PROCESSES, CALLERS = 2, 8
PATIENCE_SECONDS = 300.0
HTTP_ONLY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No certificates are read for it, which would take longer than the answer."""


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def client(self) -> Lichen: ...


@dataclass
class Asker:
    """A tenant that asks over connections of its own, so that both processes get to answer."""

    address: str
    token: str

    def ask(self, path: str = "/v2/models/d/infer", body: object = BODY) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(
            f"{self.address}{path}", json=body, headers=headers, verify=HTTP_ONLY, timeout=60
        )


@pytest.fixture
def two(stopped: Running) -> Running:
    """A platform of two data plane processes, with model `m`, and keys of two tenants."""
    stopped.environment["LICHEN_DATAPLANE_PROCESSES"] = str(PROCESSES)
    stopped.up()
    home = Home(stopped.home)
    documents = SqliteDocuments(home.documents)
    catalog = Catalog(documents, LocalBlobs(home.blobs), SystemClock())
    files = {"model.onnx": linear_core(np.full((2, 1), 1.0, dtype=np.float32))}
    catalog.register(Draft("m", "regression", "linear", SIGNATURE, "test"), files)
    documents.close()
    stopped.client().deployments.deploy("m@1", "d")
    return stopped


def asker(running: Running, tenant: str) -> Asker:
    documents = SqliteDocuments(Home(running.home).documents)
    principal = Principal(f"{tenant}-admin", TenantId(tenant), Role.ADMIN)
    token = Keys(documents, SystemClock()).create(principal).token
    documents.close()
    return Asker(running.client().platform().addresses.http, token)


def always(who: Asker, holds: Callable[[httpx.Response], bool]) -> Callable[[], bool]:
    """Whether it holds of so many answers that both processes gave some of them.

    Each learns of a budget by itself, within a second of the other; either takes a new connection.
    """
    return lambda: all(holds(who.ask()) for _ in range(32))


def is_counted(answer: httpx.Response) -> bool:
    return "ratelimit" in answer.headers


def is_answered(answer: httpx.Response) -> bool:
    return answer.status_code == 200


def receipt(answer: httpx.Response) -> int:
    return parse_receipt(answer.headers["lichen-receipt"]).energy.nj


def kept(running: Running, name: str, scope: str, limit: int, per: str) -> Budget:
    """A budget of tenant north, as the data plane reads it."""
    asked = BudgetRequest(scope=scope, unit="nj", limit=limit, per=per, tenant="north")
    running.client().budgets.set(name, asked)
    return budget_of_north(name, scope, limit, per)


def budget_of_north(name: str, scope: str, limit: int, per: str) -> Budget:
    north, quantity = TenantId("north"), Quantity.JOULES
    return Budget(name, Scope.parse(scope), quantity, limit, Period.parse(per), north)


def kept_spent(running: Running, per: str, seconds_ago: int = 0) -> datetime:
    """The budget `team`, all of it spent that many seconds ago; that moment."""
    clock = ManualClock(SystemClock().now() - timedelta(seconds=seconds_ago))
    budget = budget_of_north("team", "tenant:north", LIMIT, per)
    allowance = Allowance.open(Home(running.home).budgets, budget, clock)
    assert allowance.reserve(budget.limit)
    allowance.close()
    kept(running, "team", "tenant:north", LIMIT, per)
    return clock.now()


def test_a_spent_budget_refuses_in_every_protocol_until_its_window_moves_on(
    two: Running, until: Until
) -> None:
    north, south = asker(two, "north"), asker(two, "south")
    until(always(north, is_answered))
    until(always(south, is_answered))
    assert "ratelimit" not in north.ask().headers, "no budget counts, and nothing is said of one"
    kept(two, "team", "tenant:north", LIMIT, "1h")
    until(always(north, is_counted))
    for path, body in DOORS:
        check_answered(north.ask(path, body))
    two.client().budgets.rm("team")
    until(always(north, lambda answer: not is_counted(answer)))

    spent_at = kept_spent(two, "2h")
    until(always(north, lambda answer: answer.status_code == 429))
    for path, body in DOORS:
        check_refused(north.ask(path, body), spent_at)
    assert south.ask().status_code == 200
    assert "ratelimit" not in south.ask().headers
    code, metadata = over_grpc(two, north.token)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b"google.rpc.RetryInfo" in metadata["grpc-status-details-bin"]
    assert metadata["ratelimit"] == f'"team";r=0;t={metadata["retry-after"]}'
    check_refused_in_a_stream(over_a_stream(two, north.token))
    check_comes_back(two, north, until)


def check_comes_back(two: Running, north: Asker, until: Until) -> None:
    """All of a shorter window was spent, and the window moves on."""
    spent_at = kept_spent(two, "60s", seconds_ago=56)
    until(lambda: is_answered(north.ask()))
    assert SystemClock().now() >= spent_at + timedelta(seconds=60), "no sooner than it comes back"
    until(always(north, is_answered))
    until(lambda: all(over_grpc(two, north.token)[0] is grpc.StatusCode.OK for _ in range(16)))
    _, metadata = over_grpc(two, north.token)
    assert metadata["ratelimit-policy"] == f"{POLICY}60"
    left_uj = int(metadata["ratelimit"].split(";")[1].removeprefix("r="))
    assert 0.99 * LIMIT < left_uj * 1000 < LIMIT, (
        "what was spent long ago is back; these questions cost some"
    )
    parameters = over_a_stream(two, north.token).infer_response.parameters
    assert parameters["ratelimit-policy"].string_param == f"{POLICY}60"
    assert parameters["lichen-receipt"].string_param.startswith("nj=")


def check_refused_in_a_stream(said: Any) -> None:  # noqa: ANN401 - protobuf's
    assert "budget 'team' (tenant:north, 1 kJ per 2h) has 0 J left" in said.error_message
    told = {key: one.string_param for key, one in said.infer_response.parameters.items()}
    assert told["ratelimit-policy"] == f"{POLICY}7200"
    assert told["ratelimit"] == f'"team";r=0;t={told["retry-after"]}'


def check_answered(answer: httpx.Response) -> None:
    assert answer.status_code == 200
    assert answer.headers["ratelimit-policy"] == f"{POLICY}3600"
    assert answer.headers["ratelimit"].startswith('"team";r=99')


def check_refused(answer: httpx.Response, spent_at: datetime) -> None:
    """To be asked again when the window has moved past the step in which all was spent."""
    assert answer.status_code == 429
    assert "budget 'team' (tenant:north, 1 kJ per 2h) has 0 J left" in answer.json()["error"]
    window_s = 7200
    passed_s = (SystemClock().now() - spent_at).total_seconds()
    wait_s = int(answer.headers["retry-after"])
    assert window_s - passed_s <= wait_s <= math.ceil(window_s + window_s / ROLLING_STEPS)
    assert answer.headers["ratelimit"] == f'"team";r=0;t={answer.headers["retry-after"]}'


def grpc_target(running: Running) -> str:
    return str(json.loads((running.home / "run" / "addresses.json").read_text())["grpc"])


def grpc_request() -> Any:  # noqa: ANN401 - protobuf's
    request = InferRequest(model_name="d")
    asked = request.inputs.add(name="features", datatype="FP32", shape=[1, 2])
    asked.contents.fp32_contents.extend([1.0, 1.0])
    return request


def over_grpc(running: Running, token: str) -> tuple[Any, dict[str, Any]]:
    """The status of one inference, and its trailing metadata."""
    with grpc.insecure_channel(grpc_target(running)) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            request_serializer=InferRequest.SerializeToString,
            response_deserializer=InferResponse.FromString,
        ).future(grpc_request(), metadata=(("authorization", f"Bearer {token}"),))
        code = call.code()
        return code, {one.key: one.value for one in call.trailing_metadata()}


def over_a_stream(running: Running, token: str) -> Any:  # noqa: ANN401 - protobuf's
    """What a stream says to one inference."""
    with grpc.insecure_channel(grpc_target(running)) as channel:
        (said,) = channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer",
            request_serializer=InferRequest.SerializeToString,
            response_deserializer=StreamResponse.FromString,
        )(iter([grpc_request()]), metadata=(("authorization", f"Bearer {token}"),))
        return said


def test_two_processes_spend_one_budget_and_the_books_agree(two: Running, until: Until) -> None:
    north, south = asker(two, "north"), asker(two, "south")
    answers: list[httpx.Response] = []

    def ask(*_: object) -> httpx.Response:
        answers.append(north.ask())
        return answers[-1]

    until(lambda: all(is_answered(ask()) for _ in range(32)))
    until(always(south, is_answered))
    limit = 200 * median_low(receipt(one) for one in answers if is_answered(one))
    budget = kept(two, "team", "tenant:north", limit, "6h")

    def drive(_: int) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while is_answered(ask()) and time.monotonic() < give_up:
            pass

    until(lambda: all(is_counted(ask()) for _ in range(32)))
    before = len(answers)
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(drive, range(CALLERS)))
    assert {429} <= {one.status_code for one in answers[before:]} <= {200, 429}
    assert south.ask().status_code == 200
    paid = [one for one in answers if is_answered(one)]
    charged = sum(receipt(one) for one in paid)
    until(lambda: booked(two, "work/north/d/m@1/fp32") == charged)
    assert two.down() == 0
    counted = sum(receipt(one) for one in paid if is_counted(one))
    found = Allowance.open(Home(two.home).budgets, budget, SystemClock()).standing()
    assert found.committed == counted, "what was paid is what the receipts say"
    in_flight = CALLERS * max(receipt(one) for one in paid)
    assert counted <= limit + in_flight, (
        "what was asked at the same time may cost more than foreseen"
    )
    assert counted > min(limit / 2, limit - PRIOR_FACTOR * in_flight), "little is left of a slice"


def booked(running: Running, account: str) -> int:
    return {one.account: one.nj for one in running.client().ledger().accounts}.get(account, 0)
