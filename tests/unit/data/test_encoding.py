from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.data.encoding import decoded, encoding_of

CHINESE = "时间,负荷(兆瓦)\n2026/1/3 5:00,1.5\n"


@pytest.mark.parametrize(
    "codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_chinese_text_comes_back_whole(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "f.csv"
    text = CHINESE + "2026/1/3 6:00,1.7\n" * 40
    path.write_bytes(text.encode(codec))
    found = encoding_of(path, path.name)
    assert "".join(decoded(path, found.codec)) == text


def test_a_degree_sign_alone_is_western_text(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("time,T (°C)\n2026-01-01,5\n".encode("cp1252"))
    found = encoding_of(path, path.name)
    assert (found.codec, found.guessed) == ("cp1252", True)
    assert "°C" in "".join(decoded(path, found.codec))


def test_a_character_across_two_pieces_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    text = "a" * ((1 << 20) - 1) + "负荷"
    path.write_bytes(text.encode())
    assert "".join(decoded(path, "utf-8")) == text


@pytest.mark.parametrize(
    ("content", "given", "says"),
    [
        (b"PAR1\x00\x01", None, "a Parquet file"),
        (b"PK\x03\x04\x00", None, "an XLSX or ZIP file"),
        (b"\x1f\x8b\x08\x00", None, "a gzip file"),
        (b"a,b\n\x00\x01\x02\x03", None, "binary"),
        (b"a,b\n\xff\xff,\x81\n", None, "neither UTF-8, UTF-16 nor GB18030"),
        (b"a,b\n1,2\n", "klingon", "'klingon' is not known"),
        ("a,°\n".encode("cp1252"), "utf-8", "not whole utf-8"),
        (b"\xef\xbb\xbfa,\xb0\n", None, "not whole utf-8-sig"),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, content: bytes, given: str | None, says: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=says):
        encoding_of(path, path.name, given)
