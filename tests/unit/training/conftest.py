"""What a training is handed, made from arrays: for trainers that are tried without a platform."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.ids import Digest
from lichen.data.dataset import DatasetVersion
from lichen.data.options import IngestOptions
from lichen.data.schema import Column, Dtype, Schema
from lichen.data.table import Table
from lichen.training.materials import Materials
from lichen.training.watch import EnergyGauge, NoGauge, NoWatch, Watch

Arrays = Mapping[str, NDArray[Any]]
_NO_DIGEST = Digest("0" * 64)


@pytest.fixture
def materials_of(tmp_path: Path) -> Callable[..., Materials]:
    """Materials of arrays by name: numbers, or texts where they are objects."""

    def made(
        arrays: Arrays,
        times: NDArray[np.datetime64] | None = None,
        watch: Watch | None = None,
        gauge: EnergyGauge | None = None,
    ) -> Materials:
        every = tuple(
            Column(name, Dtype.TEXT if values.dtype.kind == "O" else Dtype.NUMBER)
            for name, values in arrays.items()
        )

        def rows(columns: Sequence[str] | None, until: datetime | None = None) -> Table:
            assert until is None
            chosen = tuple(one for one in every if columns is None or one.name in columns)
            return Table(times, chosen, {one.name: arrays[one.name] for one in chosen})

        return Materials(
            dataset=_dataset(every, len(next(iter(arrays.values())))),
            rows=rows,
            file=lambda: tmp_path / "rows.parquet",
            watch=watch or NoWatch(),
            gauge=gauge or NoGauge(),
            scratch=tmp_path,
        )

    return made


def _dataset(columns: tuple[Column, ...], rows: int) -> DatasetVersion:
    return DatasetVersion(
        name="rows",
        version=1,
        schema=Schema(columns),
        rows=rows,
        frequency=None,
        step_seconds=None,
        timezone="UTC",
        start=None,
        end=None,
        series=(),
        source="rows.csv",
        source_digest=_NO_DIGEST,
        parquet_digest=_NO_DIGEST,
        parquet_bytes=0,
        findings=(),
        profile=(),
        options=IngestOptions(),
        parent=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
