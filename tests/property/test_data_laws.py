"""Laws of datasets: what goes in comes out, equal rows are equal bytes, time loses nothing."""

import csv
import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lichen.core.clock import ManualClock
from lichen.data.datasets import Datasets
from lichen.data.frequency import frequency_of
from lichen.data.options import IngestOptions
from lichen.data.zones import offset_s, stretches, utc_of, zone_of
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Shanghai", "+05:30")
YEARS = st.integers(min_value=0, max_value=20 * 366 * 24 * 4)
START_S = int(datetime(2005, 1, 1, tzinfo=UTC).timestamp())

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
words = st.text(
    st.characters(codec="gb18030", exclude_categories=["C", "Z"]), min_size=1, max_size=8
).map(lambda word: f"w{word}")


def store(folder: str) -> Datasets:
    return Datasets(MemoryDocuments(), LocalBlobs(Path(folder)), ManualClock(), Path(folder))


def as_csv(rows: list[tuple[float | None, str]], separator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["time", "x", "label"])
    first = datetime(2026, 1, 1, tzinfo=UTC)
    for hour, (value, label) in enumerate(rows):
        written = "" if value is None else repr(value)
        writer.writerow([(first + timedelta(hours=hour)).isoformat(), written, label])
    return text.getvalue()


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | numbers, words), min_size=2, max_size=20),
    separator=st.sampled_from([",", ";", "\t"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
def test_what_goes_in_comes_out(
    rows: list[tuple[float | None, str]], separator: str, codec: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(as_csv(rows, separator).encode(codec))
        datasets = store(folder)
        options = IngestOptions(encoding=codec, separator=separator, decimal=".")
        table = datasets.read(datasets.ingest("x", path, options))
        expected = [np.nan if value is None else value for value, _ in rows]
        np.testing.assert_array_equal(table.column("x"), np.array(expected, dtype=float))
        assert table.arrays["label"].tolist() == [label for _, label in rows]


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    rows=st.lists(st.tuples(numbers, words), min_size=3, max_size=12),
    seed=st.randoms(use_true_random=False),
    cut=st.integers(min_value=1, max_value=2),
)
def test_the_same_rows_are_the_same_bytes(
    rows: list[tuple[float | None, str]], seed: Random, cut: int
) -> None:
    header, *lines = as_csv(rows, ",").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        path, datasets = Path(folder) / "f.csv", store(folder)

        def written(part: list[str]) -> Path:
            path.write_text(header + "".join(part), encoding="utf-8", newline="")
            return path

        whole = datasets.ingest("whole", written(lines))
        datasets.ingest("parts", written(lines[:cut]))
        parts = datasets.append("parts", written(lines[cut:]))
        seed.shuffle(lines)
        assert parts.parquet_digest == whole.parquet_digest
        assert datasets.ingest("whole", written(lines)) == whole


@given(zone=st.sampled_from(ZONES), quarters=st.lists(YEARS, min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_utc_to_local_and_back_loses_nothing(zone: str, quarters: list[int]) -> None:
    utc = [START_S + 900 * quarter for quarter in quarters]
    local = [second + offset_s(zone_of(zone), second) for second in utc]
    found = stretches(zone_of(zone), min(local), max(local))
    for second, said in zip(utc, local, strict=True):
        assert second in (utc_of(said, found, 1), utc_of(said, found, 2))


@given(step=st.integers(min_value=1, max_value=27 * 86_400), gaps=st.lists(st.integers(2, 9)))
def test_the_step_survives_gaps(step: int, gaps: list[int]) -> None:
    distances = [(step, len(gaps) + 1), *((step * gap, 1) for gap in gaps)]
    found = frequency_of(distances)
    assert found is not None
    assert found.seconds == step or found.seconds is None
