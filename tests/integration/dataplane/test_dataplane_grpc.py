"""The gRPC door of a real process: its receipts are its books, it drains, and it speaks TLS."""

import asyncio
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import grpc  # type: ignore[import-untyped]
import numpy as np
import pytest
from grpc import aio

from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.processes import read_counters
from lichen.protocol.footprint import parse_receipt
from lichen.protocol.grpc_messages import SERVICE, InferRequest, InferResponse, Message
from lichen.server.sections import Settings
from lichen.serving.deployment import Deployment, Observed

REQUESTS, AT_ONCE = 1000, 16
PATIENCE_SECONDS = 60.0


class Certificates(Protocol):
    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


class Platform(Protocol):
    settings: Settings
    key: str
    grpc: str
    process: "subprocess.Popen[bytes]"

    def start(self, *, grpc: bool = False) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...


@pytest.fixture
def open_door(fresh: Platform) -> Platform:
    """A data plane that answers over gRPC too, with deployment `d`."""
    fresh.register("m")
    fresh.start(grpc=True)
    fresh.deploy(Deployment("d", "m", 1))
    return fresh


def request(rows: int = 1) -> bytes:
    made = InferRequest(model_name="d")
    made.inputs.add(name="features", datatype="FP32", shape=[rows, 4])
    made.raw_input_contents.append(np.full((rows, 4), 2.5, np.float32).tobytes())
    return bytes(made.SerializeToString())


def infer(channel: aio.Channel, key: str, rows: int = 1) -> aio.UnaryUnaryCall:
    call = channel.unary_unary(
        f"/{SERVICE}/ModelInfer", response_deserializer=InferResponse.FromString
    )
    return call(request(rows), metadata=(("authorization", f"Bearer {key}"),))


def outputs_of(answer: Message) -> list[float]:
    return list(np.frombuffer(answer.raw_output_contents[0], np.float32))


def test_what_a_thousand_receipts_say_is_what_the_counters_hold(open_door: Platform) -> None:
    async def ask(channel: aio.Channel, worker: int) -> list[str]:
        receipts = []
        for number in range(worker, REQUESTS, AT_ONCE):
            rows = 1 + number % 3
            call = infer(channel, open_door.key, rows)
            assert outputs_of(await call) == [10.0] * 2 * rows
            (receipt,) = [
                value for key, value in await call.trailing_metadata() if key == "lichen-receipt"
            ]
            receipts.append(receipt)
        return receipts

    async def all_of_them() -> list[list[str]]:
        async with aio.insecure_channel(open_door.grpc) as channel:
            return await asyncio.gather(*[ask(channel, worker) for worker in range(AT_ONCE)])

    parsed = [parse_receipt(one) for some in asyncio.run(all_of_them()) for one in some]
    (process,) = read_counters(open_door.settings.runtime)
    charged = {charge.account: charge for charge in process.charges}
    account = charged[f"work/{DEFAULT_TENANT}/d/m@1/fp32"]
    assert account.count == len(parsed) == REQUESTS
    assert account.nj == sum(receipt.energy.nj for receipt in parsed)
    assert account.ng == sum(receipt.carbon.ng for receipt in parsed if receipt.carbon)
    assert 0 < account.cpu_ns < process.cpu_ns


def test_sigterm_ends_it_cleanly(open_door: Platform) -> None:
    async def ask_and_end() -> None:
        async with aio.insecure_channel(open_door.grpc) as channel:
            assert outputs_of(await infer(channel, open_door.key)) == [10.0, 10.0]
            open_door.process.send_signal(signal.SIGTERM)
            ended = await asyncio.to_thread(open_door.process.wait, PATIENCE_SECONDS)
            assert ended == 0
            with pytest.raises(grpc.RpcError) as caught:
                await infer(channel, open_door.key)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(ask_and_end())


def test_tls_and_client_certificates(fresh: Platform, certificates: Certificates) -> None:
    security = replace(
        fresh.settings.security,
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
        tls_client_ca=certificates.ca,
    )
    fresh.settings = replace(fresh.settings, security=security)
    fresh.register("m")
    fresh.start(grpc=True)
    fresh.deploy(Deployment("d", "m", 1))
    ca = certificates.ca.read_bytes()
    mine = certificates.client_key.read_bytes(), certificates.client.read_bytes()

    async def ask(channel: aio.Channel) -> list[float]:
        async with channel:
            return outputs_of(await infer(channel, fresh.key))

    async def all_ways() -> None:
        known = grpc.ssl_channel_credentials(ca, *mine)
        assert await ask(aio.secure_channel(fresh.grpc, known)) == [10.0, 10.0]
        stranger = grpc.ssl_channel_credentials(ca)
        for channel in (
            aio.secure_channel(fresh.grpc, stranger),
            aio.insecure_channel(fresh.grpc),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                await ask(channel)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(all_ways())
