"""What callers get over HTTP, from a real process."""

import json
from typing import Any, Protocol

import httpx
import pytest

from lichen.client.inference import Inference
from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput, NotFound, Unauthenticated
from lichen.core.figures import Method
from lichen.protocol.footprint import parse_receipt

ROW = [1.0, 2.0, 3.0, 4.0]
BODY = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW}]}
INFER = "/v2/models/linear/infer"


class Platform(Protocol):
    url: str
    key: str
    authorization: dict[str, str]

    def infer(self, name: str, rows: object) -> httpx.Response: ...


def post(
    platform: Platform, path: str = INFER, body: object = BODY, **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    return httpx.post(
        platform.url + path,
        content=content,
        headers={**platform.authorization, **headers},
        timeout=60,
    )


@pytest.mark.parametrize(
    "path",
    [
        INFER,
        "/v2/models/linear/versions/1/infer",
        "/v2/models/line@1/infer",
        "/v2/models/line/versions/1/infer",
        "/v2/models/linear/infer?a=b",
        "/v2/models/line%401/infer",
    ],
)
def test_an_inference_is_answered_under_every_name(platform: Platform, path: str) -> None:
    answer = post(platform, path, {**BODY, "id": "42"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": "linear",
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "raw", "datatype": "FP32", "shape": [1, 2], "data": [10.0, 10.0]}],
    }
    receipt = parse_receipt(answer.headers["Lichen-Receipt"])
    assert receipt.energy.nj_low < receipt.energy.nj < receipt.energy.nj_high
    assert receipt.energy.method is Method.MODELLED
    assert receipt.carbon is not None
    assert (receipt.carbon.zone, receipt.variant) == ("DE", "fp32")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", [INFER, INFER + "?ordinary=lane"])
def test_json_is_read_whatever_its_content_type(platform: Platform, path: str, kind: str) -> None:
    assert post(platform, path, **{"content-type": kind}).status_code == 200


def test_many_rows_in_a_long_body(platform: Platform) -> None:
    answer = platform.infer("linear", [[float(row)] * 4 for row in range(500)])
    assert answer.json()["outputs"][0]["data"][-1] == 499.0 * 4


WRONG: list[tuple[Any, str]] = [
    (b"{", "not JSON"),
    (b"", "not JSON"),
    (b'{"inputs": []}', "input 'features' is missing"),
    ({**BODY, "outputs": [{"name": "other"}]}, "no output 'other'"),
    ({"inputs": [{**BODY["inputs"][0], "name": "f"}]}, "no input 'f'"),
    ({"inputs": [{**BODY["inputs"][0], "datatype": "FP64"}]}, "takes FP32"),
    ({"inputs": [{**BODY["inputs"][0], "datatype": "FP33"}]}, "FP33"),
    ({"inputs": [{**BODY["inputs"][0], "shape": [4]}]}, "shape"),
    ({"inputs": [{**BODY["inputs"][0], "shape": [1, 5]}]}, "5 values"),
    (
        b'{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[1,NaN,1,1]}]}',
        "NaN at position",
    ),
    ({"inputs": [{**BODY["inputs"][0], "data": [1, 2, 3, 1e39]}]}, r"infinity at position [0, 3]"),
    ({"inputs": [{**BODY["inputs"][0], "data": [1, 2, 3, "4"]}]}, "no FP32"),
]


@pytest.mark.parametrize(("body", "said"), WRONG)
@pytest.mark.parametrize("path", [INFER, INFER + "?ordinary=lane"])
def test_what_is_wrong_is_said_in_one_sentence(
    platform: Platform, path: str, body: object, said: str
) -> None:
    answer = post(platform, path, body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert "/" not in answer.json()["error"].replace("and/or", "")


@pytest.mark.parametrize("path", [INFER, INFER + "?ordinary=lane"])
def test_a_body_over_the_limit_is_413(platform: Platform, path: str) -> None:
    long = json.dumps(BODY).encode() + b" " * 200_000
    for content in (long, iter([long[:1000], long[1000:]])):
        answer = httpx.post(
            platform.url + path, content=content, headers=platform.authorization, timeout=60
        )
        assert answer.status_code == 413
        assert "200000 bytes" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2", 200),
        ("GET", "/v2/", 200),
        ("GET", "/v2/models/linear", 200),
        ("GET", "/v2/models/linear/versions/1", 200),
        ("GET", "/v2/models/linear/versions/2", 404),
        ("GET", "/v2/models/linear/ready", 200),
        ("GET", "/v2/models/none", 404),
        ("GET", "/v2/models/none/ready", 404),
        ("POST", "/v2/models/none/infer", 404),
        ("POST", "/v2/models/linear/versions/2/infer", 404),
        ("GET", INFER, 405),
        ("GET", "/nowhere", 404),
        ("GET", "/v2/models/linear/", 404),
        ("GET", "/", 404),
        ("POST", "/v2/models//infer", 404),
        ("POST", "/v2/models/a%2fb/infer", 404),
    ],
)
def test_every_path_needs_a_key(platform: Platform, method: str, path: str, status: int) -> None:
    url = platform.url + path
    assert httpx.request(method, url, timeout=60).status_code == 401
    wrong = {"Authorization": "Bearer lk_000000000000_" + "0" * 64}
    refused = httpx.request(method, url, headers=wrong, timeout=60)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    answer = httpx.request(method, url, headers=platform.authorization, timeout=60)
    assert answer.status_code == status
    if status != 200:
        assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("what", ["live", "ready"])
def test_health_is_open_to_all(platform: Platform, what: str) -> None:
    answer = httpx.get(f"{platform.url}/v2/health/{what}", timeout=60)
    assert (answer.status_code, answer.json()) == (200, {what: True})


def test_metadata_says_what_the_model_takes(platform: Platform) -> None:
    answer = httpx.get(
        platform.url + "/v2/models/linear", headers=platform.authorization, timeout=60
    )
    assert answer.json() == {
        "name": "linear",
        "versions": ["1"],
        "platform": "lichen",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "raw", "datatype": "FP32", "shape": [-1, 2]}],
    }


def test_the_client_speaks_the_same(platform: Platform) -> None:
    with Transport(platform.url, platform.key) as transport:
        inference = Inference(transport)
        answer = inference.predict("linear", {"features": [ROW, ROW]})
        assert answer.outputs == {"raw": [[10.0, 10.0], [10.0, 10.0]]}
        assert answer.receipt is not None
        assert answer.model_version == "1"
        with pytest.raises(InvalidInput, match="takes"):
            inference.predict("linear", {"features": [ROW[:3]]})
        with pytest.raises(NotFound, match="'none'"):
            inference.predict("none", {"features": [ROW]})
    with Transport(platform.url) as nobody, pytest.raises(Unauthenticated, match="API key"):
        Inference(nobody).predict("linear", {"features": [ROW]})
