"""Requests to the data plane that cannot be answered: a status and one sentence, and it goes on."""

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

PATH = "/v2/models/d/infer"
CONTEXT = 48
HTTP_ONLY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No certificates are read for it, which would take longer than the answer."""


class Ended(Protocol):
    code: int
    sentence: str


class Running(Protocol):
    http: str
    control: str
    key: str

    def ask(self, method: str, address: str, content: bytes = b"") -> httpx.Response: ...

    def wire(self, port_of: str, sent: bytes, *, half: bool = False) -> bytes: ...


@pytest.fixture
def plane(served: Running) -> Iterator[Running]:
    """The data plane that serves `d`; whatever it was asked, it answers the next good request."""
    yield served
    assert served.ask("POST", served.http + PATH, body()).status_code == 200


def request(rows: int = CONTEXT) -> dict[str, Any]:
    """A forecast from a flat past."""
    history = {"name": "history", "datatype": "FP32", "shape": [1, rows, 1]}
    start = {"name": "start", "datatype": "BYTES", "shape": [1], "data": ["2026-01-22T00:00:00Z"]}
    return {"inputs": [{**history, "data": [[[100.5]] * rows]}, start]}


def body(**changes: object) -> bytes:
    """The request with its history changed."""
    asked = request()
    asked["inputs"][0] |= changes
    return json.dumps(asked).encode()


def holding(text: str) -> bytes:
    """The request with one number replaced by this text."""
    return body().replace(b"100.5", text.encode(), 1)


BODIES = {
    "a shape that its data has not": (body(shape=[1, 3, 1]), "input 'history' states shape"),
    "a shape that the model takes not": (
        body(shape=[1, 2, 1], data=[1.0, 2.0]),
        f"input 'history' has shape [1, 2, 1], and the model takes [-1, {CONTEXT}, 1]",
    ),
    "a negative shape": (body(shape=[-1, CONTEXT, 1]), "lengths must not be negative"),
    "no rows": (
        json.dumps(
            {
                "inputs": [
                    {**one, "shape": [0, *one["shape"][1:]], "data": []}
                    for one in request()["inputs"]
                ]
            }
        ).encode(),
        "the request has no rows: send at least one",
    ),
    "another datatype": (body(datatype="INT64"), "holds a value that is no INT64"),
    "an unknown datatype": (body(datatype="FLOAT"), "Invalid enum value 'FLOAT'"),
    "an unknown input": (body(name="past"), "there is no input 'past': the model takes history"),
    "no data": (body(data=None), "history"),
    "a ragged array": (body(data=[[[1.0]] * 9]), "its data is nested as [1, 9, 1]"),
    "text": (holding('"many"'), "holds a value that is no FP32"),
    "null": (holding("null"), "holds a value that is no FP32"),
    "NaN": (holding("NaN"), "holds NaN at position [0, 0, 0]: a model takes finite numbers only"),
    "infinity": (holding("-Infinity"), "infinity at position [0, 0, 0]: a model takes finite"),
    "a number beyond its type": (holding("1e39"), "infinity at position [0, 0, 0]"),
    "no time": (
        body().replace(b"2026-01-22T00:00:00Z", b"soon"),
        "'soon' is no time: write it as 2026-01-31T00:00:00Z",
    ),
    "an unknown output": (
        json.dumps({**request(), "outputs": [{"name": "sum"}]}).encode(),
        "there is no output 'sum': the model gives mean, quantiles",
    ),
    "a list": (b"[1]", "the request is not an inference request"),
    "half of JSON": (b'{"inputs": [', "the request body is not JSON"),
    "nothing": (b"", "the request body is not JSON"),
    "no text": (b"\xff\xfe\x00", "the request body is not JSON"),
    "a deep nest": (b'{"inputs":[{"name":' + b"[" * 99_999, ""),
}


def error_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert list(said) == ["error"]
    sentence = str(said["error"])
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_does_not_fit_is_400_and_names_the_place(plane: Running, name: str) -> None:
    sent, says = BODIES[name]
    answer = plane.ask("POST", plane.http + PATH, sent)
    assert answer.status_code == 400
    assert says in error_of(answer)


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/v2/models/nope/infer", 404, "no deployment is called 'nope': `lichen deploy`"),
        ("POST", "/v2/models/d/versions/9/infer", 404, "'d' is deployed at version 1, not at '9'"),
        ("POST", "/v2/models/..%2f..%2fadmin.key/infer", 404, "there is nothing at"),
        ("GET", "/v2/models/nope", 404, "no deployment is called 'nope'"),
        ("GET", "/nothing", 404, "there is nothing at /nothing"),
        ("GET", PATH, 405, f"{PATH} does not take GET: it takes POST"),
        ("DELETE", "/v2", 405, "/v2 does not take DELETE: it takes "),
    ],
)
def test_what_is_not_there_is_said(
    plane: Running, method: str, path: str, status: int, says: str
) -> None:
    answer = plane.ask(method, plane.http + path, body() if method == "POST" else b"")
    assert answer.status_code == status
    assert says in error_of(answer)


@pytest.mark.parametrize("key", [None, "Bearer lk_x_y", "Basic YTpi", "Bearer käse", "Bearer"])
@pytest.mark.parametrize("path", [PATH, "/v2/models/nope/infer", "/v2", "/nothing"])
def test_without_a_good_key_every_path_is_401(plane: Running, path: str, key: str | None) -> None:
    headers = {} if key is None else {b"Authorization": key.encode("latin-1")}
    for address in (plane.http, plane.control):
        with httpx.Client(verify=HTTP_ONLY, trust_env=False, timeout=60) as client:
            answer = client.post(address + path, content=body(), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "key" in answer.text.lower()
        assert "\n" not in answer.text


def head(plane: Running, *lines: str, first: str = f"POST {PATH} HTTP/1.1") -> bytes:
    authorization = f"Authorization: Bearer {plane.key}"
    return "\r\n".join([first, "Host: x", authorization, *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Content-Length: 2", "Content-Length: 5"], 400),
        (["Content-Length: 2", "Transfer-Encoding: chunked"], 400),
        (["Content-Length: -2"], 400),
        (["Content-Length: 9" + "9" * 30], 400),
        (["Content-Length: 99999999999"], 413),
        (["X: " + "x" * 40_000], 431),
        (["Content-Length: 2", *["X: x"] * 9_000], 431),
        (["Host: y"], 400),
    ],
)
def test_what_is_no_sound_http_is_refused_and_the_line_closed(
    plane: Running, lines: list[str], status: int
) -> None:
    said = plane.wire(plane.http, head(plane, *lines) + b"{}")
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert b'{"error":"' in said
    assert said.count(b"HTTP/1.1") == 1


def test_requests_in_one_go_are_answered_in_order(plane: Running) -> None:
    good, broken = body(), b"{"
    good = head(plane, f"Content-Length: {len(good)}") + good
    broken = head(plane, f"Content-Length: {len(broken)}") + broken
    last = head(plane, "Connection: close", first="GET /v2/health/live HTTP/1.1")
    said = plane.wire(plane.http, good + broken + good + last)
    statuses = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 400, 200, 200]


def test_a_request_cut_off_half_way_is_dropped(plane: Running) -> None:
    for length in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        said = plane.wire(plane.http, head(plane, length) + b"5\r\n{", half=True)
        assert b"200 OK" not in said


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("broken.json", '{"inputs": [', 2, "the request body is not JSON"),
        ("list.json", "[1]", 2, "the request is not an inference request"),
        ("empty.csv", "", 2, "empty.csv holds no row under its header: give at least one"),
        ("short.csv", "history,start\n1\n", 2, "line 2: a field is missing or too many: give each"),
        ("other.csv", "a,b\n1,2\n", 2, "other.csv has columns a, b; d takes history, start: name"),
        ("text.csv", "history,start\nx,y\n", 2, "'x' in column 'history' is no number of type"),
        ("binary.csv", "\0\udcff\udcfe", 2, "neither .json nor a CSV in UTF-8"),
        ("absent.csv", None, 2, "absent.csv cannot be read (No such file or directory): check"),
    ],
)
def test_predict_says_what_its_input_file_lacks(
    plane: Running,
    cli: Callable[..., Ended],
    tmp_path: Path,
    *,
    name: str,
    content: str | None,
    code: int,
    says: str,
) -> None:
    assert plane.key
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    ended = cli("predict", "d", "--input", file)
    assert ended.code == code
    assert says in ended.sentence
