"""Requests to the control plane that cannot be done: a status, one sentence, and nothing made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx
import pytest

API = "/api/v1"
TRAIN = {"task": "forecast", "data": "good", "targets": ["load"], "horizon": 24}
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path
    control: str
    key: str
    authorization: dict[str, str]

    def ask(self, method: str, address: str, content: bytes = b"") -> httpx.Response: ...

    def wire(self, port_of: str, sent: bytes, *, half: bool = False) -> bytes: ...


def job(kind: str = "train", **changes: object) -> bytes:
    return json.dumps({"kind": kind, "spec": {**TRAIN, **changes}}).encode()


REFUSALS: list[tuple[str, str, bytes, int, str]] = [
    ("GET", "/nothing", b"", 404, "there is nothing at /api/v1/nothing: see /api/v1/openapi.json"),
    ("DELETE", "/jobs", b"", 405, "/api/v1/jobs does not take DELETE"),
    ("POST", "/jobs", b"{", 400, "the body is no JSON of JobRequest"),
    ("POST", "/jobs", b"", 400, "the body is no JSON of JobRequest"),
    ("POST", "/jobs", job("frob"), 400, "Invalid enum value 'frob'"),
    ("POST", "/jobs", job(horizn=3), 400, "unknown field `horizn`"),
    ("POST", "/jobs", job(horizon="24"), 400, "Expected `int`, got `str` - at `$.horizon`"),
    ("POST", "/jobs", job(task="guess"), 400, "task 'guess' cannot be trained: choose one of"),
    ("POST", "/jobs", job("ingest"), 400, "jobs of this kind begin with a file: POST it to"),
    ("GET", "/jobs/nope", b"", 404, "there is no job 'nope': `lichen jobs ls` lists"),
    ("GET", "/jobs/..%2f..%2fadmin.key/log", b"", 404, "there is nothing at"),
    ("GET", "/jobs?limit=-1", b"", 400, "the query parameter 'limit' is '-1': give a number"),
    ("GET", "/jobs?state=lost", b"", 400, "there is no job state 'lost': choose one of queued"),
    ("GET", "/jobs?stat=failed", b"", 400, "the query parameter 'stat' is unknown: known are"),
    ("GET", "/datasets/nope", b"", 404, "no dataset is called 'nope'"),
    ("GET", "/datasets/good?version=x", b"", 400, "the query parameter 'version' is 'x'"),
    ("POST", "/datasets?filename=a.csv", b"a", 400, "the query parameter 'name' is missing: add"),
    ("POST", "/datasets?name=..%2fx&filename=a.csv", b"a", 400, "dataset name '../x' is not"),
    ("POST", "/datasets?name=x&filename=a.csv&timezome=UTC", b"a", 400, "'timezome' is unknown"),
    ("POST", "/datasets?name=x&filename=a.csv&options=%7B%22tmie%22:1%7D", b"a", 400, "`tmie`"),
    ("PUT", "/deployments/x", b"{}", 400, "missing required field `model`"),
    ("PUT", "/deployments/x", b'{"model": "nope@1"}', 404, "there is no model 'nope'"),
    ("PUT", "/deployments/x", b'{"model": "m@1", "p95": 3}', 400, "unknown field `p95`"),
    ("PUT", "/deployments/x", b'{"model": "m@1", "p95_ms": -1}', 400, "p95_ms is -1: give"),
    ("PUT", "/deployments/x", b'{"model": "m@1", "min_quality": 7}', 400, "min_quality is 7: give"),
    ("PUT", "/deployments/a%20b", b'{"model": "m@1"}', 400, "deployment name 'a b' is not usable"),
    ("GET", "/deployments/d/newest-input?start=soon", b"", 400, "'soon' is no time: write it as"),
    ("PUT", "/models/m/aliases/best", b'{"version": 99}', 404, "'m' has no version 99"),
    ("PUT", "/models/m/aliases/7", b'{"version": 1}', 400, "'7' cannot be an alias"),
    ("GET", "/ledger?since=soon", b"", 400, "'soon' is no time: write it as"),
]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "says"),
    REFUSALS,
    ids=[
        f"{method} {path} {status} {at}" for at, (method, path, _, status, _) in enumerate(REFUSALS)
    ],
)
def test_a_refusal_is_a_problem_document_of_one_sentence(
    served: Running, method: str, path: str, sent: bytes, *, status: int, says: str
) -> None:
    answer = served.ask(method, served.control + API + path, sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], says in problem["detail"]) == (status, True), problem
    assert "\n" not in problem["detail"]


def test_none_of_them_made_anything(served: Running) -> None:
    deployments = served.ask("GET", f"{served.control}{API}/deployments").json()["items"]
    assert [one["name"] for one in deployments] == ["d"]
    assert list((served.home / "uploads").iterdir()) == []


def test_a_body_over_the_limit_is_refused_before_it_is_sent(served: Running) -> None:
    for path, limit in (("/jobs", 2**20), ("/datasets?name=x&filename=a.csv", 8 * 2**30)):
        lines = [
            f"POST {API}{path} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {served.key}",
            "Content-Length: 99999999999",
            "Connection: close",
        ]
        said = served.wire(served.control, "\r\n".join([*lines, "", ""]).encode())
        assert said.startswith(b"HTTP/1.1 413 ")
        assert f"over {limit} bytes" in said.decode()


def test_an_upload_cut_off_half_way_leaves_nothing(served: Running) -> None:
    for length in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        lines = [
            f"POST {API}/datasets?name=cut&filename=a.csv HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {served.key}",
            length,
        ]
        sent = "\r\n".join([*lines, "", "5\r\ntime,\r\n"]).encode()
        assert b"202" not in served.wire(served.control, sent, half=True)
    assert served.ask("GET", f"{served.control}{API}/datasets/cut").status_code == 404
    assert list((served.home / "uploads").iterdir()) == []


HOST = b"Host: a\r\n"
NO_HTTP: list[tuple[str, bytes, int, str]] = [
    ("no HTTP", b"HELLO\r\n\r\n", 400, "no HTTP request that can be read"),
    ("a huge header", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 40_000, 431, "32768 bytes"),
    (
        "many headers",
        b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 5000 + b"\r\n",
        431,
        "32768 bytes",
    ),
    (
        "a huge head with a body",
        b"POST / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 40_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        431,
        "32768 bytes",
    ),
]


@pytest.mark.parametrize(
    ("sent", "status", "says"), [one[1:] for one in NO_HTTP], ids=[one[0] for one in NO_HTTP]
)
def test_what_is_no_request_is_refused_as_a_problem(
    running: Running, sent: bytes, status: int, says: str
) -> None:
    head, _, body = running.wire(running.control, sent).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    problem = json.loads(body)
    assert problem["status"] == status
    assert says in problem["detail"]
