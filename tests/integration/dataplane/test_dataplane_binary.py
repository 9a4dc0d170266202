"""Binary tensors and coded bodies over the wire: both lanes alike, and what is refused."""

import gzip
import json
from typing import Protocol

import httpx
import numpy as np
import pytest

VALUES = np.array([[1.0, 2.0, 3.0, 4.0]], dtype="<f4")
LENGTH = "Inference-Header-Content-Length"
LANES = pytest.mark.parametrize("lane", ["", "?lane=ordinary"])


class Platform(Protocol):
    url: str
    authorization: dict[str, str]


def header(**more: object) -> bytes:
    size = {"binary_data_size": VALUES.nbytes}
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4], "parameters": size}
    return json.dumps({"inputs": [tensor], **more}).encode()


def post(platform: Platform, lane: str, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"{platform.url}/v2/models/linear/infer{lane}"
    return httpx.post(path, content=body, headers={**platform.authorization, **named}, timeout=60)


def in_parts(platform: Platform, lane: str, told: bytes, raw: bytes, length: int) -> httpx.Response:
    return post(platform, lane, told + raw, Inference_Header_Content_Length=str(length))


@LANES
def test_bytes_go_in_and_come_out(platform: Platform, lane: str) -> None:
    told = header(id="a", parameters={"binary_data_output": True})
    answer = in_parts(platform, lane, told, VALUES.tobytes(), len(told))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "nj=" in answer.headers["lichen-receipt"]
    end = int(answer.headers[LENGTH])
    said = json.loads(answer.content[:end])
    assert (said["id"], said["outputs"][0]["parameters"]) == ("a", {"binary_data_size": 8})
    assert np.frombuffer(answer.content[end:], "<f4").tolist() == [10.0, 10.0]


@LANES
def test_bytes_in_and_json_out(platform: Platform, lane: str) -> None:
    answer = in_parts(platform, lane, header(), VALUES.tobytes(), len(header()))
    assert LENGTH not in answer.headers
    assert answer.json()["outputs"][0]["data"] == [10.0, 10.0]


@LANES
@pytest.mark.parametrize(("more", "length"), [(-1, 0), (1, 0), (0, 1), (0, 999), (0, -999)])
def test_sizes_that_do_not_add_up_are_one_sentence(
    platform: Platform, lane: str, more: int, length: int
) -> None:
    raw = VALUES.tobytes() + b"0" if more > 0 else VALUES.tobytes()[: VALUES.nbytes + more]
    answer = in_parts(platform, lane, header(), raw, len(header()) + length)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("asked", ["gzip", "deflate"])
@LANES
def test_an_answer_comes_in_the_coding_asked_for(platform: Platform, lane: str, asked: str) -> None:
    told = header(parameters={"binary_data_output": True})
    answer = post(
        platform,
        lane,
        told + VALUES.tobytes(),
        Inference_Header_Content_Length=str(len(told)),
        Accept_Encoding=asked,
    )
    assert answer.headers["content-encoding"] == asked
    end = int(answer.headers[LENGTH])
    assert np.frombuffer(answer.content[end:], "<f4").tolist() == [10.0, 10.0]


def test_a_bomb_is_too_large(platform: Platform) -> None:
    answer = post(platform, "", gzip.compress(bytes(10**8)), Content_Encoding="gzip")
    assert answer.status_code == 413
    assert "limit" in answer.json()["error"]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_in_no_such_coding_is_refused(platform: Platform, coding: str) -> None:
    answer = post(platform, "", b"{}", Content_Encoding=coding)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_a_coding_that_is_not_taken_is_told_which_are(platform: Platform) -> None:
    answer = post(platform, "", b"{}", Content_Encoding="br")
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    assert "'br'" in answer.json()["error"]
