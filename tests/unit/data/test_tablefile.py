"""Files of rows in chunks, and the parts that become the output."""
# ruff: noqa: S608 - the SQL names our own temporary files

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import Corrupt, InvalidInput, TooLarge
from lichen.data.forms import form_of
from lichen.data.options import Limits
from lichen.data.parts import NewColumn, check_names, join_parts, write_part
from lichen.data.tablefile import TableShape, open_table

PREDICTION = NewColumn("prediction", "FLOAT")


def parquet(path: Path, select: str) -> Path:
    with duckdb.connect() as session:
        session.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)")
    return path


def answers(first: int, count: int) -> Mapping[NewColumn, NDArray[Any]]:
    return {PREDICTION: np.arange(first, first + count, dtype=np.float32) / 2}


def made(file: Path, name: str, folder: Path, chunk: int) -> Path:
    """The file's output, made in chunks of so many rows."""
    folder.mkdir()
    target, parts = folder / "output", []
    with open_table(file, name, folder, Limits()) as table:
        for first in range(0, table.shape.rows, chunk):
            count = min(chunk, table.shape.rows - first)
            parts.append(folder / "parts" / f"{first}.parquet")
            write_part(table, (first, count), answers(first, count), parts[-1])
        join_parts(table, parts, [PREDICTION], target)
    return target


def test_parquet_keeps_rows_in_order_and_types_as_they_are(tmp_path: Path) -> None:
    select = "SELECT range::INTEGER AS id, ['a', NULL] AS list, 1.50::DECIMAL(5,2) AS d"
    file = parquet(tmp_path / "in", f"{select} FROM range(10000)")
    target = made(file, "in.parquet", tmp_path / "work", 1024)
    with duckdb.connect() as session:
        described = session.execute(f"DESCRIBE SELECT * FROM read_parquet('{target}')").fetchall()
        wrong = session.execute(
            f"SELECT count(*) FROM read_parquet('{target}', file_row_number = true) "
            "WHERE id != file_row_number OR prediction != id / 2"
        ).fetchone()
    kinds = [(name, kind) for name, kind, *_ in described]
    assert kinds == [
        ("id", "INTEGER"),
        ("list", "VARCHAR[]"),
        ("d", "DECIMAL(5,2)"),
        ("prediction", "FLOAT"),
    ]
    assert wrong == (0,)


def test_a_csv_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_text('id;x;note\n07;1,5;"a;b"\n\n8;2,5;\n', encoding="utf-8")
    target = made(file, "in.csv", tmp_path / "work", 1)
    assert target.read_text() == 'id;x;note;prediction\n07;1,5;"a;b";0,0\n8;2,5;;0,5\n'


def test_a_staged_csv_is_not_read_again(tmp_path: Path) -> None:
    file, folder = tmp_path / "upload", tmp_path / "work"
    folder.mkdir()
    file.write_text("a,b\n1,2\n3,4\n")
    with open_table(file, "in.csv", folder, Limits()) as table:
        first = table.shape
    file.write_text("gone")
    with open_table(file, "in.csv", folder, Limits()) as table:
        assert table.shape == first
        assert table.read(1, 1, ["b"])["b"].tolist() == ["4"]
        assert [table.number(place) for place in (0, 1)] == [2, 3]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.parquet", b"", "is empty"),
        ("in.csv", b"", "is empty"),
        ("in.parquet", b"a,b\n1,2\n", "is no Parquet file"),
        ("in.parquet", b"PAR1 and nothing else", "damaged or unreadable"),
        ("in.csv", b"a,b\n", "no rows"),
        ("in.csv", b"a,b\n1,2,3\n", "does not fit its header"),
        ("in.xlsx", b"PK", "neither CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=says), open_table(file, name, tmp_path, Limits()):
        pass


def test_parquet_without_rows_and_a_csv_of_too_many_are_refused(tmp_path: Path) -> None:
    empty = parquet(tmp_path / "empty", "SELECT 1 AS a WHERE false")
    with (
        pytest.raises(InvalidInput, match="no row"),
        open_table(empty, "e.parquet", tmp_path, Limits()),
    ):
        pass
    file = tmp_path / "upload"
    file.write_text("a\n" + "1\n" * 20)
    with (
        pytest.raises(TooLarge, match="limit `rows`"),
        open_table(file, "in.csv", tmp_path, Limits(rows=10)),
    ):
        pass


def test_a_name_that_the_file_has_is_refused_in_any_letters() -> None:
    shape = TableShape("csv", ("id", "Prediction"), 1)
    with pytest.raises(InvalidInput, match="'Prediction'"):
        check_names(shape, [PREDICTION])


def test_two_new_columns_of_one_name_are_refused() -> None:
    error = NewColumn("error", "VARCHAR")
    with pytest.raises(InvalidInput, match="on_error skip"):
        check_names(TableShape("csv", ("id",), 1), [PREDICTION, error, NewColumn("Error", "FLOAT")])


@pytest.mark.parametrize("name", ["a" * 250 + ".csv", "a\0.csv", "a\n.csv"])
def test_a_name_that_no_file_has_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name is not usable"):
        form_of(name)


def test_parts_that_lack_rows_make_no_output(tmp_path: Path) -> None:
    file = parquet(tmp_path / "in", "SELECT range AS id FROM range(10)")
    with open_table(file, "in.parquet", tmp_path, Limits()) as table:
        part = tmp_path / "parts" / "0.parquet"
        write_part(table, (0, 6), answers(0, 6), part)
        with pytest.raises(Corrupt, match="hold 6 rows, and the file has 10"):
            join_parts(table, [part], [PREDICTION], tmp_path / "output")


def test_a_file_larger_than_the_memory_bound_is_read_and_written(tmp_path: Path) -> None:
    """DuckDB refuses what it would need beyond its bound; what this process holds is a chunk."""
    columns = ", ".join(f"random() AS c{at}" for at in range(6))
    rows, chunk, bound_mb = 800_000, 200_000, 32
    file = parquet(tmp_path / "in", f"SELECT range AS id, {columns} FROM range({rows})")
    assert file.stat().st_size > bound_mb * 2**20
    with open_table(file, "in.parquet", tmp_path, Limits(memory_mb=bound_mb)) as table:
        parts = [tmp_path / "parts" / f"{first}.parquet" for first in range(0, rows, chunk)]
        for number, part in enumerate(parts):
            write_part(table, (number * chunk, chunk), answers(number * chunk, chunk), part)
        join_parts(table, parts, [PREDICTION], tmp_path / "output")
    assert (tmp_path / "output").stat().st_size > bound_mb * 2**20
