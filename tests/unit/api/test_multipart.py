"""`multipart/form-data` as hostile clients write it."""

from io import BytesIO

import pytest

from lichen.api.multipart import MOST_FIELDS, FormReader
from lichen.core.errors import InvalidInput


def read(*parts: tuple[str, str]) -> FormReader:
    reader = FormReader(b"mark", BytesIO())
    for disposition, content in parts:
        head = f"--mark\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        reader.take(f"{head}{content}\r\n".encode())
    reader.take(b"--mark--")
    return reader


def test_a_field_that_comes_again_and_again_counts_each_time() -> None:
    most = [("name=a", "1")] * MOST_FIELDS
    assert read(*most).finish().fields == {"a": "1"}
    with pytest.raises(InvalidInput, match=f"over {MOST_FIELDS} parts"):
        read(*most, ("name=a", "1"))


@pytest.mark.parametrize("name", ["idna''x%ff", "unicode_escape''%5Cud800"])
def test_a_file_name_in_an_encoding_that_nobody_reads_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name of the file"):
        read((f"name=file; filename*={name}", "{}"))


def test_a_file_name_beyond_ascii_is_read() -> None:
    form = read(("name=file; filename*=utf-8''gr%C3%BCn.jsonl", "{}")).finish()
    assert form.filename == "grün.jsonl"
