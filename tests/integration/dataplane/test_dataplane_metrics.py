"""What a real data plane tells of itself: exact sums, through kills, to those who may see them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from lichen.core.clock import SystemClock
from lichen.core.ids import TenantId
from lichen.protocol.footprint import parse_receipt
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.serving.deployment import DEPLOYMENTS, Deployment, Observed
from lichen.store.documents import Change, DocumentStore

ROW = [[1.0, 2.0, 3.0, 4.0]]
SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>[0-9.]+)$", re.MULTILINE)
PROMTOOL = shutil.which("promtool")


class Platform(Protocol):
    documents: DocumentStore
    process: subprocess.Popen[bytes]
    url: str
    settings: Any

    def start(self) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...
    def infer(self, name: str, rows: object) -> httpx.Response: ...
    def until(self, look: Callable[[], bool]) -> None: ...


class Watched:
    """A data plane with deployment `d`, and those who look at it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.receipts: list[str] = []
        keys = Keys(platform.documents, SystemClock())
        self._tokens = {
            name: keys.create(Principal(name, TenantId(tenant), role)).token
            for name, tenant, role in (
                ("admin", "default", Role.ADMIN),
                ("viewer", "default", Role.VIEWER),
                ("operator", "default", Role.OPERATOR),
                ("predictor", "default", Role.PREDICTOR),
                ("stranger", "elsewhere", Role.VIEWER),
            )
        }
        platform.until(lambda: self.ask("/v2", "stranger").status_code == 200)

    def ask(self, path: str, who: str = "viewer", **named: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        headers = {"Authorization": f"Bearer {self._tokens[who]}", **named.pop("headers", {})}
        method = "POST" if "json" in named or "content" in named else "GET"
        return httpx.request(method, self.platform.url + path, headers=headers, timeout=60, **named)

    def metrics(self, who: str = "viewer") -> str:
        answer = self.ask("/metrics", who)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.text

    def sum_of(self, name: str, who: str = "viewer", saying: str = "") -> Decimal:
        found = SAMPLE.findall(self.metrics(who))
        told = [Decimal(value) for one, labels, value in found if one == name and saying in labels]
        return sum(told, Decimal(0))

    def infer(self, rows: object = ROW) -> None:
        answer = self.platform.infer("d", rows)
        assert answer.status_code == 200, answer.text
        self.receipts.append(answer.headers["lichen-receipt"])

    def billed(self, unit: str) -> Decimal:
        receipts = [parse_receipt(one) for one in self.receipts]
        carbon = [one.carbon.ng for one in receipts if one.carbon is not None]
        of = [one.energy.nj for one in receipts] if unit == "joules" else carbon
        return Decimal(sum(of)) / 10**9


@pytest.fixture
def watched(fresh: Platform) -> Watched:
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    return Watched(fresh)


@pytest.fixture(scope="module")
def idle(platform: Platform) -> Watched:
    return Watched(platform)


def test_joules_and_grams_are_the_receipts_to_the_last_digit_through_a_kill(
    watched: Watched,
) -> None:
    for number in range(1, 6):
        watched.infer(ROW * number)
    refused = watched.platform.infer("d", [[1.0]])
    assert refused.status_code == 400
    before = watched.metrics()
    assert watched.sum_of("lichen_requests_total", saying='outcome="ok"') == 5
    assert watched.sum_of("lichen_requests_total", saying='outcome="InvalidInput"') == 1
    assert watched.sum_of("lichen_rows_total") == 15
    assert watched.sum_of("lichen_energy_joules_total") == watched.billed("joules") > 0
    assert watched.sum_of("lichen_carbon_grams_total") == watched.billed("grams") > 0

    watched.platform.process.kill()
    watched.platform.process.wait()
    watched.platform.start()
    after = watched.metrics()
    counters = [line for line in before.splitlines() if re.match(r"(lichen_re|lichen_ro)", line)]
    assert counters
    assert set(counters) <= set(after.splitlines()), "no counter goes back"
    watched.infer()
    assert watched.sum_of("lichen_requests_total", saying='outcome="ok"') == 6
    assert watched.sum_of("lichen_energy_joules_total") == watched.billed("joules")


def test_metrics_are_told_by_tenant_and_role(watched: Watched) -> None:
    watched.infer()
    assert watched.sum_of("lichen_requests_total", "admin") == 1
    assert watched.sum_of("lichen_requests_total", "operator") == 1
    stranger = watched.metrics("stranger")
    assert 'deployment="d"' not in stranger
    assert "lichen_build_info{" in stranger
    assert watched.ask("/metrics", "predictor").status_code == 403
    assert httpx.get(f"{watched.platform.url}/metrics", timeout=60).status_code == 401
    assert watched.sum_of("lichen_deployments", saying='state="ready"') == 1
    squeezed = watched.ask("/metrics", headers={"Accept-Encoding": "gzip"})
    assert squeezed.headers["content-encoding"] == "gzip"
    assert "lichen_requests_total" in squeezed.text


def test_a_record_that_cannot_be_read_hides_no_other(watched: Watched) -> None:
    watched.platform.documents.commit([Change(DEPLOYMENTS, "broken", b"{")])
    assert 'lichen_deployments{deployment="d"' in watched.metrics()
    index = watched.ask("/v2/repository/index", "operator", json={})
    assert [one["name"] for one in index.json()] == ["d"]


def test_statistics_count_rows_requests_and_batches(watched: Watched) -> None:
    watched.infer()
    watched.infer(ROW * 7)
    assert watched.platform.infer("d", [[1.0]]).status_code == 400
    (one,) = watched.ask("/v2/models/d/stats").json()["model_stats"]
    assert (one["name"], one["version"]) == ("d", "1")
    assert (one["inference_count"], one["execution_count"]) == (8, 2)
    assert [size["batch_size"] for size in one["batch_stats"]] == [1, 7]
    stats = one["inference_stats"]
    assert (stats["success"]["count"], stats["fail"]["count"]) == (2, 1)
    parts = stats["queue"]["ns"] + stats["compute_infer"]["ns"]
    assert 0 < parts <= stats["success"]["ns"]
    assert watched.ask("/v2/models/stats").json()["model_stats"] == [one]
    assert watched.ask("/v2/models/m/versions/1/stats").json()["model_stats"] == [one]
    assert watched.ask("/v2/models/stats", "stranger").json() == {"model_stats": []}
    assert watched.ask("/v2/models/d/stats", "stranger").status_code == 403
    assert watched.ask("/v2/models/none/stats").status_code == 404


def test_traces_follow_their_settings(watched: Watched) -> None:
    of_d, of_all = "/v2/models/d/trace/setting", "/v2/trace/setting"
    level = {"trace_level": ["TIMESTAMPS"], "trace_rate": 2}
    assert watched.ask(of_all, "operator", json=level).status_code == 403
    assert watched.ask(of_d, "viewer", json=level).status_code == 403
    set_now = watched.ask(of_d, "operator", json=level).json()
    assert (set_now["trace_level"], set_now["trace_rate"]) == (["TIMESTAMPS"], "2")
    assert watched.ask(of_all).json()["trace_level"] == ["OFF"]
    path = Path(watched.platform.settings.home) / "traces" / "dataplane-0.jsonl"

    def traced() -> bool:
        watched.infer()
        return path.exists()

    watched.platform.until(traced)
    for line in path.read_text().splitlines():
        said = json.loads(line)
        assert (said["model_name"], said["outcome"]) == ("d", "ok")
    assert watched.ask(of_d, "operator", json={"trace_level": None}).json()["trace_level"] == [
        "OFF"
    ]


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("trace_file", "traces/mine", "set by the platform"),
        ("trace_level", ["TENSORS"], "TENSORS"),
        ("trace_rate", "0", "trace_rate"),
        ("trace_rate", "many", "many"),
        ("trace_count", -2, "trace_count"),
        ("log_frequency", "9" * 30, "log_frequency"),
        ("trace_speed", "1", "trace_speed"),
        ("trace_rate", {}, "trace_rate"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    idle: Watched, setting: str, value: object, says: str
) -> None:
    answer = idle.ask("/v2/trace/setting", "admin", json={setting: value})
    assert answer.status_code == 400
    assert says in answer.json()["error"]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")
def test_prometheus_finds_no_fault(watched: Watched) -> None:
    watched.infer()
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=watched.metrics().encode(), capture_output=True
    )
    assert b"error while linting" not in checked.stderr


def test_a_scrape_loads_nothing_that_training_needs() -> None:
    asked = "import sys, lichen.api.metrics_http; print('numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
