"""`POST /explain/{deployment}` on a data plane that runs: sums, receipts, accounts, refusals."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import httpx
import msgspec
import numpy as np
import pytest

from lichen.client.explanations import explain
from lichen.client.transport import Transport
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.explaining import ExplainOptions
from lichen.protocol.footprint import parse_receipt
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.sections import Settings
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.documents import Change, SqliteDocuments

COLUMNS = ("load", "wind", "sun", "hour")
NAMED = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 4), columns=COLUMNS),),
    (TensorSpec("raw", Datatype.FP32, (-1, 2), columns=("calm", "storm")),),
)
WEIGHTS = np.array([[1, 2], [0, 1], [3, 0], [-1, 0.5]], dtype=np.float32)
ROW = dict(zip(COLUMNS, [1.0, 2.0, 3.0, 4.0], strict=True))
USUAL = [dict.fromkeys(COLUMNS, 0.0), dict.fromkeys(COLUMNS, 2.0)]


class Platform(Protocol):
    settings: Settings
    url: str
    authorization: dict[str, str]
    documents: SqliteDocuments
    catalog: Catalog

    def start(self) -> None: ...

    def until(self, look: Callable[[], bool]) -> None: ...


@pytest.fixture(scope="module")
def explained(platform: Platform) -> Iterator[httpx.Client]:
    yield from deployed(platform)


def deployed(platform: Platform) -> Iterator[httpx.Client]:
    """A client; `explained` is deployed: two sums of four columns."""
    draft = Draft("explained", "regression", "linear", NAMED, "test")
    platform.catalog.register(draft, {"model.onnx": linear_core(WEIGHTS)})
    wanted = msgspec.json.encode(Deployment("explained", "explained", 1))
    platform.documents.commit([Change(DEPLOYMENTS, "explained", wanted)])
    with httpx.Client(base_url=platform.url, headers=platform.authorization, timeout=60) as client:
        ready = "/v2/models/explained/ready"
        platform.until(lambda: client.get(ready).status_code == 200)
        yield client


def ask(client: httpx.Client, **asked: object) -> httpx.Response:
    return client.post("/explain/explained", json={"rows": [ROW], "background": USUAL} | asked)


@pytest.mark.parametrize("path", ["/explain/explained", "/v1/models/explained:explain"])
def test_contributions_of_a_sum_are_its_terms(explained: httpx.Client, path: str) -> None:
    answer = explained.post(path, json={"rows": [ROW], "background": USUAL})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model"] == "explained@1"
    (row,) = found["rows"]
    assert [part["column"] for part in row["parts"]] == list(COLUMNS)
    assert [part["value"] for part in row["parts"]] == [1.0, 2.0, 3.0, 4.0]
    values = np.array([1.0, 2, 3, 4])
    for at, one in enumerate(row["attributions"]):
        assert one["output"] == ("calm", "storm")[at]
        assert one["contributions"] == pytest.approx((values - 1) * WEIGHTS[:, at], abs=1e-5)
        total = one["base"] + sum(one["contributions"])
        assert total == pytest.approx(one["prediction"], abs=1e-6)


def test_an_explanation_has_its_own_receipt_and_account(explained: httpx.Client) -> None:
    answer = ask(explained)
    receipt = parse_receipt(answer.headers["lichen-receipt"])
    assert receipt.variant == "fp32-explain"
    assert receipt.energy.nj > 0
    said = explained.post("/predict/explained", json={"rows": [ROW]}).headers["lichen-receipt"]
    assert parse_receipt(said).variant == "fp32"


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"rows": [{**ROW, "snow": 1.0}]}, 400, "snow"),
        ({"rows": [ROW] * 300}, 400, "at most 256 a request"),
        ({"rows": [ROW] * 9, "explain": {"method": "shap"}}, 400, "send at most"),
        ({"explain": {"method": "tea-leaves"}}, 400, "method 'tea-leaves' is none"),
        ({"explain": {"method": "shap", "output": "rain"}}, 400, "there are calm, storm"),
        ({"explain": {"method": "shap", "samples": 1}}, 400, "samples is 1"),
        ({"explain": {"depth": 1}}, 400, "unknown field `depth`"),
        ({"background": [{"load": 1.0}]}, 400, "background: rows[0]"),
        ({"explain": {"method": "shap"}, "background": None}, 400, "background"),
    ],
)
def test_what_cannot_be_explained_is_refused_by_a_sentence(
    explained: httpx.Client, asked: dict[str, Any], status: int, said: str
) -> None:
    answer = ask(explained, **asked)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_no_key_and_no_deployment_are_refused(explained: httpx.Client) -> None:
    assert explained.post("/explain/nobody", json={"rows": [ROW]}).status_code == 404
    stranger = httpx.post(
        f"{explained.base_url}/explain/explained", json={"rows": [ROW]}, timeout=60
    )
    assert stranger.status_code == 401


@pytest.mark.usefixtures("explained")
def test_the_client_explains_rows_and_arrays(platform: Platform) -> None:
    key = platform.authorization["Authorization"].removeprefix("Bearer ")
    transport = Transport(platform.url, key)
    by_rows = explain(transport, "explained", [ROW], ExplainOptions(output="calm"), USUAL)
    by_array = explain(
        transport,
        "explained",
        np.array([[1.0, 2, 3, 4]]),
        ExplainOptions(output="calm"),
        np.array([[0.0] * 4, [2.0] * 4]),
    )
    assert by_rows.explanation == by_array.explanation
    assert by_rows.receipt is not None
    mixed = explain(
        transport, "explained", [ROW], ExplainOptions(output="calm"), [[0.0] * 4, [2.0] * 4]
    )
    assert mixed.explanation == by_rows.explanation
    transport.close()


def test_an_explanation_has_no_more_time_than_its_setting_gives(fresh: Platform) -> None:
    limits = replace(fresh.settings.limits, explanation_seconds=0.0)
    fresh.settings = replace(fresh.settings, limits=limits)
    fresh.start()
    for client in deployed(fresh):
        ended = ask(client, explain={"method": "shap"})
        assert ended.status_code == 504, ended.text
        assert "the 0 s that an explanation may take (explanation_seconds)" in ended.text
        assert client.post("/predict/explained", json={"rows": [ROW]}).status_code == 200
