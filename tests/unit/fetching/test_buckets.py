"""Objects of buckets: signatures as Amazon's own examples have them, lists over several pages."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.core.errors import Corrupt, InvalidInput, NotFound
from lichen.fetching.bucket import BucketFiles, bucket_place
from lichen.fetching.fetching import fetch
from lichen.fetching.locations import located
from lichen.fetching.policy import BucketAccount
from lichen.fetching.replay import Kept, Shelf
from lichen.fetching.signing import signed
from lichen.fetching.web import Ask, Web

Opener = Callable[..., Web]
# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
ACCOUNT = BucketAccount(
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106 - Amazon's example
)
THEN = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "https://examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("target", "headers", "signature"),
    [
        (
            "/test.txt",
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "/?lifecycle",
            {},
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "/?max-keys=2&prefix=J",
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_signatures_are_those_of_the_documentation(
    target: str, headers: dict[str, str], signature: str
) -> None:
    place = located(HOST).at(target)
    added = signed(Ask(place, headers=headers), ACCOUNT, THEN)
    assert added["Authorization"].endswith(f"Signature={signature}")
    assert added["x-amz-date"] == "20130524T000000Z"


def test_a_session_token_is_signed_with_the_rest() -> None:
    account = BucketAccount(access_key="a", secret_key="b", session="c")  # noqa: S106
    added = signed(Ask(located(HOST)), account, THEN)
    assert added["x-amz-security-token"] == "c"
    assert "x-amz-security-token" in added["Authorization"]


def test_buckets_are_amazons_unless_said() -> None:
    assert bucket_place(BucketAccount(region="eu-south-2")).host == "s3.eu-south-2.amazonaws.com"


def page(keys: list[str], following: str = "") -> Kept:
    listed = "".join(f"<Contents><Key>{key}</Key><Size>4</Size></Contents>" for key in keys)
    more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    said = f'<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}{more}</R>'
    return Kept(said.encode())


def listed(shelf: Shelf, source: str, web: Web) -> BucketFiles:
    return BucketFiles(source, BucketAccount(endpoint=shelf.url), web)


def test_a_folder_of_several_pages_is_fetched(opened: Opener, tmp_path: Path) -> None:
    files = {
        "/models?list-type=2&prefix=a%2F": page(["a/model.onnx", "a/"], "next/1"),
        "/models?continuation-token=next%2F1&list-type=2&prefix=a%2F": page(["a/config.json"]),
        "/models/a/model.onnx": Kept(b"onnx"),
        "/models/a/config.json": Kept(b"{  }"),
    }
    with Shelf(files) as shelf:
        web = opened()
        got = fetch(listed(shelf, "models/a/", web).listing(), web, tmp_path)
    assert sorted(path.name for path in got.files.iterdir()) == ["config.json", "model.onnx"]
    assert got.listing.name == "a"
    assert got.listing.origin == "s3://models/a/"


def test_a_checksum_of_the_store_is_checked(opened: Opener, tmp_path: Path) -> None:
    shelf = Shelf({"/models/m.onnx": Kept(b"onnx", {"x-amz-checksum-sha256": "A" * 43 + "="})})
    web = opened()
    with shelf, pytest.raises(Corrupt, match="sha256"):
        fetch(listed(shelf, "models/m.onnx", web).listing(), web, tmp_path)


def test_a_digest_of_digests_is_no_digest_of_the_file(opened: Opener, tmp_path: Path) -> None:
    """Objects that were uploaded in parts state one of their parts, with their number."""
    headers = {"x-amz-checksum-sha256": "A" * 43 + "=-3"}
    with Shelf({"/models/m.onnx": Kept(b"onnx", headers)}) as shelf:
        web = opened()
        got = fetch(listed(shelf, "models/m.onnx", web).listing(), web, tmp_path)
    assert got.size == 4


def test_an_empty_folder_and_an_answer_that_is_no_list_are_said(opened: Opener) -> None:
    files = {"/m?list-type=2&prefix=a%2F": page([]), "/m?list-type=2&prefix=b%2F": Kept(b"<")}
    with Shelf(files) as shelf:
        with pytest.raises(NotFound, match="has no object"):
            listed(shelf, "m/a/", opened()).listing()
        with pytest.raises(InvalidInput, match="no list of objects"):
            listed(shelf, "m/b/", opened()).listing()


@pytest.mark.parametrize("source", ["", "/key", "bucket/key?versionId=1"])
def test_what_names_no_object_is_refused(opened: Opener, source: str) -> None:
    with Shelf({}) as shelf, pytest.raises(InvalidInput, match="names no bucket"):
        listed(shelf, source, opened())


def test_a_folder_has_no_digest(opened: Opener) -> None:
    with Shelf({}) as shelf, pytest.raises(InvalidInput, match="a digest is of a file"):
        listed(shelf, f"m/a/#sha256={'0' * 64}", opened()).listing()
