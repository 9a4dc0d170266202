"""Asking an exporter over a real socket: answers, refusals, silence, and who waits for whom."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import thread_time

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, Unavailable
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import OwnCpu
from lichen.energy.readers import scraping as room
from lichen.energy.readers.counter_meter import Clocks
from lichen.energy.readers.prometheus import PrometheusMeter
from lichen.energy.readers.scraping import Endpoint, Scraper
from lichen.energy.steps import Instant


class Exporter(BaseHTTPRequestHandler):
    status, joules, asked = 200, 500.0, 0
    silence = Event()

    def do_GET(self) -> None:
        Exporter.asked += 1
        if self.path == "/silent":
            Exporter.silence.wait(20)
        body = f'kepler_node_cpu_joules_total{{zone="package"}} {Exporter.joules}\n'.encode()
        self.send_response(Exporter.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://elsewhere/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def exporter() -> Iterator[str]:
    Exporter.status, Exporter.joules, Exporter.asked = 200, 500.0, 0
    Exporter.silence.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Exporter.silence.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_path_is_metrics_unless_it_is_said(exporter: str) -> None:
    assert b"kepler_node" in Endpoint(exporter).get()


@pytest.mark.parametrize("status", [301, 404, 500])
def test_any_status_but_200_is_no_answer(exporter: str, status: int) -> None:
    Exporter.status = status
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        Endpoint(exporter).get()


def test_who_does_not_answer_is_given_up(exporter: str) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        Endpoint(f"{exporter}/silent", timeout_s=0.05).get()
    with pytest.raises(Unavailable, match="does not answer"):
        Endpoint("http://127.0.0.1:1/metrics").get()


def test_an_answer_without_end_is_given_up(exporter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE_S", -1.0)
    with pytest.raises(Unavailable, match="did not end its answer"):
        Endpoint(exporter).get()
    monkeypatch.setattr(room, "MOST_BYTES", 10)
    with pytest.raises(Unavailable, match="more than 10 bytes"):
        Endpoint(exporter).get()


@pytest.mark.parametrize("url", ["", "localhost:9102", "ftp://x/y", "http://", "http://h:x/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="no address"):
        Endpoint(url)


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInput) as refused:
        Endpoint("http://me:secret@host/metrics")
    assert "secret" not in str(refused.value)


def test_a_meter_reads_an_exporter_without_waiting_for_it(exporter: str, tmp_path: Path) -> None:
    clock = ManualClock()
    clocks = Clocks(clock.monotonic_ns, clock.monotonic_ns)
    meter = PrometheusMeter(exporter, HostCpu(tmp_path / "no-stat"), 2, clocks)
    scraper = meter._source._scraper  # type: ignore[attr-defined] # a source of this kind has one
    scraper.stop()
    scraper._thread.join(5)
    meter.read(OwnCpu())
    clock.advance(1)
    Exporter.joules += 20
    scraper.ask()
    asked = Exporter.asked
    assert meter.read(OwnCpu()).host_nj == 20_000_000_000
    assert [meter.read(OwnCpu()).host_nj for _ in range(50)] == [20_000_000_000] * 50
    assert Exporter.asked == asked
    meter.close()


def test_long_answers_are_asked_for_more_rarely() -> None:
    def quick() -> bytes:
        return b""

    def dear() -> bytes:
        until = thread_time() + 2 * room.PERIOD_S * room.CPU_SHARE
        while thread_time() < until:
            pass
        return b""

    at = Instant(0, 0)
    fast, slow = Scraper(quick, lambda: at), Scraper(dear, lambda: at)
    assert min(fast.ask() for _ in range(5)) == room.PERIOD_S
    assert slow.ask() >= 2 * room.PERIOD_S


def test_a_scraper_says_why_it_heard_nothing() -> None:
    def refuse() -> bytes:
        raise Unavailable("host does not answer: refused")

    scraper = Scraper(refuse, lambda: Instant(5, 5))
    scraper.ask()
    heard = scraper.latest()
    assert heard is not None
    assert heard.trouble == "host does not answer: refused"
    assert scraper.latest() is None
