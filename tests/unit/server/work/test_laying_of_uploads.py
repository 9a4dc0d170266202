import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import MOST_FILES
from lichen.server.work.importing.laying import laid

Tar = Callable[..., Path]


@pytest.fixture
def tar(tmp_path: Path) -> Tar:
    def make(*members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w") -> Path:
        path = tmp_path / "upload"
        with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
            for one in members:
                if isinstance(one, tarfile.TarInfo):
                    packed.addfile(one)
                    continue
                member = tarfile.TarInfo(one[0])
                member.size = len(one[1])
                packed.addfile(member, io.BytesIO(one[1]))
        return path

    return make


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_folder_comes_as_a_tar_whatever_its_compression(
    tar: Tar, tmp_path: Path, mode: str
) -> None:
    upload = tar(("model/a.json", b"{}"), ("model/deep/b.bin", b"1"), mode=mode)
    source = laid(upload, "model.tar.gz", tmp_path / "source")
    assert (source.name, source.names) == ("model", ("a.json", "deep/b.bin"))


def test_a_file_keeps_its_name_and_nothing_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"x")
    source = laid(tmp_path / "upload", "../../etc\\model.bin", tmp_path / "source")
    assert (source.only, source.folder) == ("model.bin", tmp_path / "source")


def test_what_lay_there_before_is_gone(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"x")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "left").write_bytes(b"of an earlier attempt")
    assert laid(tmp_path / "upload", "m.bin", tmp_path / "source").names == ("m.bin",)


@pytest.mark.parametrize(
    "member",
    [
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard", tarfile.LNKTYPE, "a"),
        special("device", tarfile.CHRTYPE),
        ("../out", b"x"),
        ("a/../../out", b"x"),
    ],
)
def test_links_devices_and_paths_outside_are_refused(
    tar: Tar, tmp_path: Path, member: tarfile.TarInfo | tuple[str, bytes]
) -> None:
    upload = tar(("a", b"x"), member)
    with pytest.raises(InvalidInput, match=r"a link or a device|a path outside"):
        laid(upload, "m.tar", tmp_path / "source")
    assert not (tmp_path / "out").exists()


def test_an_empty_file_and_a_cut_tar_are_told(tar: Tar, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidInput, match="is empty"):
        laid(tmp_path / "empty", "m.onnx", tmp_path / "source")
    upload = tar(("a", bytes(100_000)))
    upload.write_bytes(upload.read_bytes()[:50_000])
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        laid(upload, "m.tar", tmp_path / "source")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_never_read(tmp_path: Path, kind: bytes) -> None:
    first = tarfile.TarInfo("model.onnx")
    first.size = 1
    bomb = tarfile.TarInfo("bomb")
    bomb.type, bomb.size = kind, 2**32
    packed = first.tobuf() + bytes(512) + bomb.tobuf() + bytes(4096)
    (tmp_path / "m.tar").write_bytes(packed)
    with pytest.raises(InvalidInput, match="states 4,294,967,296 bytes"):
        laid(tmp_path / "m.tar", "m.tar", tmp_path / "out")


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        for number in range(MOST_FILES + 1):
            one = tarfile.TarInfo(f"d{number}")
            one.type = tarfile.DIRTYPE
            tar.addfile(one)
    with pytest.raises(TooLarge):
        laid(tmp_path / "m.tar", "m.tar", tmp_path / "out")
