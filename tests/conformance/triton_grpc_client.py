"""Checks of `tritonclient.grpc`; run by the clients' own interpreter, never imported by tests.

    python triton_grpc_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY ADMIN_KEY GRPC_HOST:PORT

Prints one JSON object: each check's name, and null or what went wrong.
"""

import json
import queue
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ml_dtypes  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import tritonclient.grpc as triton  # type: ignore[import-not-found,unused-ignore]
from checking import VALUES, tell
from tritonclient.utils import (  # type: ignore[import-not-found,unused-ignore]
    InferenceServerException,
)

_, PREDICTOR, OPERATOR, _, ADDRESS = sys.argv[1:6]
HEADERS = {"authorization": f"Bearer {PREDICTOR}"}
BY_OPERATOR = {"authorization": f"Bearer {OPERATOR}"}
PATIENCE_SECONDS = 60.0

client = triton.InferenceServerClient(ADDRESS)


def given(datatype: str) -> Any:
    values = VALUES[datatype]
    tensor = triton.InferInput(f"x_{datatype}", list(values.shape), datatype)
    return tensor.set_data_from_numpy(values)


def same(result: Any, datatype: str) -> None:
    found, meant = result.as_numpy(f"y_{datatype}"), VALUES[datatype]
    if datatype == "BYTES":
        texts = [text.decode() for text in found.ravel()]
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
    assert said.status() == f"StatusCode.{status}", said
    return str(said.message())


def check_health_and_metadata() -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    server = client.get_server_metadata(headers=HEADERS)
    assert (server.name, "model_repository" in server.extensions) == ("lichen", True), server
    assert client.is_model_ready("fp32", headers=HEADERS)
    assert client.is_model_ready("fp32", "1", headers=HEADERS)
    assert not client.is_model_ready("none", headers=HEADERS)
    model = client.get_model_metadata("all", "1", headers=HEADERS)
    assert {one.datatype for one in model.inputs} == set(VALUES), model
    assert [list(one.shape) for one in model.outputs] == [[-1, 2]] * len(VALUES), model


def check_model_configuration() -> None:
    config = client.get_model_config("all", headers=HEADERS, as_json=True)["config"]
    assert (config["name"], config["platform"]) == ("all", "lichen"), config
    assert config["max_batch_size"] > 1, config
    said = {one["data_type"].removeprefix("TYPE_") for one in config["input"]}
    assert said == {*VALUES, "STRING"} - {"BYTES"}, said
    assert {tuple(one["dims"]) for one in config["output"]} == {("2",)}, config


def check_statistics_grow_by_what_was_asked() -> None:
    (before,) = client.get_inference_statistics("int64", headers=HEADERS).model_stats
    client.infer("int64", [given("INT64")], headers=HEADERS)
    (after,) = client.get_inference_statistics("int64", "1", headers=HEADERS).model_stats
    assert (after.name, after.version) == ("int64", "1")
    assert after.inference_count - before.inference_count == 2
    spans, was = after.inference_stats, before.inference_stats
    assert (spans.success.count - was.success.count, spans.fail.count) == (1, was.fail.count)
    assert spans.compute_infer.ns > was.compute_infer.ns
    assert 2 in {one.batch_size for one in after.batch_stats}
    every = client.get_inference_statistics(headers=HEADERS).model_stats
    assert {"int64", "all"} <= {one.name for one in every}
    refused("NOT_FOUND", lambda: client.get_inference_statistics("none", headers=HEADERS))


def check_trace_settings() -> None:
    mine = {"trace_level": ["TIMESTAMPS"], "trace_rate": "5"}
    said = client.update_trace_settings("int64", mine, headers=BY_OPERATOR, as_json=True)
    assert said["settings"]["trace_rate"]["value"] == ["5"], said
    assert client.get_trace_settings("int64", headers=HEADERS, as_json=True) == said
    cleared = client.update_trace_settings("int64", dict.fromkeys(mine), headers=BY_OPERATOR)
    assert cleared == client.get_trace_settings(headers=HEADERS)
    refused(
        "PERMISSION_DENIED", lambda: client.update_trace_settings("int64", mine, headers=HEADERS)
    )
    for wrong in ({"trace_rate": "x"}, {"trace_mode": "opentelemetry"}, {"trace_file": "mine"}):
        change = partial(client.update_trace_settings, "int64", wrong, headers=BY_OPERATOR)
        refused("INVALID_ARGUMENT", change)


