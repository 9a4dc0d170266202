from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.data.datasets import Datasets
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

WriteFile = Callable[..., Path]


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Datasets(MemoryDocuments(), LocalBlobs(tmp_path / "blobs"), ManualClock(), scratch)


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Write a file of text or bytes; its path."""

    def write_file(content: str | bytes, name: str = "load.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file
