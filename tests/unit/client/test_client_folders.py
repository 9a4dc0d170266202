"""A folder of pictures, packed to be sent."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from lichen.client.folders import packed
from lichen.core.errors import InvalidInput


def _fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_a_folder_is_packed_in_order_without_what_is_no_picture(tmp_path: Path) -> None:
    for order in (1, -1):
        names = ["dog/2.png", "cat/1.JPG", "notes.txt", ".git/x.png", "cat/.hidden.png"][::order]
        _fill(tmp_path / f"{order}" / "pets", *names)
    bodies = []
    for order in (1, -1):
        with packed(tmp_path / f"{order}" / "pets") as sent:
            assert sent.name == "pets.zip"
            bodies.append(sent.read_bytes())
            with ZipFile(sent) as archive:
                assert archive.namelist() == ["cat/1.JPG", "dog/2.png"]
                assert archive.read("dog/2.png") == b"dog/2.png"
        assert not sent.exists()
    assert bodies[0] == bodies[1]


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    with packed(tmp_path / "load.csv") as sent:
        assert sent == tmp_path / "load.csv"


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    _fill(tmp_path, "cat/readme.md")
    with pytest.raises(InvalidInput, match="one folder for each class"), packed(tmp_path):
        raise AssertionError


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"gone.png cannot be read"), packed(tmp_path):
        raise AssertionError
