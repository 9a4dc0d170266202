"""Models on the server's own disks: below named folders alone, however a path is written."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Forbidden, InvalidInput, NotFound, TooLarge
from lichen.fetching.policy import Accounts, Policy
from lichen.fetching.pulling import Pull, pull
from lichen.fetching.sources import name_of, parted


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    (folder / "net" / "sub").mkdir(parents=True)
    (folder / "m.onnx").write_bytes(b"onnx")
    (folder / "net" / "config.json").write_bytes(b"{}")
    (folder / "net" / "sub" / "weights.bin").write_bytes(b"1234")
    (tmp_path / "secret").write_bytes(b"s3cret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


def pulled(source: str, policy: Policy, folder: Path) -> dict[str, bytes]:
    allowed = Pull(policy, Accounts(), ManualClock())
    got = pull(source, allowed, folder, lambda _here, _total: None)
    assert got.came_now == 0
    files = (path for path in got.files.rglob("*") if path.is_file())
    return {str(path.relative_to(got.files)): path.read_bytes() for path in files}


@pytest.mark.parametrize("form", ["file:{}", "file://{}"])
def test_a_file_and_a_folder_are_copied(allowed: Path, tmp_path: Path, form: str) -> None:
    policy = Policy(folders=(allowed,))
    assert pulled(form.format(f"{allowed}/m.onnx"), policy, tmp_path / "a") == {"m.onnx": b"onnx"}
    found = pulled(form.format(f"{allowed}/net"), policy, tmp_path / "b")
    assert found == {"config.json": b"{}", "sub/weights.bin": b"1234"}


@pytest.mark.parametrize("path", ["../secret", "link", "net/../../secret", "%2e%2e/secret"])
def test_no_path_leads_out(allowed: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(Forbidden, match="`pull_folders`"):
        pulled(f"file:{allowed}/{path}", Policy(folders=(allowed,)), tmp_path / "out")


def test_nothing_is_allowed_unless_said_and_nothing_is_told(allowed: Path, tmp_path: Path) -> None:
    """Whether a file is there is not said of one that may not be read."""
    said = []
    for name in ("m.onnx", "nothing.onnx"):
        with pytest.raises(Forbidden) as error:
            pulled(f"file:{allowed}/{name}", Policy(), tmp_path / "out")
        said.append(str(error.value).replace(name, ""))
    assert said[0] == said[1]


def test_what_is_no_file_is_said(allowed: Path, tmp_path: Path) -> None:
    policy = Policy(folders=(allowed,))
    with pytest.raises(NotFound, match="there is no"):
        pulled(f"file:{allowed}/nothing", policy, tmp_path / "out")
    with pytest.raises(InvalidInput, match="no whole path"):
        pulled("file:m.onnx", policy, tmp_path / "out")
    os.mkfifo(allowed / "net" / "pipe")
    with pytest.raises(InvalidInput, match="a link or a device"):
        pulled(f"file:{allowed}/net", policy, tmp_path / "out")


def test_more_than_a_pull_may_have_is_refused(allowed: Path, tmp_path: Path) -> None:
    policy = replace(Policy(folders=(allowed,)), most_bytes=5)
    with pytest.raises(TooLarge, match="`pull_bytes`"):
        pulled(f"file:{allowed}/net", policy, tmp_path / "out")


@pytest.mark.parametrize("source", ["", "m.onnx", "C:\\m.onnx", "data:,x", "https:", "x" * 5000])
def test_what_is_no_source_is_said(source: str) -> None:
    with pytest.raises(InvalidInput):
        parted(source)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://h/", "model"),
        ("https://h/%E6%A8%A1.onnx", "model"),
        ("s3://bucket", "bucket"),
        ("file:/a/b.c.onnx", "b"),
        ("hf://o/n@v/p", "n"),
    ],
)
def test_names_are_ones_that_the_registry_takes(source: str, name: str) -> None:
    assert name_of(source) == name
