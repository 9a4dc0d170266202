"""The client against a recorded server: what it sends, retries, and makes of answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from lichen.client.inference import Inference
from lichen.client.transport import Transport
from lichen.core import errors
from lichen.core.figures import Method

METADATA = {
    "name": "d",
    "versions": ["1"],
    "platform": "lichen",
    "inputs": [
        {"name": "x", "datatype": "FP64", "shape": [-1, 2]},
        {"name": "when", "datatype": "BYTES", "shape": [-1]},
    ],
    "outputs": [],
}
ANSWER = {
    "model_name": "d",
    "model_version": "1",
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1, 2], "data": [1, 2, 3, 4]}],
}
RECEIPT = "nj=5, nj-low=1, nj-high=9, method=measured, at=@1790000000"
Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """Remembers requests, and answers the next of `answers` to each, then as it should."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.method == "GET":
            return httpx.Response(200, json=METADATA)
        return httpx.Response(200, json=ANSWER, headers={"Lichen-Receipt": RECEIPT})

    def bodies(self) -> list[Any]:
        return [json.loads(one.content) for one in self.requests if one.method == "POST"]


def inference(server: Server, deadline_seconds: float = 60.0) -> Inference:
    transport = httpx.MockTransport(server)
    return Inference(
        Transport("http://here/", "lk_key", transport=transport, deadline_seconds=deadline_seconds)
    )


def test_lists_go_out_and_come_back() -> None:
    server = Server()
    asked = inference(server)
    when = datetime(2026, 1, 1, tzinfo=UTC)
    answer = asked.predict("a b@1", {"x": [[1, 2.5]], "when": when})
    assert answer.outputs == {"y": [[[1, 2]], [[3, 4]]]}
    assert (answer.model_name, answer.model_version) == ("d", "1")
    assert answer.receipt is not None
    assert (answer.receipt.energy.nj, answer.receipt.energy.method) == (5, Method.MEASURED)
    assert server.bodies() == [
        {
            "inputs": [
                {"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [[1, 2.5]]},
                {
                    "name": "when",
                    "datatype": "BYTES",
                    "shape": [1],
                    "data": ["2026-01-01T00:00:00Z"],
                },
            ]
        }
    ]
    assert server.requests[0].url.raw_path == b"/v2/models/a%20b@1"
    assert all(one.headers["authorization"] == "Bearer lk_key" for one in server.requests)


def test_arrays_are_taken_and_metadata_is_asked_once() -> None:
    server = Server()
    asked = inference(server)
    for _ in range(2):
        asked.predict("d", {"x": np.ones((2, 2)), "when": [b"a", "b"], "new": [1]})
    assert [one.method for one in server.requests] == ["GET", "POST", "POST"]
    first = server.bodies()[0]["inputs"]
    assert first[0]["data"] == [[1.0, 1.0], [1.0, 1.0]]
    assert first[1]["data"] == ["a", "b"]
    assert first[2]["datatype"] == "FP32"


def test_a_deployment_that_changed_its_inputs_is_asked_anew() -> None:
    server = Server()
    asked = inference(server)
    asked.predict("d", {"x": [[1, 2]]})
    changed = {**METADATA, "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}
    refused = httpx.Response(400, json={"error": "takes FP32"})
    server.answers = [refused, httpx.Response(200, json=changed)]
    assert asked.predict("d", {"x": [[1, 2]]}).outputs
    assert [body["inputs"][0]["datatype"] for body in server.bodies()] == ["FP64", "FP64", "FP32"]
    server.answers = [refused, httpx.Response(200, json=changed)]
    with pytest.raises(errors.InvalidInput, match="takes FP32"):
        asked.predict("d", {"x": [[1, 2]]})


def test_a_request_that_is_written_already() -> None:
    server = Server()
    assert inference(server).infer("d", b'{"inputs": []}').outputs
    assert server.bodies() == [{"inputs": []}]


@pytest.mark.parametrize("inputs", [{"x": 3.0}, {"when": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_what_cannot_be_sent_is_refused_here(inputs: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidInput):
        inference(Server()).predict("d", inputs)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.Unauthenticated),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (413, errors.TooLarge),
        (429, errors.OverBudget),
        (500, errors.WorkFailed),
        (503, errors.Unavailable),
    ],
)
def test_refusals_are_raised_in_the_servers_words(
    status: int, kind: type[errors.LichenError]
) -> None:
    server = Server(httpx.Response(status, json={"error": "in its words"}))
    with pytest.raises(kind, match="in its words"):
        inference(server).infer("d", b"{}")
    with pytest.raises(kind, match=f"answered {status}"):
        inference(Server(httpx.Response(status, text="<html>"))).infer("d", b"{}")


def test_a_broken_connection_is_tried_again() -> None:
    broken = [httpx.ConnectError("refused"), httpx.RemoteProtocolError("closed")]
    server = Server(*broken)
    assert inference(server).infer("d", b"{}").outputs
    assert len(server.requests) == 3


def test_nobody_there_is_said_in_the_end() -> None:
    server = Server(*[httpx.ConnectError("refused")] * 9)
    with pytest.raises(errors.Unavailable, match="nothing answers at http://here"):
        inference(server).infer("d", b"{}")
    assert len(server.requests) == 4


def test_the_deadline_counts_for_all_attempts() -> None:
    server = Server(*[httpx.ConnectError("refused")] * 9)
    with pytest.raises(errors.Unavailable):
        inference(server, deadline_seconds=0.01).infer("d", b"{}")
    assert len(server.requests) == 1
    with pytest.raises(errors.Unavailable, match="within 60 s"):
        inference(Server(httpx.ReadTimeout("slow"))).infer("d", b"{}")


def test_an_answer_of_another_protocol_is_not_believed() -> None:
    with pytest.raises(errors.WorkFailed, match="Open Inference Protocol"):
        inference(Server(httpx.Response(200, text="hello"))).infer("d", b"{}")
    plain = Server(httpx.Response(200, json=ANSWER))
    assert inference(plain).infer("d", b"{}").receipt is None
