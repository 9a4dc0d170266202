"""A disk that fills while a file is read leaves one sentence, and nothing else."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import StorageFailed
from lichen.data.datasets import Datasets
from lichen.data.options import Limits
from lichen.data.parts import NewColumn, write_part
from lichen.data.samples import VICTORIA_2014
from lichen.data.tablefile import open_table
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

MOUNT, UNMOUNT = shutil.which("mount"), shutil.which("umount")


@pytest.fixture(params=["64k", "300k"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if MOUNT is None or UNMOUNT is None:
        pytest.skip("there is no mount here")
    options = ["-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    done = subprocess.run([MOUNT, *options], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run([UNMOUNT, str(folder)], check=True)


def test_a_full_scratch_folder_is_told(small_disk: Path, tmp_path: Path) -> None:
    documents, blobs = MemoryDocuments(), LocalBlobs(tmp_path / "blobs")
    datasets = Datasets(documents, blobs, ManualClock(), small_disk)
    with pytest.raises(StorageFailed, match="is full: free some space"):
        datasets.ingest("vic", VICTORIA_2014.path, VICTORIA_2014.options)
    assert datasets.names() == ()
    assert list(small_disk.iterdir()) == []
    assert list((tmp_path / "blobs").rglob("*.*")) == []


def test_a_part_that_finds_no_room_is_told_and_not_there(small_disk: Path, tmp_path: Path) -> None:
    file, rows = tmp_path / "in.parquet", 60_000
    with duckdb.connect() as session:
        session.execute(
            f"COPY (SELECT random() AS x FROM range({rows})) TO '{file}' (FORMAT parquet)"  # noqa: S608
        )
    answers = {NewColumn("prediction", "DOUBLE"): np.random.default_rng(0).random(rows)}
    with open_table(file, "in.parquet", small_disk, Limits()) as table:
        part = small_disk / "parts" / "0.parquet"
        with pytest.raises(StorageFailed):
            write_part(table, (0, rows), answers, part)
        assert not part.exists()
