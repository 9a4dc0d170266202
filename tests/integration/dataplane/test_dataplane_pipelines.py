"""A pipeline on a data plane that runs: raw rows at every door, with receipts."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol

import httpx
import numpy as np
import pytest
from grpc import aio  # type: ignore[import-untyped]

from lichen.client.inference import Inference
from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Classes, Moment, Number, OneHot, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.grpc_messages import SERVICE, InferRequest, InferResponse
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment, Observed

PIPELINE = Pipeline(
    encoders=[
        Number(column="size", unit="m"),
        Number(column="wet", is_boolean=True, fill=0.0, may_lack=True),
        OneHot(column="kind", values=["air", "water"], may_lack=True),
        Moment(column="at", parts=["day"], may_lack=True),
    ],
    head=Classes(labels=["fine", "poor"], set_threshold=0.3),
)
WEIGHTS = np.array([[1.0], [10.0], [100.0], [-100.0], [0.0], [0.0]])
LANES = pytest.mark.parametrize("lane", ["", "?lane=ordinary"])
ROW = {"size": -50, "kind": "air", "at": "2026-01-31"}


class Platform(Protocol):
    url: str
    key: str
    grpc: str
    authorization: dict[str, str]
    catalog: Catalog

    def start(self, *, grpc: bool = False) -> None: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...


def register(platform: Platform) -> None:
    draft = Draft("m", "classification", "logistic", pipeline_signature(PIPELINE), "test")
    files = {"model.onnx": linear_core(WEIGHTS), **pipeline_files(PIPELINE)}
    platform.catalog.register(draft, files)
    platform.deploy(Deployment("raw", "m", 1))


@pytest.fixture(scope="module")
def served(platform: Platform) -> Iterator[httpx.Client]:
    register(platform)
    with httpx.Client(base_url=platform.url, headers=platform.authorization, timeout=60) as client:
        yield client


@LANES
def test_plain_rows_are_answered_with_the_class_and_its_probability(
    served: httpx.Client, lane: str
) -> None:
    rows = [ROW, {"size": 5, "kind": "water", "wet": None}, {"size": 3, "kind": "lava"}]
    answer = served.post(f"/predict/raw{lane}", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    said = answer.json()["y_pred"]
    assert said["prediction"] == ["poor", "fine", "poor"]
    assert said["in_set"] == [[False, True], [True, False], [False, True]]
    np.testing.assert_allclose(np.sum(said["probability"], axis=1), 1, atol=1e-6)
    assert "nj=" in answer.headers["lichen-receipt"]


@LANES
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "size": "5"}, "rows[1] holds text in column 'size': it takes a number in m"),
        ({"kind": "air"}, "rows[1] has no column 'size'"),
        ({**ROW, "colour": 1}, "rows[1] has the column 'colour', which the model does not take"),
        ({**ROW, "at": "soon"}, "row 1 holds no date or time in column 'at'"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_in_a_sentence(
    served: httpx.Client, row: dict[str, object], said: str, lane: str
) -> None:
    answer = served.post(f"/predict/raw{lane}", json={"rows": [ROW, row]})
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_both_lanes_answer_to_the_byte(served: httpx.Client) -> None:
    rows = [{**ROW, "size": at} for at in range(2000)]
    bodies: list[object] = [{"rows": [ROW]}, {"rows": rows}, {"rows": []}, {"x": 1}, {"rows": [5]}]
    for asked in (*bodies, "{"):
        for coding in ("identity", "gzip", "gzip, deflate"):
            body = asked if isinstance(asked, str) else json.dumps(asked)
            headers = {"accept-encoding": coding}
            quick, usual = (
                served.post(f"/predict/raw{lane}", content=body, headers=headers)
                for lane in ("", "?lane=ordinary")
            )
            assert (quick.status_code, quick.content) == (usual.status_code, usual.content)
            for name in ("content-type", "content-encoding", "content-length"):
                assert quick.headers.get(name) == usual.headers.get(name), (name, coding)
            assert ("lichen-receipt" in quick.headers) == ("lichen-receipt" in usual.headers)
    missing = [served.post(f"/predict/nobody{lane}", json={}) for lane in ("", "?lane=ordinary")]
    assert [one.status_code for one in missing] == [404, 404]
    assert missing[0].content == missing[1].content
    assert served.get("/predict/raw").status_code == 405


def test_tensors_in_json_are_answered_alike(served: httpx.Client) -> None:
    tensors = [
        {"name": "numbers", "datatype": "FP64", "shape": [1, 2], "data": [-50, 0]},
        {"name": "texts", "datatype": "BYTES", "shape": [1, 2], "data": ["air", ""]},
    ]
    answer = served.post("/v2/models/raw/infer", json={"inputs": tensors})
    assert answer.status_code == 200, answer.text
    outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
    assert outputs["prediction"] == ["poor"]
    assert outputs["in_set"] == [False, True]


@pytest.mark.usefixtures("served")
def test_the_python_client_sends_raw_rows_as_bytes(
    platform: Platform,
) -> None:
    transport = Transport(platform.url, platform.key)
    try:
        inference = Inference(transport)
        answer = inference.predict(
            "raw", [{**ROW, "at": date(2026, 1, 31)}, {"size": np.float64(5), "kind": "water"}]
        )
        assert answer.outputs["prediction"] == ["poor", "fine"]
        with pytest.raises(InvalidInput, match=r"rows\[0\] holds '5' in column 'size'"):
            inference.predict("raw", [{"size": "5"}])
    finally:
        transport.close()


def test_metadata_tells_the_columns(served: httpx.Client) -> None:
    said = served.get("/v2/models/raw").json()
    numbers = said["inputs"][0]["parameters"]
    assert numbers["columns"] == ["size", "wet"]
    assert numbers["details"][0] == {"kind": "number", "unit": "m", "may_lack": False}
    assert said["outputs"][1]["parameters"]["columns"] == ["fine", "poor"]


def grpc_request(*kinds: bytes) -> bytes:
    made = InferRequest(model_name="raw")
    rows = len(kinds)
    made.inputs.add(name="numbers", datatype="FP64", shape=[rows, 2])
    made.inputs.add(name="texts", datatype="BYTES", shape=[rows, 2])
    made.raw_input_contents.append(np.array([[5.0, np.nan]] * rows).tobytes())
    cells = [cell for kind in kinds for cell in (kind, b"")]
    made.raw_input_contents.append(b"".join(len(c).to_bytes(4, "little") + c for c in cells))
    return bytes(made.SerializeToString())


def test_tensors_over_grpc_hold_missing_values(fresh: Platform) -> None:
    fresh.start(grpc=True)
    register(fresh)

    async def ask() -> Any:  # noqa: ANN401 - a message without types
        async with aio.insecure_channel(fresh.grpc) as channel:
            call = channel.unary_unary(
                f"/{SERVICE}/ModelInfer", response_deserializer=InferResponse.FromString
            )
            metadata = (("authorization", f"Bearer {fresh.key}"),)
            return await call(grpc_request(b"air", b"water", b""), metadata=metadata)

    answer = asyncio.run(ask())
    prediction = answer.raw_output_contents[0]
    assert prediction == b"\4\0\0\0poor\4\0\0\0fine\4\0\0\0poor"
