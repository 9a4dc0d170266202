"""A record of load: kept and read back, and refused when it is none."""

from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, StorageFailed
from lichen.energy.power.load_record import LoadRecord, read_load, write_load

LOAD = LoadRecord((1000.0, 1001.0, 1003.0), (0.0, 2.0, 2.5))


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_load(tmp_path / "new" / "load.csv", LOAD)
    assert read_load(tmp_path / "new" / "load.csv") == LOAD


def test_busy_threads_are_a_mean_over_any_span() -> None:
    assert LOAD.mean_busy(1000, 1001) == 2
    assert LOAD.mean_busy(1001, 1003) == 0.25
    assert LOAD.mean_busy(1000.5, 1002) == pytest.approx(1.25 / 1.5)
    assert (LOAD.start_s, LOAD.end_s) == (1000, 1003)


@pytest.mark.parametrize(
    "text",
    [
        "time,busy_cpu_s\n",
        "a,b\n1,2\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00Z,1\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00Z,1\n2026-01-31T08:00:00Z,2\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00Z,2\n2026-01-31T08:00:01Z,1\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00Z,x\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00,1\n",
        "time,busy_cpu_s\n2026-01-31T08:00:00Z\n",
        pytest.param("time,busy_cpu_s\n1," + "1" * 200_000, id="endless cell"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "load.csv").write_text(text)
    with pytest.raises(InvalidInput, match="is no record of load"):
        read_load(tmp_path / "load.csv")


def test_an_absent_record_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--record"):
        read_load(tmp_path / "load.csv")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot write"):
        write_load(tmp_path / "file" / "load.csv", LOAD)
