"""The client against a recorded server: what it sends, retries, and makes of answers."""

import json
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from lichen.client.inference import Inference, Wish
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


def parts(request: httpx.Request) -> tuple[Any, bytes]:
    """The JSON of a request, and what is behind it."""
    end = int(request.headers.get("inference-header-content-length", len(request.content)))
    return json.loads(request.content[:end]), request.content[end:]


def test_arrays_go_as_bytes_and_metadata_is_asked_once() -> None:
    server = Server()
    asked = inference(server)
    for _ in range(2):
        asked.predict("d", {"x": np.ones((2, 2)), "when": ["a", "b"], "new": [1]})
    assert [one.method for one in server.requests] == ["GET", "POST", "POST"]
    said, behind = parts(server.requests[1])
    x, when, new = said["inputs"]
    assert x == {
        "name": "x",
        "datatype": "FP64",
        "shape": [2, 2],
        "parameters": {"binary_data_size": 32},
    }
    assert when["data"] == ["a", "b"]
    assert new["datatype"] == "FP32"
    assert said["parameters"] == {"binary_data_output": True}
    assert np.frombuffer(behind).tolist() == [1.0] * 4


@pytest.mark.parametrize(
    "x",
    [
        np.array([[1, 2], [3, 4]], np.float32),
        np.array([[1, 2], [3, 4]], np.int8),
        np.array([[1.0, 3.0], [2.0, 4.0]]).T,
        np.array([[1.0, 0, 2.0], [3.0, 0, 4.0]])[:, ::2],
        memoryview(np.array([1.0, 2.0, 3.0, 4.0]).tobytes()).cast("d", [2, 2]),
        np.array([[1.0, 2.0], [3.0, 4.0]], "<f8").tobytes(),
    ],
)
def test_numbers_in_any_array_arrive_as_the_model_takes_them(x: object) -> None:
    server = Server()
    inference(server).predict("d", {"x": x})
    said, behind = parts(server.requests[1])
    assert said["inputs"][0]["shape"] == [2, 2]
    assert np.frombuffer(behind, "<f8").tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("x", [np.array([[True, False]]), np.array([["1", "2"]]), [[1, 2]]])
def test_what_is_no_array_of_numbers_goes_as_json(x: object) -> None:
    server = Server()
    inference(server).predict("d", {"x": x})
    said, behind = parts(server.requests[1])
    assert behind == b""
    assert said["inputs"][0]["shape"] == [1, 2]


def test_an_array_of_one_line_works_without_numpy() -> None:
    server = Server()
    inference(server).predict("d", {"x": array("d", [1, 2])})
    assert np.frombuffer(parts(server.requests[1])[1]).tolist() == [1.0, 2.0]


def test_texts_that_are_bytes_go_as_bytes() -> None:
    server = Server()
    inference(server).predict("d", {"when": [b"\xff", "é"]})
    said, behind = parts(server.requests[1])
    assert said["inputs"][0]["shape"] == [2]
    assert behind == b"\1\0\0\0\xff\2\0\0\0\xc3\xa9"


def test_bytes_that_do_not_fill_rows_are_refused_here() -> None:
    with pytest.raises(errors.InvalidInput, match="cannot be 15 bytes of FP64"):
        inference(Server()).predict("d", {"x": bytes(15)})


def binary_answer(outputs: list[dict[str, Any]], behind: bytes) -> httpx.Response:
    header = json.dumps({"model_name": "d", "outputs": outputs}).encode()
    length = {"Inference-Header-Content-Length": str(len(header))}
    return httpx.Response(200, content=header + behind, headers=length)


def output(name: str, datatype: str, shape: list[int], size: int) -> dict[str, Any]:
    size_of = {"binary_data_size": size}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": size_of}


def test_answers_in_bytes_are_lists_and_arrays() -> None:
    outputs = [
        output("y", "FP32", [2, 2], 16),
        output("half", "FP16", [2], 4),
        output("text", "BYTES", [2], 11),
        {"name": "json", "datatype": "INT8", "shape": [1], "data": [5]},
        output("none", "FP32", [0, 2], 0),
    ]
    halves = np.array([0.5, 2], "<f2").tobytes()
    behind = np.array([1, 2, 3, 4], "<f4").tobytes() + halves
    server = Server()
    asked = inference(server)
    asked.metadata("d")
    server.answers = [binary_answer(outputs, behind + b"\2\0\0\0\xc3\xa9\1\0\0\0\xff")]
    answer = asked.infer("d", b"{}")
    assert answer.outputs == {
        "y": [[1, 2], [3, 4]],
        "half": [0.5, 2],
        "text": ["é", b"\xff"],
        "json": [5],
        "none": [],
    }
    assert list(answer.arrays) == ["y"]
    assert np.asarray(answer.arrays["y"]).tolist() == [[1, 2], [3, 4]]
    wrong_texts = behind + b"\xff\xff\0\0" + bytes(7)
    for wrong in (b"", behind[:9], behind, wrong_texts[:-1]):
        server.answers = [binary_answer(outputs, wrong)]
        with pytest.raises(errors.WorkFailed, match="cut off"):
            asked.infer("d", b"{}")
    wrong_shape = [output("y", "FP32", [3], 16)]
    server.answers = [binary_answer(wrong_shape, bytes(16))]
    with pytest.raises(errors.WorkFailed, match="no such tensor"):
        asked.infer("d", b"{}")


def test_a_wish_is_told_and_kept() -> None:
    server = Server()
    asked = inference(server)
    wish = Wish(timeout_seconds=0.5, priority=2, outputs=["y"], parameters={"mine": "z"})
    asked.predict("d", {"x": [[1, 2]]}, wish)
    (body,) = server.bodies()
    assert body["parameters"] == {"mine": "z", "timeout": 500_000, "priority": 2}
    assert body["outputs"] == [{"name": "y"}]
    assert server.requests[1].extensions["timeout"]["read"] <= 0.5
    server.answers = [httpx.ReadTimeout("slow")]
    with pytest.raises(errors.DeadlinePassed, match=r"within 0\.5 s"):
        asked.predict("d", {"x": [[1, 2]]}, wish)


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
        (415, errors.UnknownCoding),
        (429, errors.OverBudget),
        (500, errors.WorkFailed),
        (503, errors.Unavailable),
        (504, errors.DeadlinePassed),
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
