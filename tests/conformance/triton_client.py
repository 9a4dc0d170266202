"""Checks of `tritonclient.http`; run by the clients' own interpreter, never imported by tests.

    python triton_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY

Prints one JSON object: each check's name, and null or what went wrong.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import ml_dtypes  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import tritonclient.http as triton  # type: ignore[import-not-found,unused-ignore]
import tritonclient.http.aio as aio  # type: ignore[import-not-found,unused-ignore]
from checking import VALUES, tell
from tritonclient.utils import (  # type: ignore[import-not-found,unused-ignore]
    InferenceServerException,
)

ADDRESS, PREDICTOR, OPERATOR = sys.argv[1:4]
HEADERS = {"Authorization": f"Bearer {PREDICTOR}"}
BY_OPERATOR = {"Authorization": f"Bearer {OPERATOR}"}


def caller() -> dict[str, str]:
    """The client writes into the headers it is given."""
    return dict(HEADERS)


client = triton.InferenceServerClient(ADDRESS, network_timeout=60.0)


def given(datatype: str, *, binary: bool, rows: int = 1) -> Any:
    values = np.concatenate([VALUES[datatype]] * rows)
    tensor = triton.InferInput(f"x_{datatype}", list(values.shape), datatype)
    return tensor.set_data_from_numpy(values, binary_data=binary)


def wanted(datatype: str, *, binary: bool) -> Any:
    return triton.InferRequestedOutput(f"y_{datatype}", binary_data=binary)


def same(result: Any, datatype: str, rows: int = 1) -> None:
    found, meant = result.as_numpy(f"y_{datatype}"), np.concatenate([VALUES[datatype]] * rows)
    if datatype == "BYTES":
        texts = [t if isinstance(t, str) else t.decode() for t in found.ravel()]
        assert texts == meant.ravel().tolist(), texts
    else:
        assert found.dtype == meant.dtype, found.dtype
        np.testing.assert_array_equal(found, meant)


def refused(status: str, act: Callable[[], object]) -> str:
    try:
        act()
    except InferenceServerException as error:
        said = error
    else:
        raise AssertionError("it was not refused")
    assert said.status() == status, said
    return str(said.message())


def check_health_and_metadata() -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    server = client.get_server_metadata(headers=caller())
    known = {"binary_tensor_data", "classification", "model_configuration", "model_repository"}
    assert known <= set(server["extensions"]), server
    assert client.is_model_ready("fp32", headers=caller())
    assert client.is_model_ready("fp32", "1", headers=caller())
    assert not client.is_model_ready("none", headers=caller())
    model = client.get_model_metadata("all", "1", headers=caller())
    assert {one["datatype"] for one in model["inputs"]} == set(VALUES), model


def check_every_datatype_both_ways() -> None:
    for datatype in VALUES:
        for binary_in in (True, False):
            for binary_out in (True, False):
                for version in ("", "1"):
                    inputs = [given(datatype, binary=binary_in)]
                    outputs = [wanted(datatype, binary=binary_out)]
                    name = datatype.lower()
                    same(
                        client.infer(name, inputs, version, outputs, headers=caller()),
                        datatype,
                    )


def check_outputs_default_to_binary() -> None:
    for binary in (True, False):
        result = client.infer("bytes", [given("BYTES", binary=binary)], headers=caller())
        assert "parameters" in result.get_output("y_BYTES")
        same(result, "BYTES")


def check_inputs_and_outputs_may_be_mixed() -> None:
    inputs = [given(one, binary=number % 2 == 0) for number, one in enumerate(VALUES)]
    outputs = [wanted(one, binary=number % 3 == 0) for number, one in enumerate(VALUES)]
    result = client.infer("all", inputs, outputs=outputs[::-1], request_id="7", headers=caller())
    assert result.get_response()["id"] == "7"
    for datatype in VALUES:
        same(result, datatype)


def check_only_requested_outputs_come() -> None:
    inputs = [given(one, binary=True) for one in VALUES]
    result = client.infer("all", inputs, outputs=[wanted("INT8", binary=True)], headers=caller())
    assert [one["name"] for one in result.get_response()["outputs"]] == ["y_INT8"]


def check_bf16_is_taken_by_fp32_and_refused_by_name_otherwise() -> None:
    values = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    tensor = triton.InferInput("x_FP32", [1, 2], "BF16").set_data_from_numpy(values)
    found = client.infer("fp32", [tensor], headers=caller()).as_numpy("y_FP32")
    np.testing.assert_array_equal(found, [[1.5, -2.0]])
    tensor = triton.InferInput("x_INT32", [1, 2], "BF16").set_data_from_numpy(values)
    said = refused("400", lambda: client.infer("int32", [tensor], headers=caller()))
    assert "BF16" in said, said


def check_compression_both_ways() -> None:
    for there in ("gzip", "deflate", None):
        for back in ("gzip", "deflate", None):
            for binary in (True, False):
                result = client.infer(
                    "fp64",
                    [given("FP64", binary=binary, rows=500)],
                    outputs=[wanted("FP64", binary=binary)],
                    headers=caller(),
                    request_compression_algorithm=there,
                    response_compression_algorithm=back,
                )
                same(result, "FP64", rows=500)


def check_asynchronous_requests() -> None:
    asked = [
        client.async_infer("fp32", [given("FP32", binary=True)], headers=caller()) for _ in range(8)
    ]
    for one in asked:
        same(one.get_result(), "FP32")


def check_request_parameters_are_parsed() -> None:
    result = client.infer(
        "fp32",
        [given("FP32", binary=True)],
        request_id="é",
        sequence_id=3,
        sequence_start=True,
        priority=1,
        timeout=10_000_000,
        parameters={"mine": "yes"},
        headers=caller(),
    )
    assert result.get_response()["id"] == "é"


def check_outputs_as_classes() -> None:
    for binary_in in (True, False):
        for binary_out in (True, False):
            best = triton.InferRequestedOutput("y_FP64", binary_data=binary_out, class_count=1)
            asked = [given("FP64", binary=binary_in)]
            for result in (
                client.infer("fp64", asked, outputs=[best], headers=caller()),
                client.async_infer("fp64", asked, outputs=[best], headers=caller()).get_result(),
            ):
                classes = result.as_numpy("y_FP64")
                assert classes.shape == (2, 1), classes
                told = [one if isinstance(one, str) else one.decode() for one in classes.ravel()]
                assert told == ["0.1:0", "2.0:1"], told
    whole = triton.InferRequestedOutput("y_INT8", class_count=9)
    found = client.infer("int8", [given("INT8", binary=True)], outputs=[whole], headers=caller())
    assert found.as_numpy("y_INT8").tolist() == [[b"127:1", b"-128:0"], [b"2:1", b"1:0"]]
    for datatype in ("BYTES", "BOOL"):
        none = triton.InferRequestedOutput(f"y_{datatype}", class_count=1)
        one = [given(datatype, binary=True)]
        name = datatype.lower()
        said = refused(
            "400",
            lambda: client.infer(name, one, outputs=[none], headers=caller()),  # noqa: B023
        )
        assert datatype in said, said


def check_a_model_configuration() -> None:
    for version in ("", "1"):
        told = client.get_model_config("fp32", version, headers=caller())
        assert told["name"] == "fp32", told
        assert told["max_batch_size"] > 1, told
        assert told["input"] == [{"name": "x_FP32", "data_type": "TYPE_FP32", "dims": [2]}], told
    texts = client.get_model_config("bytes", headers=caller())
    assert texts["output"][0]["data_type"] == "TYPE_STRING", texts
    refused("404", lambda: client.get_model_config("none", headers=caller()))


def check_shared_memory_is_refused_in_a_sentence() -> None:
    said = refused(
        "400", lambda: client.register_system_shared_memory("r", "/k", 16, headers=caller())
    )
    assert "shared" in said, said
    refused("400", lambda: client.get_system_shared_memory_status(headers=caller()))
    refused("400", lambda: client.unregister_cuda_shared_memory("r", headers=caller()))
    there = triton.InferInput("x_FP32", [1, 2], "FP32")
    there.set_shared_memory("r", 8)
    assert "shared memory" in refused(
        "400", lambda: client.infer("fp32", [there], headers=caller())
    )
    back = triton.InferRequestedOutput("y_FP32")
    back.set_shared_memory("r", 8)
    one = [given("FP32", binary=True)]
    assert "shared memory" in refused(
        "400", lambda: client.infer("fp32", one, outputs=[back], headers=caller())
    )


def check_the_client_that_awaits() -> None:
    async def ask() -> None:
        async with aio.InferenceServerClient(ADDRESS) as awaiting:
            assert await awaiting.is_server_ready()
            best = triton.InferRequestedOutput("y_FP64", class_count=1)
            plain = triton.InferRequestedOutput("y_FP32")
            for datatype, output in (("FP64", best), ("FP32", plain)):
                tensor = given(datatype, binary=True)
                result = await awaiting.infer(
                    datatype.lower(), [tensor], outputs=[output], headers=caller()
                )
                assert result.as_numpy(f"y_{datatype}").shape[0] == 2

    asyncio.run(ask())


def check_refusals_are_one_sentence() -> None:
    assert "x_FP32" in refused(
        "400", lambda: client.infer("fp32", [given("FP64", binary=True)], headers=caller())
    )
    outputs = [triton.InferRequestedOutput("z")]
    asked = [given("FP32", binary=True)]
    assert "'z'" in refused(
        "400", lambda: client.infer("fp32", asked, outputs=outputs, headers=caller())
    )
    refused("404", lambda: client.infer("none", asked, headers=caller()))
    refused("404", lambda: client.infer("fp32", asked, "9", headers=caller()))
    refused("401", lambda: client.infer("fp32", asked))


def index(name: str) -> dict[str, Any]:
    found = client.get_model_repository_index(headers=caller())
    return next(one for one in found if one["name"] == name)


def check_a_deployment_is_unloaded_and_loaded() -> None:
    assert index("int16") == {"name": "int16", "version": "1", "state": "READY", "reason": ""}
    asked = [given("INT16", binary=True)]
    client.load_model("int16", headers=BY_OPERATOR)
    client.unload_model("int16", headers=BY_OPERATOR)
    client.unload_model("int16", headers=BY_OPERATOR, unload_dependents=True)
    assert not client.is_model_ready("int16", headers=caller())
    assert "unloaded" in refused("503", lambda: client.infer("int16", asked, headers=caller()))
    assert index("int16")["state"] == "UNAVAILABLE"
    client.load_model("int16", headers=BY_OPERATOR)
    client.load_model("int16", headers=BY_OPERATOR)
    assert client.is_model_ready("int16", headers=caller())
    same(client.infer("int16", asked, headers=caller()), "INT16")


def check_the_repository_is_for_operators() -> None:
    refused("403", lambda: client.unload_model("int16", headers=caller()))
    refused("403", lambda: client.load_model("int16", headers=caller()))
    refused("401", lambda: client.get_model_repository_index())
    refused("404", lambda: client.load_model("none", headers=BY_OPERATOR))
    config = json.dumps({"backend": "onnxruntime"})
    refused("400", lambda: client.load_model("int16", headers=BY_OPERATOR, config=config))


if __name__ == "__main__":
    tell(globals())
