"""Checks of `kserve.InferenceRESTClient`; run by the clients' own interpreter, never imported.

    python kserve_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY

Prints one JSON object: each check's name, and null or what went wrong.
"""

import asyncio
import sys
from typing import Any

import httpx
import numpy as np
from checking import tell_of
from kserve.inference_client import (  # type: ignore[import-not-found,unused-ignore]
    InferenceRESTClient,
    RESTConfig,
)
from kserve.protocol.infer_type import (  # type: ignore[import-not-found,unused-ignore]
    InferInput,
    InferRequest,
    RequestedOutput,
)

ADDRESS, PREDICTOR = sys.argv[1:3]
URL, HEADERS = f"http://{ADDRESS}", {"Authorization": f"Bearer {PREDICTOR}"}
VALUES: dict[str, Any] = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "FP16": np.array([[0.5, -65504.0]], np.float16),
    "FP32": np.array([[0.1, -3e38]], np.float32),
    "FP64": np.array([[0.1, -1e300]], np.float64),
    "BYTES": np.array([["é", "水"]], dtype=object),
}


def given(datatype: str, *, binary: bool) -> Any:
    values = VALUES[datatype]
    tensor = InferInput(f"x_{datatype}", list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def request(*inputs: Any, outputs: Any = None, parameters: Any = None) -> Any:
    return InferRequest(
        model_name="any",
        infer_inputs=list(inputs),
        request_id="seven",
        request_outputs=outputs,
        parameters=parameters,
    )


async def infer(client: Any, model: str, data: Any) -> Any:
    return await client.infer(URL, data, model_name=model, headers=dict(HEADERS))


def same(answer: Any, datatype: str) -> None:
    found = answer.get_output_by_name(f"y_{datatype}").as_numpy()
    texts = [t.decode() if isinstance(t, bytes) else t for t in found.ravel().tolist()]
    assert texts == VALUES[datatype].ravel().tolist(), texts
    assert answer.id == "seven"


async def check_health(client: Any) -> None:
    assert await client.is_server_live(URL)
    assert await client.is_server_ready(URL)
    assert await client.is_model_ready(URL, "fp32", headers=HEADERS)
    assert not await client.is_model_ready(URL, "none", headers=HEADERS)


async def check_every_datatype_in_json(client: Any) -> None:
    for datatype in VALUES:
        if datatype != "FP16":  # this client sends FP16 in binary alone
            asked = request(given(datatype, binary=False))
            same(await infer(client, datatype.lower(), asked), datatype)


async def check_every_datatype_in_binary(client: Any) -> None:
    for datatype in VALUES:
        asked = request(given(datatype, binary=True), parameters={"binary_data_output": True})
        same(await infer(client, datatype.lower(), asked), datatype)


async def check_mixed_inputs_and_requested_outputs(client: Any) -> None:
    inputs = [given(one, binary=one in {"FP16", "FP32", "BYTES"}) for one in VALUES]
    outputs = [RequestedOutput(f"y_{one}", {"binary_data": one != "INT8"}) for one in VALUES]
    answer = await infer(client, "all", request(*inputs, outputs=outputs))
    for datatype in VALUES:
        same(answer, datatype)


async def check_refusals_are_sentences(client: Any) -> None:
    try:
        await infer(client, "fp32", request(given("FP64", binary=True)))
    except httpx.HTTPStatusError as error:
        said = error
    else:
        raise AssertionError("it was not refused")
    assert said.response.status_code == 400, said
    assert "x_FP32" in str(said), said


async def main() -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        await tell_of(globals(), client)


if __name__ == "__main__":
    asyncio.run(main())
