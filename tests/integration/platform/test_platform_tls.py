"""A whole platform behind mutual TLS, reached by the Python client and the command line."""

import subprocess
import sys
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from lichen.cli.main import run
from lichen.client.connection import connect
from lichen.client.trust import Trust
from lichen.core.errors import Unavailable


class Certificates(Protocol):
    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...


def test_every_port_speaks_tls_and_asks_for_a_certificate(
    stopped: Running,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped.environment |= {
        "LICHEN_TLS_CERTIFICATE": str(certificates.server),
        "LICHEN_TLS_KEY": str(certificates.server_key),
        "LICHEN_TLS_CLIENT_CA": str(certificates.ca),
    }
    stopped.up()
    shown = certificates.client, certificates.client_key
    with connect(
        home=stopped.home, ca=certificates.ca, certificate=shown[0], certificate_key=shown[1]
    ) as lichen:
        assert lichen.health().status == "ready"
        said = lichen.platform().addresses
        assert said.control == lichen.url
        assert said.http.startswith("https://")
        assert list(lichen.deployments.ls()) == []
    context = Trust(certificates.ca, *shown).verification()
    ready = httpx.get(f"{said.http}/v2/health/ready", verify=context, timeout=60)
    assert ready.json() == {"ready": True}
    with connect(home=stopped.home) as trusting, pytest.raises(Unavailable, match="setting `ca`"):
        trusting.health()
    with (
        connect(home=stopped.home, ca=certificates.ca) as nobody,
        pytest.raises(Unavailable, match="ask for a client certificate"),
    ):
        nobody.health()

    for name, path in (
        ("CA", certificates.ca),
        ("CERTIFICATE", shown[0]),
        ("CERTIFICATE_KEY", shown[1]),
    ):
        monkeypatch.setenv(f"LICHEN_{name}", str(path))
    monkeypatch.setenv("LICHEN_HOME", str(stopped.home))
    assert run(["jobs", "ls", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_a_key_that_does_not_fit_is_one_sentence_at_the_start(
    stopped: Running, certificates: Certificates
) -> None:
    environment = {
        **stopped.environment,
        "LICHEN_TLS_CERTIFICATE": str(certificates.server),
        "LICHEN_TLS_KEY": str(certificates.client_key),
    }
    refused = subprocess.run(
        [sys.executable, "-m", "lichen.server.supervisor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "does not belong to the certificate" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
