"""Checks of `tritonclient.http` for statistics and traces; run by the clients' own interpreter.

    python triton_telemetry_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY ADMIN_KEY

Prints one JSON object: each check's name, and null or what went wrong. The text of `/metrics` is
read by `prometheus_client`, which comes with KServe.
"""

import sys
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import tritonclient.http as triton  # type: ignore[import-not-found,unused-ignore]
from checking import tell
from prometheus_client.parser import (  # type: ignore[import-not-found,unused-ignore]
    text_string_to_metric_families,
)
from tritonclient.utils import (  # type: ignore[import-not-found,unused-ignore]
    InferenceServerException,
)

ADDRESS, PREDICTOR, OPERATOR, ADMIN = sys.argv[1:5]
MODEL = "uint16"
"""A deployment that no other script asks while this one runs."""
client = triton.InferenceServerClient(ADDRESS, network_timeout=60.0)


def by(key: str) -> dict[str, str]:
    """The client writes into the headers it is given."""
    return {"Authorization": f"Bearer {key}"}


def infer(rows: int) -> None:
    tensor = triton.InferInput("x_UINT16", [rows, 2], "UINT16")
    tensor.set_data_from_numpy(np.zeros((rows, 2), np.uint16))
    client.infer(MODEL, [tensor], headers=by(PREDICTOR))


def refused(status: str, act: Callable[[], object]) -> str:
    try:
        act()
    except InferenceServerException as error:
        said = error
    else:
        raise AssertionError("it was not refused")
    assert said.status() == status, said
    return str(said.message())


def of_model(version: str = "") -> Any:
    said = client.get_inference_statistics(MODEL, version, headers=by(PREDICTOR))
    (one,) = said["model_stats"]
    return one


def check_both_extensions_are_advertised() -> None:
    said = client.get_server_metadata(headers=by(PREDICTOR))["extensions"]
    assert {"statistics", "trace"} <= set(said), said


def check_statistics_grow_by_what_was_asked() -> None:
    before = of_model()
    infer(1)
    infer(3)
    after = of_model("1")
    assert (after["name"], after["version"]) == (MODEL, "1")
    assert after["inference_count"] - before["inference_count"] == 4
    assert after["execution_count"] - before["execution_count"] == 2
    assert after["last_inference"] >= before["last_inference"]
    spans, was = after["inference_stats"], before["inference_stats"]
    for name in ("success", "queue", "compute_infer"):
        assert spans[name]["count"] - was[name]["count"] == 2, name
        assert spans[name]["ns"] > was[name]["ns"], name
    assert set(spans) >= {"fail", "compute_input", "compute_output", "cache_hit", "cache_miss"}
    sizes = {one["batch_size"]: one["compute_infer"]["count"] for one in after["batch_stats"]}
    assert sizes[1] >= 1, sizes
    assert sizes[3] >= 1, sizes


def check_statistics_of_all_models() -> None:
    said = client.get_inference_statistics(headers=by(PREDICTOR))["model_stats"]
    assert {MODEL, "fp32", "all"} <= {one["name"] for one in said}
    refused("404", lambda: client.get_inference_statistics("none", headers=by(PREDICTOR)))
    refused("401", client.get_inference_statistics)


def check_trace_settings_of_a_model_are_the_platforms_until_they_are_set() -> None:
    mine = {"trace_level": ["TIMESTAMPS"], "trace_rate": "5", "trace_count": "10"}
    said = client.update_trace_settings(MODEL, mine, headers=by(OPERATOR))
    assert {name: said[name] for name in mine} == mine, said
    assert client.get_trace_settings(MODEL, headers=by(PREDICTOR)) == said
    every = client.get_trace_settings(headers=by(PREDICTOR))
    assert (every["trace_level"], every["trace_rate"]) == (["OFF"], "1000"), every
    every = client.update_trace_settings(
        settings={"log_frequency": "7", "trace_rate": "9"}, headers=by(ADMIN)
    )
    said = client.get_trace_settings(MODEL, headers=by(PREDICTOR))
    assert (said["log_frequency"], said["trace_rate"]) == ("7", "5"), said
    said = client.update_trace_settings(MODEL, dict.fromkeys(mine), headers=by(OPERATOR))
    assert said == every, said
    cleared = {"log_frequency": None, "trace_rate": None}
    every = client.update_trace_settings(settings=cleared, headers=by(ADMIN))
    assert (every["log_frequency"], every["trace_rate"]) == ("0", "1000"), every


def check_trace_settings_are_refused_to_others_and_in_other_forms() -> None:
    off = {"trace_level": ["OFF"]}
    refused("403", lambda: client.update_trace_settings(MODEL, off, headers=by(PREDICTOR)))
    refused("403", lambda: client.update_trace_settings(settings=off, headers=by(OPERATOR)))
    refused("404", lambda: client.get_trace_settings("none", headers=by(PREDICTOR)))
    file = {"trace_file": "mine"}
    said = refused("400", lambda: client.update_trace_settings(MODEL, file, headers=by(OPERATOR)))
    assert "platform" in said, said


def check_metrics_are_read_by_prometheus_client() -> None:
    infer(2)
    text = httpx.get(f"http://{ADDRESS}/metrics", headers=by(OPERATOR), timeout=60).text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert {one.type for one in families.values()} == {"counter", "gauge", "histogram"}
    requests = [
        one
        for one in families["lichen_requests"].samples
        if one.labels["deployment"] == MODEL and one.labels["outcome"] == "ok"
    ]
    (counted,) = [one.value for one in requests]
    assert counted == of_model()["inference_stats"]["success"]["count"]
    (buckets,) = [
        one.value
        for one in families["lichen_request_seconds"].samples
        if one.labels["deployment"] == MODEL and one.labels.get("le") == "+Inf"
    ]
    assert buckets == counted


if __name__ == "__main__":
    tell(globals())
