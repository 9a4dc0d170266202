"""Checks of `kserve.InferenceGRPCClient`; run by the clients' own interpreter, never imported.

    python kserve_grpc_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY ADMIN_KEY GRPC_HOST:PORT

Prints one JSON object: each check's name, and null or what went wrong.
"""

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any

import grpc  # type: ignore[import-untyped]
import numpy as np
from checking import tell_of
from kserve.inference_client import (  # type: ignore[import-not-found,unused-ignore]
    InferenceGRPCClient,
)
from kserve.protocol.grpc import (  # type: ignore[import-not-found,unused-ignore]
    grpc_predict_v2_pb2,
    grpc_predict_v2_pb2_grpc,
)
from kserve.protocol.infer_type import (  # type: ignore[import-not-found,unused-ignore]
    InferInput,
    InferRequest,
    RequestedOutput,
)

_, PREDICTOR, OPERATOR, _, ADDRESS = sys.argv[1:6]
HEADERS = (("authorization", f"Bearer {PREDICTOR}"),)
BY_OPERATOR = (("authorization", f"Bearer {OPERATOR}"),)
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


def given(datatype: str, *, raw: bool) -> Any:
    values = VALUES[datatype]
    tensor = InferInput(f"x_{datatype}", list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=raw)
    return tensor


def request(model: str, *inputs: Any, outputs: Any = None) -> Any:
    return InferRequest(
        model_name=model,
        infer_inputs=list(inputs),
        request_id="seven",
        request_outputs=outputs,
        parameters={"priority": 2, "batch_rows": 1},
    )


def same(answer: Any, datatype: str) -> None:
    found = answer.get_output_by_name(f"y_{datatype}").as_numpy()
    texts = [t.decode() if isinstance(t, bytes) else t for t in found.ravel().tolist()]
    assert texts == VALUES[datatype].ravel().tolist(), texts
    assert answer.id == "seven"


async def refused(status: grpc.StatusCode, act: Awaitable[object]) -> str:
    try:
        await act
    except grpc.RpcError as error:
        said = error
    else:
        raise AssertionError("it was not refused")
    assert said.code() is status, said
    return str(said.details())


async def check_health(client: Any) -> None:
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("fp32", headers=HEADERS)
    assert not await client.is_model_ready("none", headers=HEADERS)


async def check_every_datatype_in_typed_contents(client: Any) -> None:
    for datatype in VALUES:
        if datatype != "FP16":  # it has no typed contents
            asked = request(datatype.lower(), given(datatype, raw=False))
            same(await client.infer(asked, headers=HEADERS), datatype)


async def check_every_datatype_in_raw_contents(client: Any) -> None:
    for datatype in VALUES:
        asked = request(datatype.lower(), given(datatype, raw=True))
        same(await client.infer(asked, headers=HEADERS), datatype)


async def check_many_inputs_and_the_outputs_asked_for(client: Any) -> None:
    inputs = [given(one, raw=True) for one in VALUES]
    outputs = [RequestedOutput(f"y_{one}") for one in ("INT8", "BYTES")]
    answer = await client.infer(request("all", *inputs, outputs=outputs), headers=HEADERS)
    assert [one.name for one in answer.outputs] == ["y_INT8", "y_BYTES"]
    same(answer, "INT8")
    same(answer, "BYTES")


async def check_refusals_are_sentences(client: Any) -> None:
    asked = request("fp32", given("FP64", raw=True))
    said = await refused(grpc.StatusCode.INVALID_ARGUMENT, client.infer(asked, headers=HEADERS))
    assert "x_FP32" in said, said
    asked = request("none", given("FP32", raw=True))
    await refused(grpc.StatusCode.NOT_FOUND, client.infer(asked, headers=HEADERS))
    await refused(grpc.StatusCode.UNAUTHENTICATED, client.infer(asked))


async def check_the_stub_loads_and_unloads(_: Any) -> None:
    async with grpc.aio.insecure_channel(ADDRESS) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        unload = grpc_predict_v2_pb2.RepositoryModelUnloadRequest(model_name="uint32")
        load = grpc_predict_v2_pb2.RepositoryModelLoadRequest(model_name="uint32")
        await refused(
            grpc.StatusCode.PERMISSION_DENIED,
            stub.RepositoryModelUnload(unload, metadata=HEADERS),
        )
        said = await stub.RepositoryModelUnload(unload, metadata=BY_OPERATOR)
        assert (said.model_name, said.isUnloaded) == ("uint32", True)
        said = await stub.RepositoryModelLoad(load, metadata=BY_OPERATOR)
        assert (said.model_name, said.isLoaded) == ("uint32", True)


async def main() -> None:
    async with InferenceGRPCClient(ADDRESS) as client:
        await tell_of(globals(), client)


if __name__ == "__main__":
    asyncio.run(main())
