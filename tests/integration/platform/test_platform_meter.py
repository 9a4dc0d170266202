"""A platform that reads an exporter: measured while it answers, and booked on when it is gone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Protocol

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen

WATTS = 20.0


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def client(self) -> Lichen: ...


class Kepler(BaseHTTPRequestHandler):
    began, answers = monotonic(), True

    def do_GET(self) -> None:
        joules = 1e4 + WATTS * (monotonic() - Kepler.began)
        body = f'kepler_node_cpu_joules_total{{node_name="n",zone="package"}} {joules}\n'.encode()
        self.send_response(200 if Kepler.answers else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def exporter() -> Iterator[str]:
    Kepler.answers = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kepler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_exporter_is_metered_by_and_its_silence_is_told(
    stopped: Running, exporter: str, until: Callable[[Callable[[], bool]], None]
) -> None:
    running = stopped
    running.environment |= {"LICHEN_METER": "prometheus", "LICHEN_PROMETHEUS_URL": exporter}
    running.up()
    client = running.client()
    until(lambda: client.meters().window is not None and "silent" not in client.meters().source)
    said = client.meters()
    assert said.chosen == "kepler"
    assert "kepler counts" in said.measured[0]
    assert said.threads == os.cpu_count()

    Kepler.answers = False
    until(lambda: client.meters().source.endswith("silent: the last rate"))
    Kepler.answers = True
    until(lambda: "silent" not in client.meters().source)
    running.down()

    reader = LedgerReader(running.home / "ledger.db")
    meters = {one.basis.meter for one in reader.entries(limit=1000) if one.basis is not None}
    assert any("kepler at 127.0.0.1" in meter for meter in meters)
    held = {one.account: one.nj for one in reader.accounts()}
    assert held["meter"] < 0
    assert sum(held.values()) == 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"METER": "wattson"}, "choose one of auto, rapl, prometheus"),
        ({"METER": "rapl", "POWERCAP": "/nowhere"}, "no RAPL counters under /nowhere"),
    ],
)
def test_a_meter_that_cannot_be_is_refused_in_one_sentence(
    stopped: Running, said: dict[str, str], sentence: str
) -> None:
    told = {f"LICHEN_{name}": value for name, value in said.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "lichen.cli.main", "up"],
        env={**stopped.environment, **told},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode in (1, 2)
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
