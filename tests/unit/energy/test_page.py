"""The meter page: one writer, many readers, no torn reads."""

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lichen.core.errors import StorageFailed, Unavailable
from lichen.core.figures import Method
from lichen.energy.page import PAGE_NAME, PageContent, PageReader, PageWriter, Rate

RATE = Rate(3.258, 1.187, 4.094, Method.MODELLED, "model µ", 7)
CONTENT = PageContent(7, 1_000, 2_000, 5_000_000_000, 1_000_000_000, 900_000_000, RATE)


def test_a_reader_sees_what_was_published_last(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    writer.publish(CONTENT)
    reader = PageReader.open(tmp_path)
    assert reader.content() == CONTENT
    later = replace(CONTENT, window=8, rate=replace(RATE, window=8, nj_per_cpu_ns=3.5))
    writer.publish(later)
    assert reader.rate() == later.rate
    assert reader.content() == later
    idle = replace(later, window=9, rate=replace(RATE, window=9, idle_low=0.6, idle_high=2.1))
    writer.publish(idle)
    assert reader.rate() == idle.rate
    reader.close()
    writer.close()


def test_the_rate_is_unpacked_once_for_each_window(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    writer.publish(CONTENT)
    reader = PageReader.open(tmp_path)
    assert reader.rate() is reader.rate()


def test_a_new_owner_writes_into_the_page_that_readers_have_mapped(tmp_path: Path) -> None:
    first = PageWriter(tmp_path)
    first.publish(CONTENT)
    reader = PageReader.open(tmp_path)
    first.close()
    second = PageWriter(tmp_path)
    assert second.last() == CONTENT
    second.publish(replace(CONTENT, window=9))
    assert reader.content().window == 9


def test_a_page_that_another_version_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / PAGE_NAME).write_bytes(struct.pack("=QQ", 0x4C49_4348_5047_0000, 7).ljust(4096))
    writer = PageWriter(tmp_path)
    assert writer.last() is None
    writer.publish(CONTENT)
    reader = PageReader.open(tmp_path)

    assert reader.content() == CONTENT
    reader.close()
    writer.close()


def test_a_half_written_page_is_not_believed(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    writer.publish(CONTENT)
    reader = PageReader.open(tmp_path)
    assert reader.content().window == 7
    path = tmp_path / PAGE_NAME
    raw = bytearray(path.read_bytes())
    raw[8:16] = struct.pack("=Q", 2)
    with path.open("r+b") as file:
        file.write(raw[:16])
    assert reader.content() == CONTENT


@pytest.mark.parametrize("spoil", [b"", b"x" * 4096])
def test_what_is_no_page_is_unavailable(tmp_path: Path, spoil: bytes) -> None:
    (tmp_path / PAGE_NAME).write_bytes(spoil)
    with pytest.raises(Unavailable):
        PageReader.open(tmp_path)


def test_no_page_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="lichen up"):
        PageReader.open(tmp_path)


def test_an_empty_page_has_no_rate_yet(tmp_path: Path) -> None:
    PageWriter(tmp_path)
    with pytest.raises(Unavailable, match="no window yet"):
        PageReader.open(tmp_path).rate()


def test_a_folder_that_is_not_there_is_a_storage_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="runtime folder"):
        PageWriter(tmp_path / "missing")


def test_a_long_source_is_cut_not_refused(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path)
    writer.publish(replace(CONTENT, rate=replace(RATE, source="s" * 3000)))
    assert PageReader.open(tmp_path).rate().source == "s" * 400


def test_figures_are_whole_nanojoules_within_their_interval() -> None:
    figure = RATE.figure(1_000_003)
    assert figure.nj == round(1_000_003 * 3.258)
    assert figure.nj_low <= figure.nj <= figure.nj_high
    assert (figure.method, figure.source) == (Method.MODELLED, "model µ")
    assert RATE.figure(0).nj == 0


def test_another_process_reads_the_page(tmp_path: Path) -> None:
    PageWriter(tmp_path).publish(CONTENT)
    script = (
        "import sys; from pathlib import Path; from lichen.energy.page import PageReader; "
        "print(PageReader.open(Path(sys.argv[1])).rate().nj_per_cpu_ns)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "3.258"
