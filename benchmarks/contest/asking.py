"""One request at a time: for the first answer, and to check answers before they are measured."""

import json
import socket
import time
from dataclasses import dataclass

import numpy as np

from contest.models import Floats
from contest.processes import HOST, LOOK_SECONDS, START_SECONDS, Server

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def values(self) -> Floats:
        """The numbers of the first output, in either form."""
        length = self.headers.get("inference-header-content-length")
        if length is not None:
            return np.frombuffer(self.body[int(length) :], dtype="<f4")
        data = json.loads(self.body)["outputs"][0]["data"]
        return np.array(data, dtype=np.float32).ravel()


@dataclass(frozen=True)
class ColdStart:
    """From starting the process to its first answer."""

    wall_s: float
    cpu_s: float


class WrongAnswer(Exception):
    """A server does not answer what ONNX Runtime answers."""


def ask(server: Server, request: bytes) -> Answer:
    """Its answer over a connection of its own.

    Raises:
        OSError: it does not answer.
    """
    with socket.create_connection((HOST, server.address.port), timeout=ANSWER_SECONDS) as one:
        one.sendall(request)
        return _received(one)


def first_answer(server: Server, request: bytes) -> ColdStart:
    """Ask until it answers 200.

    Raises:
        WrongAnswer: it ended, or did not answer in time.
    """
    give_up = time.monotonic() + START_SECONDS
    said = "nothing"
    while time.monotonic() < give_up:
        if server.process.poll() is not None:
            raise WrongAnswer(f"it ended at once: {server.log.read_text()[-2000:]}")
        try:
            answer = ask(server, request)
        except OSError as error:
            said = str(error)
        else:
            if answer.status == 200:
                wall_ns = time.monotonic_ns() - server.started_ns
                return ColdStart(wall_ns / 1e9, server.cpu_ns() / 1e9)
            said = f"{answer.status} {answer.body[:500]!r}"
        time.sleep(LOOK_SECONDS)
    raise WrongAnswer(f"no answer in {START_SECONDS:g} s, last {said}: {server.log.read_text()}")


def check(server: Server, request: bytes, expected: Floats) -> Answer:
    """Its answer, which agrees with ONNX Runtime's.

    Raises:
        WrongAnswer: it does not.
    """
    answer = ask(server, request)
    if answer.status != 200:
        raise WrongAnswer(f"it answered {answer.status}: {answer.body[:200]!r}")
    values = answer.values()
    if values.shape != (expected.size,):
        raise WrongAnswer(f"{values.size} numbers came, not {expected.size}")
    if not np.allclose(values, expected.ravel(), rtol=1e-3, atol=1e-4):
        raise WrongAnswer(f"its numbers differ by {np.abs(values - expected.ravel()).max():g}")
    return answer


def parsed(answer: bytes) -> Answer:
    """The answer in these bytes, as far as it came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Answer(int(first.split()[1]), headers, body)


def _received(one: socket.socket) -> Answer:
    said = b""
    while b"\r\n\r\n" not in said:
        said += _some(one)
    begun = parsed(said)
    if begun.headers.get("transfer-encoding") == "chunked":
        raise WrongAnswer("it answers in chunks, which is not read here")
    body = begun.body
    while len(body) < int(begun.headers["content-length"]):
        body += _some(one)
    return Answer(begun.status, begun.headers, body)


def _some(one: socket.socket) -> bytes:
    part = one.recv(2**20)
    if not part:
        raise ConnectionResetError("it closed the connection")
    return part
