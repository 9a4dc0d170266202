"""A process's mapped counters: many accounts, many threads, and a `kill -9`."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from threading import Thread

import pytest

from lichen.core.errors import InvalidInput, StorageFailed
from lichen.energy.counters import (
    BANK_WORDS,
    BANKS_AT,
    CHUNK_ACCOUNTS,
    COUNTERS_FOLDER,
    LANES,
    PAGE,
    ProcessCounters,
    process_clock_ns,
    start_ticks,
)
from lichen.energy.processes import Watched, read_counters
from lichen.energy.readings import Charge

CHARGE_FOREVER = """
import sys
from pathlib import Path
from lichen.energy.counters import ProcessCounters
counters = ProcessCounters.create(Path(sys.argv[1]), "charger")
account = counters.account("work/t/d/m@1/fp32")
counters.begin()
done = 0
while True:
    account.add(10, 33, 7)
    done += 1
    if done % 1000 == 0:
        sys.stdout.write(f"{done}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("home", ["/home/a", "/h" * 900, "/home/\udcff"])
def test_the_platform_is_what_readers_see(tmp_path: Path, home: str) -> None:
    counters = ProcessCounters.create(tmp_path, "dataplane", home)
    (reading,) = read_counters(tmp_path)
    assert reading.platform == counters.platform != ""


def test_charges_add_up_by_account(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "dataplane")
    first = counters.account("work/t/a/m@1/fp32")
    assert counters.account("work/t/a/m@1/fp32") is first
    first.add(100, 326, 12)
    first.add(50, 163, 6, count=3)
    counters.account("work/t/b/m@1/fp32").add(1, 3, 0)
    (reading,) = read_counters(tmp_path)
    assert reading.charges == (
        Charge("work/t/a/m@1/fp32", 150, 489, 18, 4),
        Charge("work/t/b/m@1/fp32", 1, 3, 0, 1),
    )
    assert (reading.name, reading.pid, reading.alive) == ("dataplane", os.getpid(), True)
    assert reading.cpu_ns > 0


def test_the_file_grows_by_chunks_of_accounts(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "many")
    small = counters.path.stat().st_size
    many = 3 * CHUNK_ACCOUNTS + 1
    for number in range(many):
        counters.account(f"work/t/d{number}/m@1/fp32").add(number, 2 * number, 0)
    (reading,) = read_counters(tmp_path)
    assert len(reading.charges) == many
    assert reading.charges[700] == Charge("work/t/d700/m@1/fp32", 700, 1400, 0, 1)
    assert counters.path.stat().st_size > small


def test_a_kill_loses_no_charge(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHARGE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(5)][-1]
        process.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in process.stdout if line.endswith("\n"))])
    (reading,) = read_counters(tmp_path)
    (charge,) = reading.charges
    assert charge.count >= said
    assert (charge.cpu_ns, charge.nj, charge.ng) == (
        10 * charge.count,
        33 * charge.count,
        7 * charge.count,
    )
    assert not reading.alive
    assert reading.in_flight_ns == 0


def test_who_looks_while_work_is_charged_sees_whole_charges(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHARGE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader = Thread(target=process.stdout.read)  # so that it never waits to be heard
        reader.start()
        (path,) = (tmp_path / COUNTERS_FOLDER).iterdir()
        watched = Watched(path)
        seen = [watched.charges()[0] for _ in range(5000)]
        process.kill()
        reader.join()
    watched.close()
    counts = [charge.count for charge in seen]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert all(
        (charge.cpu_ns, charge.nj, charge.ng) == (10 * count, 33 * count, 7 * count)
        for charge, count in zip(seen, counts, strict=True)
    )


def test_a_charge_that_was_half_written_counts_for_nothing(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "dataplane")
    counters.account("work/t/d/m@1/fp32").add(10, 33, 7)
    with counters.path.open("r+b") as file:  # the bank that the next charge would write
        file.seek(PAGE + 8 * BANKS_AT)
        file.write(b"\xff" * 8 * BANK_WORDS)
    (reading,) = read_counters(tmp_path)
    assert reading.charges == (Charge("work/t/d/m@1/fp32", 10, 33, 7, 1),)


def test_two_processes_have_files_of_their_own(tmp_path: Path) -> None:
    ProcessCounters.create(tmp_path, "here").account("a").add(1, 1, 1)
    script = CHARGE_FOREVER.replace("while True:", "while done < 1000:")
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    readings = {reading.name: reading for reading in read_counters(tmp_path)}
    assert readings["here"].charges[0].nj == 1
    assert readings["charger"].charges[0].nj == 33_000


def test_a_child_is_written_for_by_its_parent_until_it_is_waited_for(tmp_path: Path) -> None:
    script = "import sys; sum(range(3_000_000)); print('on', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    counters = ProcessCounters.create(tmp_path, "guest", "home", child.pid)
    assert counters.path.name.startswith(f"{child.pid}-")
    counters.account("work/a/b/c@1/d").add(7, 8, 9)
    (reading,) = read_counters(tmp_path)
    assert (reading.pid, reading.name, reading.platform) == (child.pid, "guest", "home")
    assert reading.charged_ns == 7
    assert reading.cpu_ns >= 10_000_000
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    counters.finish()
    child.wait()
    child.stdout.close()
    (ended,) = read_counters(tmp_path)
    assert not ended.alive
    assert ended.cpu_ns >= reading.cpu_ns
    with pytest.raises(ProcessLookupError):
        ProcessCounters.create(tmp_path, "guest", "home", child.pid)


def test_threads_charging_one_account_lose_nothing(tmp_path: Path) -> None:
    account = ProcessCounters.create(tmp_path, "threads").account("a")

    def charge() -> None:
        for _ in range(5_000):
            account.add(1, 2, 3)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(usual)
    assert read_counters(tmp_path)[0].charges == (Charge("a", 20_000, 40_000, 60_000, 20_000),)


def test_lanes_bound_the_work_in_flight(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "lanes")
    assert read_counters(tmp_path)[0].in_flight_ns == 0
    counters.begin()
    alone = read_counters(tmp_path)[0].in_flight_ns
    wide = counters.lane(threads=1000)
    wide.begin()
    both = read_counters(tmp_path)[0].in_flight_ns
    assert 0 < alone < both
    wide.end()
    counters.end()
    assert read_counters(tmp_path)[0].in_flight_ns == 0


def test_lanes_have_a_stated_bound(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "lanes")
    for _ in range(LANES - 1):
        counters.lane()
    with pytest.raises(InvalidInput, match="128 lanes"):
        counters.lane()


def test_a_key_too_long_is_refused(tmp_path: Path) -> None:
    counters = ProcessCounters.create(tmp_path, "keys")
    counters.account("é" * 239)
    with pytest.raises(InvalidInput, match="478 bytes"):
        counters.account("x" * 479)


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / COUNTERS_FOLDER).write_text("in the way")
    with pytest.raises(StorageFailed, match="runtime folder"):
        ProcessCounters.create(tmp_path, "none")


def test_foreign_files_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / COUNTERS_FOLDER
    folder.mkdir()
    (folder / "1-1.counters").write_bytes(b"")
    (folder / "2-2.counters").write_bytes(b"\xff" * 4096)
    assert read_counters(tmp_path) == []


def test_process_clocks_know_who_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert start_ticks(process.pid) >= start_ticks(os.getpid())
        assert process_clock_ns(process.pid) >= 0
        process.kill()
    with pytest.raises(OSError, match="Invalid argument"):
        process_clock_ns(process.pid)
    with pytest.raises(ProcessLookupError):
        start_ticks(process.pid)
