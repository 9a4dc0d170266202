"""Fixtures for every test: a clean environment, and settled hypothesis settings."""

import os
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
settings.load_profile("lichen")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("LICHEN_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, beside the checkout; a test that needs it skips without."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data sets are absent: no folder {SHARED_DATA}")
    return SHARED_DATA
