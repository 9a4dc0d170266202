"""The control plane's client against planes that break, restart, refuse and lie."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from lichen.client import session
from lichen.client.admin import Deployments
from lichen.client.connection import Lichen, connect
from lichen.client.jobs import Jobs
from lichen.client.models import Models
from lichen.client.session import Session
from lichen.core.errors import (
    Conflict,
    InvalidInput,
    LichenError,
    NotFound,
    OverBudget,
    Unavailable,
    WorkFailed,
)
from lichen.protocol.admin import Health, Job, Page, Zone

URL = "http://127.0.0.1:8090"
JOB = {
    "id": "job-1",
    "kind": "train",
    "state": "queued",
    "tenant": "default",
    "spec": {},
    "created_at": "2026-01-01T00:00:00Z",
}
Answer = httpx.Response | Exception


class Plane:
    """Answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Iterator[Answer] = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The next answer."""
        request.read()
        self.requests.append(request)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def session(self) -> Session:
        """A session with it."""
        return Session(URL, "lk_key", httpx.MockTransport(self))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits: time passes by a second with each look at the clock."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(session, "REFUSED_PATIENCE_SECONDS", 3)


def problem(status: int, code: str) -> httpx.Response:
    body = {"title": "t", "status": status, "detail": "in its words", "code": code}
    return httpx.Response(status, json=body)


def ok(body: object = None) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode(body))


def test_a_restart_in_the_middle_is_survived_with_one_idempotency_key() -> None:
    plane = Plane(
        httpx.ReadError("broke"), httpx.ConnectError("no"), problem(503, "Unavailable"), ok(JOB)
    )
    job = plane.session().post("/jobs", lambda: b"{}", Job)
    assert job.id == "job-1"
    keys = {request.headers["Idempotency-Key"] for request in plane.requests}
    assert len(plane.requests) == 4
    assert len(keys) == 1
    assert plane.requests[0].headers["Authorization"] == "Bearer lk_key"


def test_a_body_is_made_anew_for_each_attempt() -> None:
    plane = Plane(httpx.WriteError("broke"), ok(JOB))
    bodies = iter([iter([b"a", b"b"]), iter([b"a", b"b"])])
    plane.session().post("/datasets", lambda: next(bodies), Job)
    assert [request.content for request in plane.requests] == [b"ab", b"ab"]


def test_nobody_there() -> None:
    plane = Plane(*[httpx.ConnectError("refused")] * 9)
    with pytest.raises(
        Unavailable, match=r"no platform answers at http.*start one with `lichen up`"
    ):
        plane.session().get("/health", Health)
    with pytest.raises(Unavailable, match="no platform answers"):
        list(plane.session().download("/x"))


@pytest.mark.parametrize("body", [b"<html>", b'{"healthy": 3}', b""])
def test_an_answer_of_somebody_else(body: bytes) -> None:
    plane = Plane(*[httpx.Response(200, content=body)] * 4)
    with pytest.raises(LichenError, match=r"answered 200, and not as a Lichen.*check the address"):
        plane.session().get("/health", Health)
    with pytest.raises(LichenError, match="check the address"):
        list(plane.session().pages("/zones", Zone))
    with pytest.raises(LichenError, match="check the address"):
        plane.session().put("/x", {}, Health)
    with pytest.raises(LichenError, match="check the address"):
        plane.session().post("/x", lambda: b"", Health)


def test_an_answer_that_takes_too_long_is_not_called_a_missing_platform() -> None:
    plane = Plane(*[httpx.ReadTimeout("slow")] * 99)
    with pytest.raises(Unavailable, match="did not answer within 60 s"):
        plane.session().get("/ledger/verify", Health)


def test_an_export_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "m.tar"
    broken = Plane(httpx.ReadError("x")).session()
    with pytest.raises(Unavailable, match="broke off"):
        Models(broken, Jobs(broken)).export("m@1", target)
    assert list(tmp_path.iterdir()) == []
    whole = Plane(httpx.Response(200, content=b"tar")).session()
    assert Models(whole, Jobs(whole)).export("m@1", target).read_bytes() == b"tar"
    assert list(tmp_path.iterdir()) == [target]


def test_a_plane_that_stays_busy_is_told_as_it_says() -> None:
    plane = Plane(*[problem(503, "Unavailable") for _ in range(99)])
    with pytest.raises(Unavailable, match="in its words"):
        plane.session().get("/health", Health)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "NotFound"), NotFound),
        (problem(409, "Conflict"), Conflict),
        (problem(429, "OverBudget"), OverBudget),
        (problem(500, "SomethingNew"), LichenError),
        (httpx.Response(502, text="<html>"), LichenError),
    ],
)
def test_refusals_keep_their_class(answer: httpx.Response, kind: type[LichenError]) -> None:
    with pytest.raises(kind) as refused:
        Plane(answer).session().get("/jobs", Health)
    assert type(refused.value) is kind
    with pytest.raises(kind):
        list(Plane(answer).session().download("/jobs"))


def test_a_download_that_breaks_off() -> None:
    with pytest.raises(Unavailable, match="broke off"):
        list(Plane(httpx.ReadError("x")).session().download("/x"))


def test_pages_are_walked_to_the_end() -> None:
    zones = [Zone(zone=name, name=name, g_per_kwh=1.0) for name in "abc"]
    plane = Plane(ok(Page(items=zones[:2], next="b")), ok(Page(items=zones[2:])))
    found = [zone.zone for zone in Lichen(plane.session()).zones()]
    assert found == ["a", "b", "c"]
    assert plane.requests[1].url.params["cursor"] == "b"


@pytest.mark.parametrize(
    ("end", "kind", "sentence"),
    [
        ({"state": "cancelled"}, WorkFailed, "was cancelled"),
        ({"state": "failed"}, WorkFailed, "lichen jobs logs job-1"),
        (
            {"state": "failed", "error": {"code": "InvalidInput", "message": "no such column"}},
            InvalidInput,
            "no such column",
        ),
    ],
)
def test_waiting_for_a_job_raises_what_it_failed_with(
    end: dict[str, object], kind: type[LichenError], sentence: str
) -> None:
    seen: list[Job] = []
    plane = Plane(ok(JOB), ok({**JOB, "state": "running"}), ok({**JOB, **end}))
    with pytest.raises(kind, match=sentence):
        Jobs(plane.session()).wait("job-1", seen.append)
    assert [job.state for job in seen] == ["queued", "running", end["state"]]


def deployment(state: str, generation: int = 1) -> httpx.Response:
    return ok(
        {
            "name": "d",
            "model": "m",
            "version": 1,
            "variant": "fp32",
            "tenant": "default",
            "generation": generation,
            "state": state,
            "message": "why",
        }
    )


def test_a_deployment_is_waited_for() -> None:
    plane = Plane(deployment("pending"), deployment("loading"), deployment("ready"))
    assert Deployments(plane.session()).deploy("m@1", "d").state == "ready"
    failed = Plane(deployment("pending"), deployment("failed"))
    with pytest.raises(WorkFailed, match="cannot be served: why"):
        Deployments(failed.session()).deploy("m@1", "d")
    slow = Plane(*[deployment("loading") for _ in range(99)])
    with pytest.raises(WorkFailed, match="not ready within 5 s"):
        Deployments(slow.session()).deploy("m@1", "d", timeout_seconds=5)


def test_where_a_home_says_that_its_platform_listens(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "addresses.json").write_text('{"http": "h", "control": "http://[::1]:7"}')
    (tmp_path / "admin.key").write_text("lk_of_home\n")
    with connect(home=tmp_path) as lichen:
        assert (lichen.url, lichen._session.key) == ("http://[::1]:7", "lk_of_home")
    with connect("http://example.org:8090", home=tmp_path) as remote:
        assert remote._session.key is None, "this home's key is nobody else's business"
    with connect(URL, "lk_mine", tmp_path) as other:
        assert other._session.key == "lk_mine"


def test_a_home_without_a_platform(tmp_path: Path) -> None:
    with connect(home=tmp_path) as lichen:
        assert (lichen.url, lichen._session.key) == (URL, None)
    (tmp_path / "admin.key").mkdir()
    with pytest.raises(InvalidInput, match=r"admin\.key cannot be read"):
        connect(home=tmp_path)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8090", "ftp://host", "http://", "http://host:port", "http://host:0"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InvalidInput, match="not usable"):
        connect(url)


@pytest.mark.parametrize(
    ("control", "said", "reached"),
    [
        (URL, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://far.example:8090", "http://127.0.0.1:8080", "http://far.example:8080"),
        ("http://far.example:8090", "http://data.example:80", "http://data.example:80"),
        ("http://[2001:db8::1]:8090", "http://127.0.0.1:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_the_data_plane_is_reached_from_where_the_caller_stands(
    control: str, said: str, reached: str
) -> None:
    platform = {
        "version": "0",
        "addresses": {"http": said, "control": "c"},
        "zone": "DE",
        "home": "/",
    }
    plane = Plane(ok(platform))
    lichen = Lichen(Session(control, "k", httpx.MockTransport(plane)))
    assert lichen.inference is lichen.inference
    assert lichen.inference._transport.url == reached
    lichen.close()


def test_a_file_that_is_not_there_is_not_sent() -> None:
    plane = Plane()
    data = Lichen(plane.session()).data
    with pytest.raises(InvalidInput, match="/nowhere cannot be read"):
        data.add("d", "/nowhere")
    assert plane.requests == []


def test_queries_are_written_as_the_plane_reads_them() -> None:
    plane = Plane(problem(404, "NotFound"), problem(404, "NotFound"), problem(404, "NotFound"))
    lichen = Lichen(plane.session())
    for call in (
        lambda: lichen.models.show("m@champion"),
        lambda: lichen.models.show("a b"),
        lambda: lichen.data.show("d", 3),
    ):
        with pytest.raises(NotFound):
            call()
    paths = [request.url.raw_path.decode() for request in plane.requests]
    assert paths == [
        "/api/v1/models/m/versions/champion",
        "/api/v1/models/a%20b/versions/latest",
        "/api/v1/datasets/d?version=3",
    ]


@pytest.mark.parametrize("name", ["", "../d", "a/b"])
def test_a_name_that_is_no_one_part_of_a_path_is_refused_unsent(name: str) -> None:
    plane = Plane()
    lichen = Lichen(plane.session())
    for ask in (
        lambda: lichen.deployments.deploy("m@1", name or "/"),
        lambda: lichen.deployments.undeploy(name),
        lambda: lichen.models.show(f"{name}@1"),
        lambda: lichen.jobs.cancel(name),
        lambda: lichen.data.show(name),
    ):
        with pytest.raises(InvalidInput, match=r"name .* is not usable: take 1 to 64"):
            ask()
    assert plane.requests == []


@pytest.mark.parametrize("key", ["käse", "two\nlines"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(InvalidInput, match="the API key holds characters that no key has"):
        connect("http://127.0.0.1:1", key)
