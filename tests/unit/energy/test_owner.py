"""The owner of the meters: one a host, a window a second, and what happens when it ends."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import StorageFailed, Unavailable
from lichen.energy.closing import Levels, close
from lichen.energy.counters import ProcessCounters
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import Meter
from lichen.energy.owner import MeteredWindow, MeterOwner
from lichen.energy.power.model import ModelMeter

OWNER = """
import sys
from pathlib import Path
from lichen.energy.owner import MeterOwner
owner = MeterOwner(Path(sys.argv[1]))
print(owner.owns, flush=True)
sys.stdin.read()
"""


def owner_of(folder: Path, clock: ManualClock) -> MeterOwner:
    def meter() -> Meter:
        host = HostCpu(folder / "no-proc-stat")
        return ModelMeter(host=host, threads=2, monotonic=clock.monotonic_ns)

    return MeterOwner(folder, meter, clock)


def second(owner: MeterOwner, clock: ManualClock) -> MeteredWindow:
    """Tick for one second; exactly one window closes, at its end."""
    found = []
    for _ in range(10):
        clock.advance(0.1)
        found.append(owner.tick())
    assert found[:9] == [None] * 9
    assert found[9] is not None
    return found[9]


def test_a_window_closes_each_second(tmp_path: Path) -> None:
    clock = ManualClock()
    owner = owner_of(tmp_path, clock)
    assert owner.owns
    first, then = second(owner, clock).window, second(owner, clock).window
    assert (first.number, then.number) == (1, 2)
    assert first.ended_at == then.started_at
    assert (then.ended_at - then.started_at).total_seconds() == 1
    assert then.idle_nj == round(0.555 * 2 * 1e9)
    assert then.energy_nj >= then.idle_nj
    assert first.unmetered_ns == then.unmetered_ns == 0
    owner.close()


def test_what_processes_charged_comes_with_the_window_and_closes(tmp_path: Path) -> None:
    clock = ManualClock()
    owner = owner_of(tmp_path, clock)
    counters = ProcessCounters.create(tmp_path, "here")
    counters.account("work/t/d/m@1/fp32").add(1_000, 3_258, 4)
    metered = second(owner, clock)
    (reading,) = metered.readings
    assert reading.charges[0].nj == 3_258
    postings, levels = close(metered.window, metered.readings, Levels())
    assert sum(posting.nj for posting in postings) == 0
    assert metered.window.busy_cpu_ns == reading.cpu_ns
    lines = {posting.account: posting for posting in postings}
    assert lines["host/other"].cpu_ns == 0
    assert abs(lines["rate-variance"].nj) <= len(postings)
    assert levels.processes[0].cpu_ns == reading.cpu_ns
    owner.close()


def test_the_page_shows_totals_and_the_rate(tmp_path: Path) -> None:
    clock = ManualClock()
    owner = owner_of(tmp_path, clock)
    page = owner.page()
    assert page.content().window == 0
    assert page.rate().nj_per_cpu_ns == 3.258
    windows = [second(owner, clock).window for _ in range(3)]
    shown = page.content()
    assert shown.window == 3
    assert shown.host_nj == sum(window.energy_nj for window in windows)
    assert shown.busy_cpu_ns == sum(window.busy_cpu_ns for window in windows)
    assert owner.meter is not None
    owner.close()


def test_a_short_window_can_be_flushed(tmp_path: Path) -> None:
    clock = ManualClock()
    owner = owner_of(tmp_path, clock)
    clock.advance(0.25)
    flushed = owner.flush()
    assert flushed is not None
    assert (flushed.window.ended_at - flushed.window.started_at).total_seconds() == 0.25
    owner.close()
    assert owner.flush() is None


def test_a_second_owner_follows_the_first_and_then_takes_over(tmp_path: Path) -> None:
    clock = ManualClock()
    first, follower = owner_of(tmp_path, clock), owner_of(tmp_path, clock)
    counters = ProcessCounters.create(tmp_path, "shared")
    assert (first.owns, follower.owns) == (True, False)
    assert follower.tick() is None
    own = second(first, clock)
    counters.account("work/a").add(10, 33, 0)
    seen = follower.tick()
    assert seen is not None
    assert seen.window.number == own.window.number
    assert seen.window.energy_nj == own.window.energy_nj
    assert seen.readings[0].charges[0].nj == 33
    assert follower.tick() is None
    first.close()
    clock.advance(0.4)
    assert follower.tick() is None
    assert follower.owns
    last = second(follower, clock)
    assert last.window.number == own.window.number + 1
    assert last.window.unmetered_ns == 400_000_000
    lines = close(last.window, last.readings, close(seen.window, seen.readings)[1])[0]
    others = {line.account: line.cpu_ns for line in lines}
    assert others["host/other"] == 0
    follower.close()


def test_a_follower_that_stops_books_what_was_charged_since_the_last_window(tmp_path: Path) -> None:
    clock = ManualClock()
    first, follower = owner_of(tmp_path, clock), owner_of(tmp_path, clock)
    counters = ProcessCounters.create(tmp_path, "shared")
    follower.tick()
    second(first, clock)
    seen = follower.tick()
    assert seen is not None
    levels = close(seen.window, seen.readings)[1]
    counters.account("work/a").add(10, 33, 0)
    clock.advance(0.4)
    rest = follower.flush()
    assert rest is not None
    lines = {line.account: line for line in close(rest.window, rest.readings, levels)[0]}
    assert lines["work/a"].nj == 33
    assert lines["host/other"].cpu_ns == 0
    assert (rest.window.ended_at - rest.window.started_at).total_seconds() == 0.4
    follower.close()
    assert follower.flush() is None
    first.close()


def test_a_clock_set_back_ends_no_window_before_it_starts(tmp_path: Path) -> None:
    clock = ManualClock()
    owner, follower = owner_of(tmp_path, clock), owner_of(tmp_path, clock)
    second(owner, clock)
    follower.tick()
    clock.at -= timedelta(hours=1)
    window = second(owner, clock).window
    seen = follower.tick()
    assert seen is not None
    for one in (window, seen.window):
        assert one.ended_at == one.started_at
        assert one.idle_nj == round(0.555 * 2 * 1e9)
    after = second(owner, clock).window
    assert (after.ended_at - after.started_at).total_seconds() == 1
    follower.close()
    owner.close()


def test_a_killed_owner_is_succeeded(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        follower = owner_of(tmp_path, ManualClock())
        was_owner = follower.owns
        assert follower.page().rate().nj_per_cpu_ns == 3.258
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert follower.tick() is None
    assert (was_owner, follower.owns) == (False, True)
    follower.close()


def test_a_meter_that_fails_leaves_the_lock_to_others(tmp_path: Path) -> None:
    def broken() -> Meter:
        raise Unavailable("this meter is out of order")

    with pytest.raises(Unavailable, match="out of order"):
        MeterOwner(tmp_path, broken)
    owner = owner_of(tmp_path, ManualClock())
    assert owner.owns
    owner.close()


def test_a_follower_without_a_page_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    first = owner_of(tmp_path, clock)
    (tmp_path / "meter.page").unlink()
    follower = owner_of(tmp_path, clock)
    assert follower.tick() is None
    follower.close()
    first.close()


def test_a_runtime_folder_swept_away_is_made_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    folder = tmp_path / "runtime"
    owner = owner_of(folder, clock)
    ProcessCounters.create(folder, "before").account("work/a").add(1, 3, 0)
    second(owner, clock)
    shutil.rmtree(folder)
    first = second(owner, clock)
    assert [reading.name for reading in first.readings] == ["before"]
    assert owner.page().content().window == first.window.number
    owner.close()


def test_a_folder_that_another_user_made_first_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(StorageFailed, match="belongs to user"):
        MeterOwner(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed, match="runtime folder"):
        MeterOwner(tmp_path / "file" / "runtime")


def test_a_meter_that_cannot_be_opened_is_left_alone_for_a_while(tmp_path: Path) -> None:
    clock = ManualClock()
    first = owner_of(tmp_path, clock)
    asked = []

    def absent() -> Meter:
        asked.append(clock.monotonic_ns())
        raise Unavailable("the exporter does not answer")

    follower = MeterOwner(tmp_path, absent, clock)
    first.close()
    with pytest.raises(Unavailable, match="does not answer"):
        follower.tick()
    for _ in range(20):
        clock.advance(0.1)
        follower.tick()
    assert len(asked) == 1
    third = owner_of(tmp_path, clock)
    assert third.owns, "the lock is not kept by who cannot meter"
    third.close()
    clock.advance(5)
    with pytest.raises(Unavailable):
        follower.tick()
    assert len(asked) == 2
    follower.close()