def check_every_datatype() -> None:
    for datatype in VALUES:
        for version in ("", "1"):
            outputs = [triton.InferRequestedOutput(f"y_{datatype}")]
            name, inputs = datatype.lower(), [given(datatype)]
            same(client.infer(name, inputs, version, outputs, headers=HEADERS), datatype)


def check_outputs_as_classes() -> None:
    best = triton.InferRequestedOutput("y_FP64", class_count=1)
    for result in (
        client.infer("fp64", [given("FP64")], outputs=[best], headers=HEADERS),
        client.infer("fp64", [given("FP64")], "1", [best], headers=HEADERS),
    ):
        classes = result.as_numpy("y_FP64")
        assert classes.dtype == object, classes
        assert [one[-2:] for one in classes[:, 0].tolist()] == [b":0", b":1"], classes
    none = triton.InferRequestedOutput("y_BYTES", class_count=1)
    said = refused(
        "INVALID_ARGUMENT",
        lambda: client.infer("bytes", [given("BYTES")], outputs=[none], headers=HEADERS),
    )
    assert "BYTES" in said, said


def check_shared_memory_is_refused_in_a_sentence() -> None:
    there = triton.InferInput("x_FP32", [1, 2], "FP32")
    there.set_shared_memory("r", 8)
    back = triton.InferRequestedOutput("y_FP32")
    back.set_shared_memory("r", 8)
    for asked in (
        lambda: client.infer("fp32", [there], headers=HEADERS),
        lambda: client.infer("fp32", [given("FP32")], outputs=[back], headers=HEADERS),
    ):
        assert "shared memory" in refused("INVALID_ARGUMENT", asked)


def check_many_inputs_and_the_outputs_asked_for() -> None:
    inputs = [given(one) for one in VALUES]
    result = client.infer("all", inputs, request_id="7", headers=HEADERS)
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("7", "all", "1")
    for datatype in VALUES:
        same(result, datatype)
    outputs = [triton.InferRequestedOutput("y_INT8")]
    result = client.infer("all", inputs, outputs=outputs, headers=HEADERS)
    assert [one.name for one in result.get_response().outputs] == ["y_INT8"]


def check_bf16_is_taken_by_fp32_and_refused_by_name_otherwise() -> None:
    values = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    tensor = triton.InferInput("x_FP32", [1, 2], "BF16").set_data_from_numpy(values)
    found = client.infer("fp32", [tensor], headers=HEADERS).as_numpy("y_FP32")
    np.testing.assert_array_equal(found, [[1.5, -2.0]])
    tensor = triton.InferInput("x_INT32", [1, 2], "BF16").set_data_from_numpy(values)
    said = refused("INVALID_ARGUMENT", lambda: client.infer("int32", [tensor], headers=HEADERS))
    assert "BF16" in said, said


def check_compression_both_ways() -> None:
    for algorithm in ("gzip", "deflate"):
        inputs = [given("FP64")]
        result = client.infer("fp64", inputs, headers=HEADERS, compression_algorithm=algorithm)
        same(result, "FP64")


def check_asynchronous_requests() -> None:
    done: queue.Queue[Any] = queue.Queue()
    for _ in range(8):
        client.async_infer(
            "fp32",
            [given("FP32")],
            lambda result, error: done.put((result, error)),
            headers=HEADERS,
        )
    for _ in range(8):
        result, error = done.get(timeout=PATIENCE_SECONDS)
        assert error is None, error
        same(result, "FP32")


def check_request_parameters_are_parsed() -> None:
    result = client.infer(
        "fp32",
        [given("FP32")],
        request_id="é",
        sequence_id=3,
        sequence_start=True,
        priority=1,
        timeout=10_000_000,
        client_timeout=PATIENCE_SECONDS,
        parameters={"mine": "yes"},
        headers=HEADERS,
    )
    assert result.get_response().id == "é"
    inputs = [given("FP32")]
    said = refused(
        "INVALID_ARGUMENT", lambda: client.infer("fp32", inputs, priority=99, headers=HEADERS)
    )
    assert "priority" in said, said


