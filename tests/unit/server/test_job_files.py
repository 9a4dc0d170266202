"""A job's own files: what it cost over its attempts, its progress, its fenced checkpoints."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageContent, PageReader, PageWriter, Rate
from lichen.energy.processes import read_counters
from lichen.protocol.admin import Progress
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.server.work.jobfiles import JobWatch
from lichen.server.work.spending import AttemptCost, Spending
from lichen.training import watch as training

RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[PageReader]:
    writer = PageWriter(tmp_path)
    writer.publish(PageContent(1, 0, 1, 0, 0, 0, RATE))
    reader = PageReader.open(tmp_path)
    yield reader
    reader.close()
    writer.close()


@pytest.fixture
def spending(tmp_path: Path, page: PageReader) -> Spending:
    counters = ProcessCounters.create(tmp_path, "job")
    prices = pricing(CarbonSettings(zone="DE"), tmp_path)
    return Spending(counters, page, "work/default/job-1/m/train", prices, SystemClock())


def test_a_receipt_holds_what_the_job_s_children_did(tmp_path: Path, spending: Spending) -> None:
    spending.start(tmp_path, fence=1)
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    child = subprocess.Popen([sys.executable, "-c", burn])
    books = spending.of_process(child.pid, "guest", 2)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    books.finish()
    child.wait()
    receipt = spending.receipt()
    charges = [charge for one in read_counters(tmp_path) for charge in one.charges]
    assert {one.account for one in charges} == {"work/default/job-1/m/train"}
    assert sum(one.nj for one in charges) == receipt.energy.nj
    assert sum(one.count for one in charges) == 1
    assert receipt.energy.nj >= 300_000_000 * RATE.nj_per_cpu_ns


def test_a_receipt_holds_all_attempts_and_is_final(tmp_path: Path, spending: Spending) -> None:
    earlier = tmp_path / "spent"
    earlier.mkdir()
    cost = AttemptCost(
        nj=10**15,
        nj_low=10**14,
        nj_high=10**16,
        ng=10**15,
        cpu_ns=10**14,
        method=Method.MEASURED,
    )
    (earlier / "000001.json").write_bytes(msgspec.json.encode(cost))
    (earlier / "000000.json").write_bytes(b"")
    (earlier / "000009.json").write_bytes(msgspec.json.encode(cost))
    spending.start(tmp_path, fence=2)
    receipt = spending.receipt()
    assert 10**15 < receipt.energy.nj < 2 * 10**15, "the attempt before, not one that came later"
    assert receipt.energy.nj_low < receipt.energy.nj < receipt.energy.nj_high
    assert receipt.carbon is not None
    assert receipt.carbon.zone == "DE"
    assert receipt.energy.method is Method.MIXED, "measured before, modelled now"
    assert spending.receipt() is receipt
    spending.close()
    (booked,) = read_counters(tmp_path)
    own = booked.charges[0]
    assert (receipt.energy.nj, receipt.carbon.ng) == (cost.nj + own.nj, cost.ng + own.ng)
    assert receipt.carbon.ng_low < receipt.carbon.ng < receipt.carbon.ng_high


def test_what_was_spent_is_kept_for_the_next_attempt(tmp_path: Path, spending: Spending) -> None:
    spending.keep()
    assert not (tmp_path / "spent").exists(), "nothing is kept before it starts"
    spending.start(tmp_path, fence=3)
    spending.keep()
    kept = msgspec.json.decode((tmp_path / "spent" / "000003.json").read_bytes(), type=AttemptCost)
    assert 0 < kept.nj_low < kept.nj < kept.nj_high
    spending.receipt()
    spending.keep()
    assert len(list((tmp_path / "spent").iterdir())) == 1


def test_progress_is_written_at_a_bounded_rate_and_notes_go_to_the_log(
    tmp_path: Path, spending: Spending, capsys: pytest.CaptureFixture[str]
) -> None:
    spending.start(tmp_path, fence=1)
    watch = JobWatch(tmp_path, 1, spending)
    watch.report(training.Progress(0.25, "Ridge", 7, "a note"))
    watch.report(training.Progress(0.5, "LightGBM", 8))
    assert not watch.cancelled
    written = msgspec.json.decode((tmp_path / "progress.json").read_bytes(), type=Progress)
    assert (written.stage, written.fraction, written.nj) == ("Ridge", 0.25, 7)
    assert capsys.readouterr().out == "a note\n"
    spending.receipt()


def test_a_stale_attempt_cannot_spoil_its_successors_checkpoint(
    tmp_path: Path, spending: Spending
) -> None:
    old, new = JobWatch(tmp_path, 1, spending), JobWatch(tmp_path, 2, spending)
    assert old.load("search") is None
    old.save("search", b"by the first")
    assert new.load("search") == b"by the first"
    new.save("search", b"by the second")
    old.save("search", b"late")
    assert new.load("search") == b"by the second"
    assert old.load("search") == b"late"
    new.save("search", b"again")
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["search.000002"]
    new.forget()
    new.forget()
    assert new.load("search") is None
