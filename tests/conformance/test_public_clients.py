"""The public clients of the protocol, as they are released, against a real data plane."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

CHECK = re.compile(r"^(?:async )?def (check_\w+)", re.MULTILINE)
HERE = Path(__file__).parent
CHECKS = [
    (script.name, name)
    for script in sorted(HERE.glob("*_client.py"))
    for name in CHECK.findall(script.read_text())
]


@pytest.mark.parametrize(("script", "name"), CHECKS)
def test_the_client_works(
    script: str, name: str, verdicts: Callable[[str], dict[str, str | None]]
) -> None:
    assert verdicts(script)[name] is None


def test_every_client_is_asked() -> None:
    assert {script for script, _ in CHECKS} == {
        "kserve_client.py",
        "kserve_grpc_client.py",
        "openai_client.py",
        "openapi_client.py",
        "triton_client.py",
        "triton_grpc_client.py",
        "triton_telemetry_client.py",
    }