@contextmanager
def stream(headers: dict[str, str] | None) -> Iterator["queue.Queue[Any]"]:
    """The client's one stream, and what comes back from it."""
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)), headers=headers)
    try:
        yield done
    finally:
        client.stop_stream()


def check_a_stream_is_answered_in_order_and_survives_errors() -> None:
    with stream(HEADERS) as done:
        for number in range(100):
            datatype = "FP64" if number == 50 else "FP32"
            client.async_stream_infer("fp32", [given(datatype)], request_id=str(number))
        for number in range(100):
            result, error = done.get(timeout=PATIENCE_SECONDS)
            if number == 50:
                assert "x_FP64" in str(error), error
                continue
            assert error is None, error
            same(result, "FP32")
            said = result.get_response()
            assert said.id == str(number), said.id
            assert said.parameters["triton_final_response"].bool_param
            assert said.parameters["lichen-receipt"].string_param.startswith("nj=")


def check_a_stream_without_a_key_is_refused() -> None:
    with stream(None) as done:
        result, error = done.get(timeout=PATIENCE_SECONDS)
        assert result is None
        assert error.status() == "StatusCode.UNAUTHENTICATED", error


def check_refusals_are_one_sentence() -> None:
    said = refused(
        "INVALID_ARGUMENT", lambda: client.infer("fp32", [given("FP64")], headers=HEADERS)
    )
    assert "x_FP32" in said, said
    outputs = [triton.InferRequestedOutput("z")]
    asked = [given("FP32")]
    said = refused(
        "INVALID_ARGUMENT", lambda: client.infer("fp32", asked, outputs=outputs, headers=HEADERS)
    )
    assert "'z'" in said, said
    refused("NOT_FOUND", lambda: client.infer("none", asked, headers=HEADERS))
    refused("NOT_FOUND", lambda: client.infer("fp32", asked, "9", headers=HEADERS))
    refused("NOT_FOUND", lambda: client.get_model_metadata("none", headers=HEADERS))
    refused("UNAUTHENTICATED", lambda: client.infer("fp32", asked))
    refused("UNAUTHENTICATED", lambda: client.is_model_ready("fp32"))
    refused("UNAUTHENTICATED", client.get_server_metadata)
    refused("UNAUTHENTICATED", client.get_log_settings)
    refused("UNIMPLEMENTED", lambda: client.get_log_settings(headers=HEADERS))


def index(name: str) -> Any:
    found = client.get_model_repository_index(headers=HEADERS)
    return next(one for one in found.models if one.name == name)


def check_a_deployment_is_unloaded_and_loaded() -> None:
    said = index("int8")
    assert (said.version, said.state, said.reason) == ("1", "READY", "")
    asked = [given("INT8")]
    client.load_model("int8", headers=BY_OPERATOR)
    client.unload_model("int8", headers=BY_OPERATOR)
    client.unload_model("int8", headers=BY_OPERATOR, unload_dependents=True)
    assert not client.is_model_ready("int8", headers=HEADERS)
    assert "unloaded" in refused(
        "UNAVAILABLE", lambda: client.infer("int8", asked, headers=HEADERS)
    )
    assert index("int8").state == "UNAVAILABLE"
    client.load_model("int8", headers=BY_OPERATOR)
    assert client.is_model_ready("int8", headers=HEADERS)
    same(client.infer("int8", asked, headers=HEADERS), "INT8")


def check_the_repository_is_for_operators() -> None:
    refused("PERMISSION_DENIED", lambda: client.unload_model("int8", headers=HEADERS))
    refused("PERMISSION_DENIED", lambda: client.load_model("int8", headers=HEADERS))
    refused("UNAUTHENTICATED", client.get_model_repository_index)
    refused("NOT_FOUND", lambda: client.load_model("none", headers=BY_OPERATOR))
    config = json.dumps({"backend": "onnxruntime"})
    refused(
        "INVALID_ARGUMENT", lambda: client.load_model("int8", headers=BY_OPERATOR, config=config)
    )


if __name__ == "__main__":
    tell(globals())
