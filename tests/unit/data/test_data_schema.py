import subprocess
import sys

import pytest

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype, Role, Schema

SCHEMA = Schema(
    (
        Column("Time", Dtype.TIME, "UTC", Role.TIME),
        Column("station", Dtype.TEXT, None, Role.SERIES),
        Column("Demand", Dtype.NUMBER, "MW", Role.TARGET),
        Column("Holiday", Dtype.BOOLEAN, None, Role.KNOWN),
    )
)


def test_columns_are_found_by_role() -> None:
    assert SCHEMA.time == SCHEMA.columns[0]
    assert SCHEMA.series == SCHEMA.columns[1]
    assert SCHEMA.having(Role.KNOWN) == (SCHEMA.columns[3],)
    assert [column.name for column in SCHEMA.numeric] == ["Demand", "Holiday"]
    assert list(SCHEMA) == list(SCHEMA.columns)


def test_a_schema_without_time_says_so() -> None:
    assert Schema(SCHEMA.columns[2:]).time is None


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidInput, match="no column 'demand': did you mean 'Demand'"):
        SCHEMA.column("demand")


def test_records_load_neither_numpy_nor_duckdb() -> None:
    program = (
        "import sys, lichen.data.dataset, lichen.data.schema, lichen.data.findings, "
        "lichen.data.samples; "
        "assert not {'numpy', 'duckdb'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
