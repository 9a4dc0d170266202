"""The data plane over TLS: both lanes, old versions and strangers refused, client certificates."""

import json
import socket
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from lichen.client.inference import Inference
from lichen.client.transport import Transport
from lichen.client.trust import Trust
from lichen.core.errors import Unavailable
from lichen.server.sections import Settings
from lichen.serving.deployment import Deployment, Observed

ROW = [[1.0, 2.0, 3.0, 4.0]]
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW}]}
).encode()


class Certificates(Protocol):
    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    other_ca: Path


class Platform(Protocol):
    settings: Settings
    key: str
    address: tuple[str, int]
    authorization: dict[str, str]

    def start(self) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...


def begin(platform: Platform, certificates: Certificates, client_ca: Path | None = None) -> str:
    """Start it over TLS, with deployment `d`; its address."""
    security = replace(
        platform.settings.security,
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
        tls_client_ca=client_ca,
    )
    platform.settings = replace(platform.settings, security=security)
    platform.register("m")
    platform.start()
    platform.deploy(Deployment("d", "m", 1))
    return "https://{}:{}".format(*platform.address)


def infer_over(address: str, platform: Platform, context: ssl.SSLContext) -> httpx.Response:
    with httpx.Client(verify=context, headers=platform.authorization, timeout=60) as client:
        return client.post(f"{address}/v2/models/d/infer", content=BODY)


def offered(platform: Platform, option: str) -> subprocess.CompletedProcess[str]:
    """What OpenSSL's own client says of a handshake with nothing but this version."""
    where = "{}:{}".format(*platform.address)
    asked = ["openssl", "s_client", "-connect", where, option, "-cipher", "ALL:@SECLEVEL=0"]
    return subprocess.run(asked, input="", capture_output=True, text=True, check=False, timeout=60)


def test_both_lanes_answer_over_tls_1_2_and_newer_only(
    fresh: Platform, certificates: Certificates
) -> None:
    address = begin(fresh, certificates)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=str(certificates.ca))
        context.minimum_version = context.maximum_version = version
        answer = infer_over(address, fresh, context)
        assert answer.json()["outputs"][0]["data"] == [10.0, 10.0]
        assert "lichen-receipt" in answer.headers
    assert "Protocol  : TLSv1.2" in offered(fresh, "-tls1_2").stdout
    refused = offered(fresh, "-tls1_1")
    assert refused.returncode != 0
    assert "Cipher is (NONE)" in refused.stdout

    head = "POST /v2/models/d/infer{} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n"
    length = f"Content-Length: {len(BODY)}\r\n\r\n".encode()
    fast, ordinary = (
        head.format(query, fresh.key).encode() + length + BODY for query in ("", "?lane=ordinary")
    )
    with (
        socket.create_connection(fresh.address, timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wire,
    ):
        wire.sendall((fast + ordinary) * 3)
        received = b""
        while received.count(b'"outputs"') < 6:
            received += wire.recv(65536)
    assert received.count(b"HTTP/1.1 200 ") == 6


def test_a_client_trusts_the_ca_it_was_given_and_no_other(
    fresh: Platform, certificates: Certificates
) -> None:
    address = begin(fresh, certificates)
    with Transport(address, fresh.key, trust=Trust(certificates.ca)) as transport:
        answer = Inference(transport).predict("d", {"features": ROW})
        assert answer.outputs == {"raw": [[10.0, 10.0]]}
    with (
        Transport(address, fresh.key, trust=Trust(certificates.other_ca)) as transport,
        pytest.raises(Unavailable, match=r"is not trusted \(.*setting `ca`"),
    ):
        transport.send("GET", "/v2")
    with socket.create_connection(fresh.address, timeout=60) as plain:
        plain.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1" not in plain.recv(65536), "no answer goes out in the clear"


def test_mutual_tls_lets_in_who_shows_a_certificate_of_the_ca(
    fresh: Platform, certificates: Certificates
) -> None:
    address = begin(fresh, certificates, certificates.ca)
    known = Trust(certificates.ca, certificates.client, certificates.client_key)
    with Transport(address, fresh.key, trust=known) as transport:
        answer = Inference(transport).predict("d", {"features": ROW})
        assert answer.outputs == {"raw": [[10.0, 10.0]]}
    stranger = Trust(
        certificates.ca, certificates.other_ca, certificates.other_ca.with_suffix(".key")
    )
    for trust in (Trust(certificates.ca), stranger):
        with (
            Transport(address, fresh.key, trust=trust) as transport,
            pytest.raises(Unavailable, match="client certificate"),
        ):
            transport.send("GET", "/v2/health/live")
