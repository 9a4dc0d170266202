"""The metrics of a whole platform: both planes say the same, and a start begins anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

SHARED = ("lichen_re", "lichen_ro", "lichen_en", "lichen_ca", "lichen_ba", "nv_", "request_")


class Running(Protocol):
    http: str
    control: str

    def ask(self, method: str, address: str, content: bytes = b"") -> httpx.Response: ...


def told(running: Running, plane: str) -> list[str]:
    answer = running.ask("GET", f"{plane}/metrics")
    assert answer.status_code == 200, answer.text
    return [line for line in answer.text.splitlines() if line.startswith(SHARED)]


def test_both_planes_say_the_same(served: Running) -> None:
    refused = served.ask("POST", f"{served.http}/v2/models/d/infer", b'{"inputs": []}')
    assert refused.status_code == 400
    of_data = told(served, served.http)
    assert any('outcome="InvalidInput"} ' in line for line in of_data)
    assert of_data == told(served, served.control)


def test_a_platform_that_starts_begins_at_nothing(
    cli_of: Callable[[Path], object], tmp_path: Path
) -> None:
    left = tmp_path / "home" / "run" / "metrics" / "dataplane-5.metrics"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of an earlier one")
    cli_of(tmp_path / "home")
    assert [one.name for one in left.parent.iterdir()] == ["dataplane-0.metrics"]
