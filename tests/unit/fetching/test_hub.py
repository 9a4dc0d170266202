"""Repositories of a hub: revisions pinned, digests of both kinds, and what is chosen and left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.errors import Corrupt, InvalidInput, NotFound, Refused
from lichen.fetching.choosing import chosen
from lichen.fetching.fetching import Fetched, fetch
from lichen.fetching.hub import HubRepository, HubToken
from lichen.fetching.policy import Accounts
from lichen.fetching.references import HubSource
from lichen.fetching.replay import COMMIT, Kept, Shelf, hub_shelf
from lichen.fetching.web import Web

Opener = Callable[..., Web]
TENSORS = b"\x08\0\0\0\0\0\0\0{}      "
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": TENSORS,
    "pytorch_model.bin": b"\x80\x04.",
    "modeling.py": b"import os",
    "onnx/model.onnx": b"onnx",
    "1_Pooling/config.json": b"{}",
    ".gitattributes": b"*.safetensors filter=lfs",
}


def fetched(shelf: Shelf, source: str, web: Web, folder: Path, token: str | None = None) -> Fetched:
    accounts = Accounts(hub=shelf.url, hub_token=token)
    seen = web.seen_as(HubToken(accounts))
    return fetch(HubRepository(source, accounts, seen).listing(), seen, folder)


def test_a_repository_is_pinned_and_its_large_files_come_from_elsewhere(
    opened: Opener, tmp_path: Path
) -> None:
    with Shelf({"/model.safetensors": Kept(TENSORS)}) as cdn:
        files = hub_shelf("org/name", FILES, ["model.safetensors"], cdn.url)
        with Shelf(files) as shelf:
            got = fetched(shelf, "org/name@v1", opened(), tmp_path, "hf-s3cret")
            hub_asked, cdn_asked = list(shelf.asked), list(cdn.asked)
    assert got.listing.revision == COMMIT
    assert got.listing.origin == "hf://org/name@v1"
    assert got.listing.left == ("modeling.py", "onnx/model.onnx", "pytorch_model.bin")
    assert (got.files / "1_Pooling" / "config.json").read_bytes() == b"{}"
    assert {one.headers.get("Authorization") for one in hub_asked} == {"Bearer hf-s3cret"}
    assert {one.headers.get("Authorization") for one in cdn_asked} == {None}


@pytest.mark.parametrize("changed", ["config.json", "model.safetensors"])
def test_bytes_of_another_digest_are_refused(opened: Opener, tmp_path: Path, changed: str) -> None:
    files = hub_shelf("org/name", FILES, ["model.safetensors"])
    kept = files[f"/org/name/resolve/{COMMIT}/{changed}"]
    kept.body = kept.body[:-1] + b"!"
    shelf = Shelf(files)
    with shelf, pytest.raises(Corrupt, match=changed):
        fetched(shelf, "org/name", opened(), tmp_path)


def test_a_folder_or_file_of_a_repository_is_enough(opened: Opener, tmp_path: Path) -> None:
    with Shelf(hub_shelf("org/name", FILES)) as shelf:
        one = fetched(shelf, "org/name/onnx", opened(), tmp_path / "a")
        same = fetched(shelf, f"org/name@{COMMIT}/onnx/model.onnx", opened(), tmp_path / "b")
    assert [path.name for path in one.files.iterdir()] == ["model.onnx"]
    assert [path.name for path in same.files.iterdir()] == ["model.onnx"]


def test_a_private_repository_asks_for_a_token(opened: Opener, tmp_path: Path) -> None:
    files = hub_shelf("org/name", FILES)
    for kept in files.values():
        kept.token = "hf-s3cret"  # noqa: S105 - of nobody
    shelf = Shelf(files)
    with shelf, pytest.raises(Refused, match="`pull_hub_token`"):
        fetched(shelf, "org/name", opened(), tmp_path)


@pytest.mark.parametrize("source", ["org/other", "org/name@nothing", "org/name/nothing"])
def test_what_is_not_there_is_said(opened: Opener, tmp_path: Path, source: str) -> None:
    shelf = Shelf(hub_shelf("org/name", FILES))
    with shelf, pytest.raises(NotFound, match="check the"):
        fetched(shelf, source, opened(), tmp_path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("org/name", ("org/name", "main", "")),
        ("org/name@v1.0", ("org/name", "v1.0", "")),
        ("org/name/onnx/model.onnx", ("org/name", "main", "onnx/model.onnx")),
        ("org/name@refs/pr/1//onnx", ("org/name", "refs/pr/1", "onnx")),
    ],
)
def test_sources_are_read(text: str, parts: tuple[str, str, str]) -> None:
    found = HubSource.parse(text)
    assert (found.repository, found.revision, found.path) == parts


@pytest.mark.parametrize("text", ["", "name", "org/", "org/name@", "org/../name", "a b/c"])
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="names no repository"):
        HubSource.parse(text)


@pytest.mark.parametrize("body", [b"<html>", b'{"sha": "main", "siblings": []}', b"[]"])
def test_an_answer_that_is_no_repository_is_refused(
    opened: Opener, tmp_path: Path, body: bytes
) -> None:
    shelf = Shelf({"/api/models/org/name/revision/main": Kept(body)})
    with shelf, pytest.raises(InvalidInput):
        fetched(shelf, "org/name", opened(), tmp_path)


@pytest.mark.parametrize("path", ["../evil.onnx", "/etc/evil.onnx", "a//b.onnx", "a\\b.onnx"])
def test_names_that_lead_out_of_the_folder_are_refused(
    opened: Opener, tmp_path: Path, path: str
) -> None:
    shelf = Shelf(hub_shelf("org/name", {path: b"onnx"}))
    with shelf, pytest.raises((InvalidInput, NotFound)):
        fetched(shelf, "org/name", opened(), tmp_path / "pull")
    assert not list(tmp_path.rglob("evil.onnx"))


@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        (["model.onnx", "model_quantized.onnx"], ["model.onnx"]),
        (["onnx/model.onnx", "onnx/model.onnx_data", "config.json", "other/config.json"],
         ["config.json", "onnx/model.onnx", "onnx/model.onnx_data"]),
        (["a.onnx", "weights.onnx_data"], ["a.onnx", "weights.onnx_data"]),
        (["model.keras", "README.md", "train.py"], ["README.md", "model.keras"]),
        (["model.txt"], ["model.txt"]),
        (["model.json", "config.json"], ["config.json", "model.json"]),
        (["saved_model.pb", "variables/variables.index", "x.pkl"], ["saved_model.pb"]),
    ],
)  # fmt: skip
def test_one_form_is_chosen(paths: list[str], taken: list[str]) -> None:
    assert list(chosen(paths, "it").taken) == taken


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["model.gguf", "config.json", "README.md"], "GGUF"),
        (["pytorch_model.bin", "config.json", "README.md"], "pickles alone"),
        (["train.py", "LICENSE"], "no file that is imported"),
        ([], "it has nothing"),
    ],
)
def test_what_cannot_be_imported_is_not_fetched(paths: list[str], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        chosen(paths, "it")
