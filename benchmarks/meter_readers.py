"""What reading each kind of meter costs its sampler: each beside the limit of M3.

    python benchmarks/meter_readers.py

Exporters are real HTTP servers in processes of their own; cards are simulated, so that theirs is
the cost of our side alone, without the driver's. CPU time by the process's own clock, all threads.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import process_time_ns, sleep

from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.nvml import Nvml
from lichen.energy.cards.replay_cards import ReplayCard, ReplayNvml
from lichen.energy.meter import Meter
from lichen.energy.owner import MeterOwner
from lichen.energy.power.model import ModelMeter
from lichen.energy.readers.counter_meter import Clocks
from lichen.energy.readers.host_meter import HostMeter
from lichen.energy.readers.prometheus import PrometheusMeter
from lichen.energy.readers.rapl import RaplMeter

WINDOWS = 15
TICK_SECONDS = 0.1
LIMIT = 0.5
EXPORTER = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
line = b'kepler_process_cpu_joules_total{pid="%d",comm="x",zone="package",node_name="n"} 12.5\\n'
rest = b"".join(line % number for number in range(int(sys.argv[1])))
class Kepler(BaseHTTPRequestHandler):
    def do_GET(self):
        shown = b'kepler_node_cpu_joules_total{zone="package",node_name="n"} %f\\n'
        body = rest + shown % (100 + 10 * time.monotonic())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Kepler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def exporter(series: int) -> Iterator[str]:
    """An exporter that shows so many series of processes beside the host's."""
    command = [sys.executable, "-c", EXPORTER, str(series)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip() if process.stdout else ""
        try:
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.terminate()


def share_of_a_core(make: Callable[[], Meter]) -> float:
    """Percent of one core that the owner takes with this meter, its threads included."""
    with tempfile.TemporaryDirectory() as folder:
        owner = MeterOwner(Path(folder), make)
        began = process_time_ns()
        windows = 0
        while windows < WINDOWS:
            sleep(TICK_SECONDS)
            windows += owner.tick() is not None
        used_ns = process_time_ns() - began
        owner.close()
    return used_ns / (WINDOWS * 1e7)


def simulated_cards(number: int) -> Meter:
    """The model beside so many cards, on each of which a process computes."""
    cards = [ReplayCard(sampled=[(7, 50)]) for _ in range(number)]
    clocks = Clocks()
    return HostMeter(ModelMeter(), Accelerators(Nvml(ReplayNvml(cards)), clocks.instant()), clocks)


def rapl_of(sockets: int, folder: Path) -> Path:
    """Counters in plain files, as the kernel lays them out."""
    for socket in range(sockets):
        for zone, name in ((f"{socket}", f"package-{socket}"), (f"{socket}:0", "dram")):
            place = folder / f"intel-rapl:{zone}"
            place.mkdir()
            (place / "name").write_text(f"{name}\n")
            (place / "max_energy_range_uj").write_text("262143328850\n")
            (place / "energy_uj").write_text("5\n")
    return folder


def main() -> int:
    """Print the table; 1 when a limit is missed."""
    rows = [("the model", share_of_a_core(ModelMeter))]
    with tempfile.TemporaryDirectory() as folder:
        powercap = rapl_of(2, Path(folder))
        rows.append(("RAPL, two sockets", share_of_a_core(lambda: RaplMeter(powercap))))
    for series, size in ((10, "1 kB"), (20_000, "1.8 MB")):
        with exporter(series) as url:
            share = share_of_a_core(partial(PrometheusMeter, url))
            rows.append((f"an exporter that answers {size}", share))
    rows.append(("eight cards, simulated", share_of_a_core(lambda: simulated_cards(8))))
    print(f"{'the sampler, reading':<40}{'% of a core':>12}{'limit':>8}")
    for name, share in rows:
        print(f"{name:<40}{share:>12.2f}{LIMIT:>8}{'' if share <= LIMIT else '  MISSED'}")
    return 0 if all(share <= LIMIT for _, share in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
