"""The plain door, classes, raw bodies and the paths around them, on a data plane that runs."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Protocol

import httpx
import msgspec
import numpy as np
import pytest

from lichen.client.inference import Inference, Wish
from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.documents import Change, SqliteDocuments

LENGTH = "Inference-Header-Content-Length"
LANES = pytest.mark.parametrize("lane", ["", "?lane=ordinary"])
COLUMNS = ("load", "wind", "sun", "hour")
NAMED = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 4), columns=COLUMNS),),
    (TensorSpec("raw", Datatype.FP32, (-1, 2), columns=("calm", "storm")),),
)
ROW = dict(zip(COLUMNS, [1, 2, 3, 4.0], strict=True))


class Platform(Protocol):
    url: str
    authorization: dict[str, str]
    documents: SqliteDocuments
    catalog: Catalog

    def until(self, look: Callable[[], bool]) -> None: ...


@pytest.fixture(scope="module")
def named(platform: Platform) -> Iterator[httpx.Client]:
    """A client; `named` is deployed: two classes of four columns."""
    weights = np.array([[1, 2]] * 4, dtype=np.float32)
    draft = Draft("named", "classification", "linear", NAMED, "test")
    platform.catalog.register(draft, {"model.onnx": linear_core(weights)})
    deployed = msgspec.json.encode(Deployment("named", "named", 1))
    platform.documents.commit([Change(DEPLOYMENTS, "named", deployed)])
    with httpx.Client(base_url=platform.url, headers=platform.authorization, timeout=60) as client:
        platform.until(lambda: client.get("/v2/models/named/ready").status_code == 200)
        yield client


def predict(client: httpx.Client, asked: object, **headers: str) -> httpx.Response:
    return client.post("/predict/named", json=asked, headers=headers)


def test_plain_rows_and_x_are_answered_with_a_receipt(named: httpx.Client) -> None:
    for asked, meant in (
        ({"x": [1, 2, 3, 4]}, [10.0, 20.0]),
        ({"x": [[1, 2, 3, 4]] * 2}, [[10.0, 20.0]] * 2),
        ({"rows": [ROW]}, [[10.0, 20.0]]),
        ({"rows": [ROW] * 3, "parameters": {"priority": 1, "timeout": 10**7}}, [[10.0, 20.0]] * 3),
    ):
        answer = predict(named, asked)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"y_pred": meant}
        assert "nj=" in answer.headers["lichen-receipt"]
    assert named.post("/predict/named@1", json={"x": [1, 2, 3, 4]}).status_code == 200


def test_a_model_without_columns_takes_lists_by_its_inputs_name(named: httpx.Client) -> None:
    answer = named.post("/predict/linear", json={"rows": [{"features": [1, 2, 3, 4]}]})
    assert answer.json() == {"y_pred": [[10.0, 10.0]]}


def test_plain_errors_name_row_and_column(named: httpx.Client) -> None:
    answer = predict(named, {"rows": [ROW, {**ROW, "sun": "much"}]})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("rows[1] holds text in column 'sun'")
    assert predict(named, {"x": [1, 2, 3]}).status_code == 400
    assert named.get("/predict/named").headers["allow"] == "POST"
    assert named.post("/predict/none", json={"x": 1}).status_code == 404
    nobody = httpx.post(f"{named.base_url}/predict/named", json={"x": 1}, timeout=60)
    assert nobody.status_code == 401


def test_plain_bodies_may_be_packed_and_are_limited(named: httpx.Client) -> None:
    asked = gzip.compress(json.dumps({"x": [[1, 2, 3, 4]] * 3000}).encode())
    packed = named.post(
        "/predict/named",
        content=asked,
        headers={"Content-Encoding": "gzip", "Accept-Encoding": "gzip"},
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == {"y_pred": [[10.0, 20.0]] * 3000}
    too_long = named.post("/predict/named", json={"x": [[1, 2, 3, 4]] * 40_000})
    assert too_long.status_code == 413
    assert predict(named, {"x": 1}, **{"Content-Encoding": "br"}).status_code == 415


def infer(client: httpx.Client, lane: str, **more: object) -> httpx.Response:
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
    return client.post(f"/v2/models/named/infer{lane}", json={"inputs": [tensor], **more})


@LANES
def test_an_output_comes_as_classes(named: httpx.Client, lane: str) -> None:
    for _ in range(2):  # a body that was seen before is read another way
        asked = [{"name": "raw", "parameters": {"classification": 2}}]
        answer = infer(named, lane, outputs=asked)
        (output,) = answer.json()["outputs"]
        assert (output["datatype"], output["shape"]) == ("BYTES", [1, 2])
        assert output["data"] == ["20.0:1:storm", "10.0:0:calm"]
        assert "nj=" in answer.headers["lichen-receipt"]
    asked = [{"name": "raw", "parameters": {"classification": 1, "binary_data": True}}]
    binary = infer(named, lane, outputs=asked)
    end = int(binary.headers[LENGTH])
    assert binary.content[end:] == b"\x0c\0\0\x0020.0:1:storm"


@LANES
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"classification": 0}, "whole number from 1"),
        ({"shared_memory_region": "r", "shared_memory_byte_size": 8}, "shared memory"),
    ],
)
def test_outputs_in_a_form_that_is_none_are_refused(
    named: httpx.Client, lane: str, parameters: object, said: str
) -> None:
    answer = infer(named, lane, outputs=[{"name": "raw", "parameters": parameters}])
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_an_input_in_shared_memory_is_refused(named: httpx.Client) -> None:
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4], "parameters": region}
    answer = named.post("/v2/models/named/infer", json={"inputs": [tensor]})
    assert answer.status_code == 400
    assert "shared memory" in answer.json()["error"]
    for path in ("systemsharedmemory/status", "cudasharedmemory/region/r/status"):
        assert named.get(f"/v2/{path}").status_code == 400
    answer = named.post("/v2/systemsharedmemory/region/r/register", json={"key": "k"})
    assert "cannot be shared" in answer.json()["error"]


def test_a_body_may_be_nothing_but_a_row(named: httpx.Client) -> None:
    row = np.array([1, 2, 3, 4], "<f4").tobytes()
    path = "/v2/models/named/versions/1/infer"
    answer = named.post(path, content=row, headers={LENGTH: "0"})
    assert answer.status_code == 200, answer.text
    end = int(answer.headers[LENGTH])
    assert np.frombuffer(answer.content[end:], "<f4").tolist() == [10.0, 20.0]
    for wrong in (row[:-1], row * 2, b""):
        refused = named.post(path, content=wrong, headers={LENGTH: "0"})
        assert refused.status_code == 400
        assert "16 bytes" in refused.json()["error"]


def test_metadata_and_configuration_tell_the_columns_and_the_batch(named: httpx.Client) -> None:
    said = named.get("/v2/models/named").json()
    assert said["inputs"][0]["parameters"] == {"columns": list(COLUMNS)}
    for path in ("/v2/models/named/config", "/v2/models/named/versions/1/config"):
        configured = named.get(path).json()
        assert configured["max_batch_size"] > 0
        told = {"name": "features", "data_type": "TYPE_FP32", "dims": [4]}
        assert configured["input"] == [told]
    assert named.get("/v2/models/none/config").status_code == 404


def test_head_and_options_are_answered(named: httpx.Client) -> None:
    head = named.head("/v2/models/named")
    assert (head.status_code, head.content) == (200, b"")
    options = named.options("/v2/models/named/infer")
    assert (options.status_code, options.headers["allow"]) == (204, "POST, OPTIONS")
    assert "GET" in named.options("/v2").headers["allow"]


def test_the_python_client_sends_arrays_and_gets_arrays(
    named: httpx.Client, platform: Platform
) -> None:
    key = platform.authorization["Authorization"].removeprefix("Bearer ")
    with Transport(platform.url, key) as transport:
        asked = Inference(transport)
        rows = np.array([[1, 2, 3, 4]] * 3)
        answer = asked.predict("named", {"features": rows}, Wish(5.0, 1, ["raw"]))
        assert answer.outputs == {"raw": [[10.0, 20.0]] * 3}
        assert np.asarray(answer.arrays["raw"]).dtype == np.float32
        assert answer.receipt is not None
        assert asked.predict("named", {"features": rows.tolist()}).outputs == answer.outputs
        with pytest.raises(InvalidInput, match="features"):
            asked.predict("named", {"features": rows[:, :3]})
    assert named.get("/v2").json()["name"] == "lichen"
