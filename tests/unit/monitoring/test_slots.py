"""The file of a worker: who takes which, what stays of it, and how much it may hold."""

import subprocess
import sys
from pathlib import Path

import pytest

from lichen.core.errors import StorageFailed
from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import DEFAULT_TENANT
from lichen.monitoring.layout import MAGIC_WORD, SERIES, WORD
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot, forget
from lichen.monitoring.totals import totals

SUBJECT = Subject("d", "m", 1, "fp32")
REQUEST = Answered(SUBJECT, DEFAULT_TENANT, "ok", 3, 1, 2, 5, 7, None)
WORKER = """
import os, signal, sys
from pathlib import Path
from lichen.core.events import Answered, Subject
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
slot = Slot.claim(Path(sys.argv[1]))
metrics = Metrics(slot)
subject = Subject("d", "m", 1, "fp32")
for _ in range(10):
    metrics.answered(Answered(subject, "default", "ok", 3, 1, 2, 5, 7, None))
metrics.waiting({subject: 4})
print(slot.name, flush=True)
if sys.argv[2] == "stay":
    sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def worker(folder: Path, then: str = "die") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, str(folder), then]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answered(folder: Path) -> int:
    return sum(one.answered for one in totals(folder).requests.values())


def test_a_slot_that_was_killed_is_taken_over_and_goes_on_counting(tmp_path: Path) -> None:
    for times in (1, 2):
        said, _ = worker(tmp_path).communicate()
        assert said == "dataplane-0\n"
        assert answered(tmp_path) == 10 * times
    slot = Slot.claim(tmp_path)
    Metrics(slot).answered(REQUEST)
    (one,) = totals(tmp_path).requests.values()
    assert (one.answered, one.rows, one.nj, one.total_ns) == (21, 63, 147, 105)
    assert sum(one.total_buckets) == 21
    slot.close()


def test_workers_side_by_side_count_into_files_of_their_own(tmp_path: Path) -> None:
    both = [worker(tmp_path, "stay"), worker(tmp_path, "stay")]
    names = {one.stdout.readline().strip() for one in both if one.stdout is not None}
    assert names == {"dataplane-0", "dataplane-1"}
    counted = totals(tmp_path)
    assert answered(tmp_path) == 20
    assert [one.name for one in counted.processes] == ["dataplane-0", "dataplane-1"]
    assert all(one.resident_bytes > 0 for one in counted.processes)
    assert [one.waiting for one in counted.batches.values()] == [8]
    both[0].communicate()
    counted = totals(tmp_path)
    assert answered(tmp_path) == 20
    assert [one.waiting for one in counted.batches.values()] == [4], "the dead wait for nothing"
    assert len(counted.processes) == 1
    both[1].communicate()


def test_beyond_the_bound_everything_is_other(tmp_path: Path) -> None:
    slot = Slot.claim(tmp_path)
    metrics = Metrics(slot)
    for number in range(1500):
        subject = Subject(f"d{number}", "m", 1, "fp32")
        metrics.answered(Answered(subject, DEFAULT_TENANT, "ok", 1, 1, 1, 1, 1, 1))
        metrics.ran(Ran(subject, 1, 2, 1, 1))
    counted = totals(tmp_path)
    assert len(counted.requests) == SERIES.records
    others = [one for (of, _), one in counted.requests.items() if of.deployment == "other"]
    assert [one.answered for one in others] == [500]
    assert sum(one.answered for one in counted.requests.values()) == 1500
    assert sum(one.batches for one in counted.batches.values()) == 1500
    assert len(counted.batches) == 257
    slot.close()


def test_names_too_long_for_a_record_are_other(tmp_path: Path) -> None:
    slot = Slot.claim(tmp_path)
    long = Subject("d" * 600, "m", 1, "fp32")
    Metrics(slot).answered(Answered(long, DEFAULT_TENANT, "ok", 1, 1, 1, 1, None, None))
    assert [of.deployment for of, _ in totals(tmp_path).requests] == ["other"]
    slot.close()


def test_a_file_of_another_layout_is_passed_over_and_then_begun_anew(tmp_path: Path) -> None:
    slot = Slot.claim(tmp_path)
    Metrics(slot).answered(REQUEST)
    slot.words[MAGIC_WORD] += 1
    slot.close()
    assert totals(tmp_path).requests == {}
    (tmp_path / "dataplane-7.metrics").write_bytes(b"half")
    again = Slot.claim(tmp_path)
    assert again.path == slot.path
    assert totals(tmp_path).requests == {}
    assert len(totals(tmp_path).processes) == 1
    again.close()


def test_a_platform_that_starts_forgets_what_was_counted(tmp_path: Path) -> None:
    forget(tmp_path / "absent")
    slot = Slot.claim(tmp_path)
    Metrics(slot).answered(REQUEST)
    slot.close()
    forget(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert totals(tmp_path).requests == {}


def test_a_folder_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        Slot.claim(tmp_path / "file" / "metrics")


def test_records_begin_at_whole_words() -> None:
    assert SERIES.record_bytes % WORD == SERIES.start % WORD == SERIES.key_at % WORD == 0
