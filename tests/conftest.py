"""Fixtures for every test: a clean environment, and settled hypothesis settings."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before any test loads NumPy
    os.environ.setdefault(_name, "1")

settings.register_profile(
    "lichen",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "wide", settings.get_profile("lichen"), derandomize=False, max_examples=1000, print_blob=True
)
settings.load_profile("lichen")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No setting of the machine reaches a test, nor does a calibration in its user's home."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data-home"))
    for name in list(os.environ):
        if name.startswith("LICHEN_"):
            monkeypatch.delenv(name)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: a CA, what it signed for a server on this machine and for a client, and a CA that
    signed nothing."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    other_ca: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates made for this run by the `openssl` of this machine."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *more: str) -> Path:
        made = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        subprocess.run(
            ["openssl", "req", "-x509", *curve, *made, *more],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        return folder / f"{name}.pem"

    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    ca, other_ca = make("ca"), make("other")
    server = make("server", *signed, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    client = make("client", *signed)
    keys = server.with_suffix(".key"), client.with_suffix(".key")
    return Certificates(ca, server, keys[0], client, keys[1], other_ca)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, beside the checkout; a test that needs it skips without."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data sets are absent: no folder {SHARED_DATA}")
    return SHARED_DATA
