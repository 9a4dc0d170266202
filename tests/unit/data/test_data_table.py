from datetime import UTC, datetime

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table, seconds64

TIMES = np.array(["2026-01-01T00:00:00", "2026-01-01T01:00:00"] * 2, dtype="datetime64[s]")
PANEL = Table(
    TIMES,
    (
        Column("station", Dtype.TEXT, role=Role.SERIES),
        Column("load", Dtype.NUMBER, "kW"),
        Column("open", Dtype.BOOLEAN),
    ),
    {
        "station": np.array(["a", "a", "b", "b"], dtype=object),
        "load": np.array([1.0, 2.0, 3.0, np.nan]),
        "open": np.array([0.0, 1.0, 0.0, 1.0]),
    },
)


def test_until_leaves_out_the_moment_itself_and_since_takes_it() -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert PANEL.until(moment).column("load").tolist() == [1.0, 3.0]
    assert PANEL.since(moment).column("open").tolist() == [1.0, 1.0]


def test_split_gives_the_series_by_name() -> None:
    parts = PANEL.split()
    assert list(parts) == ["a", "b"]
    assert parts["a"].column("load").tolist() == [1.0, 2.0]
    assert len(parts["b"]) == 2


def test_a_table_without_series_is_one_part() -> None:
    table = Table(None, PANEL.columns[1:], {"load": np.ones(3), "open": np.ones(3)})
    assert list(table.split()) == [""]
    assert len(table) == 3


def test_matrix_puts_columns_side_by_side() -> None:
    assert PANEL.matrix(("open", "load"))[1].tolist() == [1.0, 2.0]
    assert PANEL.matrix(()).shape == (4, 0)


@pytest.mark.parametrize(("name", "says"), [("lod", "did you mean 'load'"), ("station", "text")])
def test_a_column_that_holds_no_numbers_is_refused(name: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        PANEL.column(name)


def test_rows_without_times_cannot_be_cut() -> None:
    table = Table(None, (), {})
    for cut in (table.until, table.since):
        with pytest.raises(InvalidInput, match="no time column"):
            cut(datetime(2026, 1, 1, tzinfo=UTC))


def test_what_was_cut_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PANEL.until(datetime(2027, 1, 1, tzinfo=UTC)).column("load")[0] = 7


def test_seconds64_is_utc() -> None:
    assert seconds64(datetime.fromisoformat("2026-01-01T10:00:00+10:00")) == TIMES[0]
