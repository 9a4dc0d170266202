"""Laws of batch prediction: what goes through a form, a file or a chunk comes out as it went in."""

import io
import json
import tempfile
from pathlib import Path

import httpx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.api.multipart import FormReader, boundary_of
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.data.options import Limits
from lichen.data.parts import NewColumn, join_parts, write_part
from lichen.data.tablefile import open_table
from lichen.protocol.columns import TableForm, answer_columns, plain_values
from lichen.server.work.batch_sizing import Sizing, chunk_rows
from lichen.server.work.batch_standing import Settled, Standing, part_path
from lichen.server.work.line_jobs import chunks_of
from lichen.serving.deployment import Deployment

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    content=st.binary(max_size=300),
    filename=st.text(
        st.characters(exclude_categories=["C"], exclude_characters='"\\%'), min_size=1
    ),
    size=st.integers(1, 80),
)
def test_a_form_gives_what_was_put_in_however_it_is_cut(
    content: bytes, filename: str, size: int
) -> None:
    asked = httpx.Request(
        "POST", "http://x/", data={"purpose": "batch"}, files={"file": (filename, content)}
    )
    body, received = asked.read(), io.BytesIO()
    reader = FormReader(boundary_of(asked.headers["content-type"]), received)
    for first in range(0, len(body), size):
        reader.take(body[first : first + size])
    form = reader.finish()
    assert received.getvalue() == content
    assert form.fields == {"purpose": "batch"}
    assert form.filename is not None


@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), comma=st.booleans())
def test_numbers_written_as_text_are_the_numbers_read(
    rows: list[tuple[float, float]], *, comma: bool
) -> None:
    takes = Signature((TensorSpec("x", Datatype.FP32, (-1, 2), columns=("a", "b")),), ())
    wanted = np.array(rows, dtype=np.float32)
    decimal = "," if comma else "."
    texts = {
        name: np.array([str(one).replace(".", decimal) for one in wanted[:, at]], dtype=object)
        for at, name in enumerate("ab")
    }
    found = TableForm(takes, ("a", "b"), decimal).read(texts, len(rows))
    np.testing.assert_array_equal(found.tensors["x"], wanted)
    assert not found.faults


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_the_columns_of_an_output_hold_each_of_its_values_once(
    rows: int, width: int, depth: int
) -> None:
    shape = (-1, *[width] * depth)
    spec = TensorSpec("y", Datatype.FP32, shape)
    values = np.arange(rows * width**depth, dtype=np.float32).reshape(rows, *shape[1:])
    columns = answer_columns(Signature((), (spec,)))
    held = [np.array(plain_values(one, values).tolist()).reshape(rows, -1) for one in columns]
    np.testing.assert_array_equal(np.hstack(held), values.reshape(rows, -1))


@settings(max_examples=10)
@given(chunk=st.integers(1, 90), rows=st.integers(1, 60))
def test_the_size_of_a_chunk_changes_no_row(chunk: int, rows: int) -> None:
    new = NewColumn("prediction", "FLOAT")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "upload"
        file.write_text("id\n" + "".join(f"{row}\n" for row in range(rows)))
        with open_table(file, "in.csv", folder, Limits()) as table:
            parts = []
            for first in range(0, rows, chunk):
                count = min(chunk, rows - first)
                parts.append(folder / "parts" / f"{first}.parquet")
                values = np.arange(first, first + count, dtype=np.float32)
                write_part(table, (first, count), {new: values}, parts[-1])
            join_parts(table, parts, [new], folder / "output")
        lines = (folder / "output").read_text().splitlines()
    assert lines == ["id,prediction", *(f"{row},{float(row)}" for row in range(rows))]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=8))
def test_each_committed_chunk_has_one_part_by_the_attempt_that_committed_it(
    runs: list[tuple[int, int]],
) -> None:
    deployment = Deployment("d", "m", 1)
    standing, expected, fence = Standing(Settled(deployment, None, (), 1, 1)), [], 1
    for more, chunks in runs:
        fence += more
        for _ in range(chunks):
            expected.append(part_path(Path("p"), standing.chunks, fence))
            standing = standing.with_chunk(fence, 0, 1.0)
    assert list(standing.parts(Path("p"))) == expected
    assert standing.chunks == len(expected)


@given(st.sampled_from([1, 8, 32, 128, 512, 2048]), st.floats(1, 1e11), st.integers(1, 10_000))
def test_a_chunk_is_a_whole_number_of_batches(batch: int, row_ns: float, values: int) -> None:
    rows = chunk_rows(Sizing("cpu", batch, row_ns), values)
    assert rows >= batch
    assert rows % batch == 0


@given(st.lists(st.booleans(), max_size=700))
def test_chunks_of_requests_hold_each_line_once_and_in_order(blank: list[bool]) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "lines")
        lines = ["" if one else json.dumps({"n": at}) for at, one in enumerate(blank)]
        file.write_text("\n".join(lines))
        found = [line for chunk in chunks_of(file) for line in chunk]
    assert [(number, text.strip().decode()) for number, text in found] == [
        (at, line) for at, line in enumerate(lines, 1) if line
    ]
