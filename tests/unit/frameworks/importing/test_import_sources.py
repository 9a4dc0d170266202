import os
import struct
import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import laid_out, opened_zip, zip_member


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_files_of_a_folder_are_named_in_order_with_their_folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.bin").write_bytes(b"1")
    (tmp_path / "a.xml").write_bytes(b"22")
    source = laid_out(tmp_path, "model")
    assert source.names == ("a.xml", "b/x.bin")
    assert (source.only, source.size_bytes(), source.read("b/x.bin")) == (None, 3, b"1")
    with pytest.raises(InvalidInput, match=r"has no file c\.bin"):
        source.read("c.bin")
    with pytest.raises(TooLarge):
        source.read("a.xml", most_bytes=1)


def test_an_empty_folder_and_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no file"):
        laid_out(tmp_path, "model")
    (tmp_path / "key").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="link or a device"):
        laid_out(tmp_path, "model")
    (tmp_path / "key").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="link or a device"):
        laid_out(tmp_path, "model")


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    zipped(tmp_path / "bomb.zip", a=bytes(65 << 20))
    with pytest.raises(InvalidInput, match="zip bomb"):
        opened_zip(tmp_path / "bomb.zip")


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../b", "..\\x"])
def test_paths_outside_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    zipped(tmp_path / "m.zip", **{name: b"x"})
    with pytest.raises(InvalidInput, match="a path outside"):
        opened_zip(tmp_path / "m.zip")


def test_a_member_larger_than_stated_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "m.zip", a=bytes(1000))
    content = bytearray(path.read_bytes())
    where = content.index(b"PK\x01\x02") + 24
    content[where : where + 4] = struct.pack("<I", 10)
    path.write_bytes(content)
    with opened_zip(path) as archive, pytest.raises(InvalidInput, match="archive is"):
        zip_member(archive, "a")


def test_a_damaged_archive_and_a_missing_member_are_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "m.zip", a=b"x")
    with opened_zip(path) as archive, pytest.raises(InvalidInput, match="has no b"):
        zip_member(archive, "b")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InvalidInput, match="damaged zip archive"):
        opened_zip(path)
