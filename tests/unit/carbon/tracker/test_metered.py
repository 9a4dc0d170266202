"""Metering a block of code with no server at all (M3, A3)."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from time import process_time_ns

import pytest

import lichen
from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.intensity import IntensityValue
from lichen.carbon.tracker.meter_session import close_sessions, session_of
from lichen.carbon.tracker.metered import Metered, metered
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, StorageFailed, Unavailable
from lichen.energy.owner import MeterOwner
from lichen.energy.power.calibration import Calibration, write_calibration
from lichen.energy.power.machine import this_machine
from lichen.energy.power.parameters import Spread
from lichen.energy.runtime import host_runtime_folder

USER_FOLDERS = {"/tmp/lichen-987654", "/run/user/987654/lichen"}  # noqa: S108


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    close_sessions()


def burn(milliseconds: int) -> int:
    until = process_time_ns() + milliseconds * 1_000_000
    while process_time_ns() < until:
        pass
    return milliseconds


def test_a_calibration_in_the_users_home_is_what_a_block_is_charged_by(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = this_machine()
    said = machine.processor.name, machine.threads, Spread(2_000, 2_500, 3_000), Spread(9, 10, 11)
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    write_calibration(
        tmp_path / "lichen" / "calibration.toml", Calibration(*said, moment, "wall.csv", 180, 0.99)
    )
    with metered("notebook", runtime=runtime) as block:
        burn(20)
    energy = block.receipt.energy
    assert energy.source == "model calibrated 2026-11-22 against wall.csv"
    assert energy.nj_high / energy.nj == pytest.approx(1.2, rel=1e-6)


def test_a_block_has_a_receipt_with_joules_and_grams(runtime: Path) -> None:
    with metered("notebook", zone="de", runtime=runtime) as block:
        burn(20)
    receipt = block.receipt

    assert receipt.energy.nj_low < receipt.energy.nj < receipt.energy.nj_high
    assert receipt.carbon is not None
    assert receipt.carbon.zone == "DE"
    assert receipt.carbon.source.startswith("yearly average of Germany in 2023")
    assert receipt.carbon.ng_low < receipt.carbon.ng < receipt.carbon.ng_high
    assert block.joules == receipt.energy.nj / 1e9
    assert block.grams == receipt.carbon.ng / 1e9
    assert block.receipt is receipt
    assert lichen.metered is metered


def test_the_energy_is_that_of_the_cpu_time_at_the_published_rate(runtime: Path) -> None:
    with metered("half", runtime=runtime) as half:
        burn(150)
    with metered("whole", runtime=runtime) as whole:
        burn(300)

    rate = session_of(runtime).rate().nj_per_cpu_ns
    assert half.receipt.energy.nj == pytest.approx(150_000_000 * rate, rel=0.1)
    assert whole.receipt.energy.nj / half.receipt.energy.nj == pytest.approx(2.0, abs=0.15)


def test_without_a_zone_the_world_average_is_taken_and_named(runtime: Path) -> None:
    with metered("somewhere", runtime=runtime) as block:
        burn(1)

    assert block.receipt.carbon is not None
    assert block.receipt.carbon.zone == "WORLD"
    assert "world average (no zone was named)" in block.receipt.carbon.source


def test_an_unknown_zone_falls_back_and_a_malformed_one_is_refused(runtime: Path) -> None:
    with metered("nowhere", zone="ZZ", runtime=runtime) as block:
        burn(1)

    assert block.receipt.carbon is not None
    assert "nothing is known of ZZ" in block.receipt.carbon.source
    with pytest.raises(InvalidInput, match="not usable"):
        metered("typo", zone="Germany")


def test_there_is_no_receipt_before_the_end_and_one_after_a_failure(runtime: Path) -> None:
    block = metered("failing", runtime=runtime)
    with pytest.raises(Unavailable, match="'failing' is issued when its block ends"):
        _ = block.receipt
    with pytest.raises(ZeroDivisionError), block:
        _ = burn(2) / 0

    assert block.receipt.energy.nj > 0


def test_each_call_of_a_decorated_function_is_metered(runtime: Path) -> None:
    block = metered("function", runtime=runtime)

    @block
    def work(milliseconds: int, *, times: int = 1) -> int:
        """Burn."""
        burn(milliseconds * times)
        return milliseconds

    assert work(2) == 2
    first = block.receipt.energy.nj
    assert work(10, times=3) == 10
    rate = session_of(runtime).rate().nj_per_cpu_ns
    assert first >= 1e6 * rate  # the sampler may have run between two clocks
    assert block.receipt.energy.nj >= 29e6 * rate
    assert work.__doc__ == "Burn."


def test_a_coroutine_function_is_metered_to_its_end(runtime: Path) -> None:
    block = metered("coroutine", runtime=runtime)

    @block
    async def work() -> str:
        await asyncio.sleep(0)
        burn(5)
        return "done"

    assert asyncio.run(work()) == "done"
    assert block.receipt.energy.nj >= 5_000_000


def test_a_platform_that_owns_the_meters_is_followed(runtime: Path) -> None:
    owner = MeterOwner(runtime)
    try:
        with metered("guest", runtime=runtime) as block:
            burn(5)
        assert owner.owns
        assert block.receipt.energy.source == owner.page().rate().source
    finally:
        owner.close()


def test_the_lock_is_taken_and_handed_over(runtime: Path) -> None:
    with metered("alone", runtime=runtime):
        burn(1)
    second = MeterOwner(runtime)
    owned = [second.owns]
    close_sessions()
    second.tick()
    owned.append(second.owns)
    second.close()

    assert owned == [False, True]


class Changing:
    """An intensity that is dearer every time it is asked."""

    name = "changing"

    def __init__(self) -> None:
        self.asked = 0

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        self.asked += 1
        return ConstantIntensity(100.0 * self.asked, name=f"price {self.asked}").at(zone, moment)


def test_a_long_block_is_priced_anew_each_minute(runtime: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 21, tzinfo=UTC))
    block = metered("long", zone="DE", intensity=Changing(), runtime=runtime, clock=clock)
    with block:
        burn(5)
        clock.advance(30)
        session_of(runtime).call_watchers()
        clock.advance(40)
        session_of(runtime).call_watchers()
        burn(5)

    carbon = block.receipt.carbon
    assert carbon is not None
    assert "price 1" in carbon.source
    assert "price 2" in carbon.source
    assert block.receipt.at == int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) + 70


def test_an_unchanged_price_is_one_sum_however_long_the_block_runs(runtime: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 21, tzinfo=UTC))
    constant = ConstantIntensity(100.0)
    block = metered("long", zone="DE", intensity=constant, runtime=runtime, clock=clock)
    with block:
        for _ in range(5):
            clock.advance(61)
            session_of(runtime).call_watchers()
        assert block.span is not None
        assert len(block.span.tally.spent()) == 1


def test_a_runtime_folder_that_cannot_be_made_is_said_clearly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageFailed, match="choose a runtime folder"):
        Metered.__enter__(metered("nowhere", runtime=tmp_path / "file" / "run"))


@pytest.mark.parametrize(("user", "folders"), [(0, {"/run/lichen"}), (987654, USER_FOLDERS)])
def test_the_default_folder_is_that_of_the_user(
    monkeypatch: pytest.MonkeyPatch, user: int, folders: set[str]
) -> None:
    monkeypatch.setattr("os.getuid", lambda: user)
    assert str(host_runtime_folder()) in folders


def test_a_forked_child_meters_for_itself(tmp_path: Path) -> None:
    script = """
        import os, sys
        from pathlib import Path
        from lichen.carbon.tracker.metered import metered

        folder = Path(sys.argv[1])
        with metered("parent", runtime=folder) as parent:
            sum(range(100_000))
        child = os.fork()
        if child == 0:
            with metered("child", runtime=folder) as block:
                sum(range(100_000))
            os._exit(0 if 0 < block.receipt.energy.nj < 10**9 else 1)
        _, status = os.waitpid(child, 0)
        sys.exit(status)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(script), str(tmp_path)], check=False
    )
    assert done.returncode == 0


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(TypeError, match="no option zones: see"):
        lichen.metered("x", zones="DE")
