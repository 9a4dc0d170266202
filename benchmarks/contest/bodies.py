"""Requests as they go over the wire: 256 distinct ones, since trees are cheap on a repeated row."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from contest.models import INPUT, Floats, Model

BODIES = 256


class Form(StrEnum):
    """How numbers travel."""

    JSON = "json"
    BINARY = "binary"


@dataclass(frozen=True)
class Body:
    """One body; `header_bytes` is where its JSON ends when raw values follow it."""

    content: bytes
    header_bytes: int | None = None


def drawn(model: Model, rows: int) -> list[Floats]:
    """The inputs of each body, `(rows, features)`: the same for every server and both forms."""
    random = np.random.default_rng((rows, model.features))
    values = random.normal(size=(BODIES, rows, model.features)).astype(np.float32)
    return list(values)


def bodies(inputs: Sequence[Floats], form: Form) -> Iterator[Body]:
    """Open Inference Protocol requests for these inputs."""
    for values in inputs:
        tensor = {"name": INPUT, "datatype": "FP32", "shape": list(values.shape)}
        if form is Form.JSON:
            data = [float(str(value)) for value in values.ravel()]
            yield Body(json.dumps({"inputs": [{**tensor, "data": data}]}).encode())
            continue
        told = {**tensor, "parameters": {"binary_data_size": values.nbytes}}
        asked = {"inputs": [told], "parameters": {"binary_data_output": True}}
        header = json.dumps(asked).encode()
        yield Body(header + values.astype("<f4").tobytes(), len(header))


def request(path: str, headers: str, body: Body) -> bytes:
    """The whole request; `headers` are lines of their own."""
    if body.header_bytes is None:
        typed = "Content-Type: application/json\r\n"
    else:
        typed = (
            "Content-Type: application/octet-stream\r\n"
            f"Inference-Header-Content-Length: {body.header_bytes}\r\n"
        )
    size = f"Content-Length: {len(body.content)}\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{typed}{size}\r\n"
    return head.encode() + body.content


def written(requests: Sequence[bytes], path: Path) -> Path:
    """A file of them as the load's Lua script reads it: a line of lengths, then the bytes."""
    lengths = " ".join(str(len(one)) for one in requests)
    path.write_bytes(f"{lengths}\n".encode() + b"".join(requests))
    return path
