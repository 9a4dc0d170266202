"""Every place that models are pulled from, through one suite: it is the specification."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Corrupt, Forbidden, NotFound, Refused, TooLarge, WorkFailed
from lichen.fetching.addresses import networks
from lichen.fetching.artifact import Artifact
from lichen.fetching.bucket import BucketFiles, bucket_place
from lichen.fetching.fetching import Fetched, fetch
from lichen.fetching.hub import HubRepository, HubToken
from lichen.fetching.locations import located
from lichen.fetching.logins import RegistryLogin
from lichen.fetching.parts import Remote
from lichen.fetching.plain import WebFile
from lichen.fetching.policy import Accounts, BucketAccount, Login, Policy
from lichen.fetching.references import Reference
from lichen.fetching.replay import COMMIT, Kept, Shelf, hub_shelf
from lichen.fetching.signing import BucketKeys
from lichen.fetching.web import Ask, Credentials, Nobody, Tokens, Web
from lichen.protocol.modelpack import FILE_PATH, LAYER_PREFIX, ArtifactManifest, Descriptor

BODY = bytes(range(256)) * 100
DIGEST = hashlib.sha256(BODY).hexdigest()
POLICY = Policy(networks=networks("127.0.0.1"), allows_http=True)


def manifest() -> bytes:
    layer = Descriptor(
        media_type=f"{LAYER_PREFIX}weight.v1.raw",
        digest=f"sha256:{DIGEST}",
        size=len(BODY),
        annotations={FILE_PATH: "m.onnx"},
    )
    return msgspec.json.encode(ArtifactManifest(schema_version=2, layers=[layer]))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of place: what its server has, which file of it is the model, and who lists it."""

    files: Callable[[], dict[str, Kept]]
    path: str
    remote: Callable[[Shelf, Web], Remote]


KINDS = {
    "web": Kind(
        lambda: {"/m.onnx": Kept(BODY)},
        "/m.onnx",
        lambda shelf, _: WebFile(f"{shelf.url}/m.onnx#sha256={DIGEST}"),
    ),
    "hub": Kind(
        lambda: hub_shelf("a/b", {"m.onnx": BODY}, ["m.onnx"]),
        f"/a/b/resolve/{COMMIT}/m.onnx",
        lambda shelf, web: HubRepository("a/b", Accounts(hub=shelf.url), web),
    ),
    "bucket": Kind(
        lambda: {"/b/m.onnx": Kept(BODY)},
        "/b/m.onnx",
        lambda shelf, web: BucketFiles(
            f"b/m.onnx#sha256={DIGEST}", BucketAccount(endpoint=shelf.url), web
        ),
    ),
    "registry": Kind(
        lambda: {
            "/v2/a/b/manifests/v1": Kept(manifest()),
            f"/v2/a/b/blobs/sha256:{DIGEST}": Kept(BODY),
        },
        f"/v2/a/b/blobs/sha256:{DIGEST}",
        lambda shelf, web: Artifact(
            Reference.parse(f"127.0.0.1:{shelf.port}/a/b:v1", is_plain=True), web
        ),
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def shelf(kind: Kind) -> Iterator[Shelf]:
    with Shelf(kind.files()) as opened:
        yield opened


@pytest.fixture
def ask(kind: Kind, shelf: Shelf, tmp_path: Path) -> Iterator[Callable[..., Fetched]]:
    with ExitStack() as stack:

        def asked(policy: Policy = POLICY) -> Fetched:
            web = stack.enter_context(closing(Web(policy, pause=lambda _seconds: None)))
            return fetch(kind.remote(shelf, web).listing(), web, tmp_path)

        yield asked


Asked = Callable[..., Fetched]


def test_the_file_comes_whole_under_its_name(ask: Asked) -> None:
    got = ask()
    assert (got.files / "m.onnx").read_bytes() == BODY
    assert (got.size, got.came_now) == (len(BODY), len(BODY))
    assert got.listing.origin


def test_a_broken_connection_is_gone_on_from(ask: Asked, kind: Kind, shelf: Shelf) -> None:
    shelf.files[kind.path].cuts = [700, 900]
    assert (ask().files / "m.onnx").read_bytes() == BODY
    ranges = [one.headers.get("Range") for one in shelf.asked if one.method == "GET"]
    assert ranges[-2:] == ["bytes=700-", "bytes=1600-"]


def test_bytes_of_another_digest_are_refused(ask: Asked, kind: Kind, shelf: Shelf) -> None:
    shelf.files[kind.path].body = BODY[::-1]
    with pytest.raises(Corrupt, match=DIGEST):
        ask()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (404, NotFound), (500, WorkFailed), (429, WorkFailed)],
)
def test_refusals_are_what_they_are(
    ask: Asked, kind: Kind, shelf: Shelf, status: int, error: type[Exception]
) -> None:
    shelf.files[kind.path].refusals = [(status, {})] * 20
    with pytest.raises(error):
        ask()


def test_what_is_larger_than_allowed_is_refused(ask: Asked) -> None:
    with pytest.raises(TooLarge, match="pull_bytes"):
        ask(replace(POLICY, most_bytes=len(BODY) - 1))


def test_closed_addresses_are_not_asked(ask: Asked, shelf: Shelf) -> None:
    with pytest.raises(Forbidden, match="pull_networks"):
        ask(replace(POLICY, networks=()))
    assert not shelf.asked


CREDENTIALS: dict[str, Callable[[Web], Credentials]] = {
    "nobody": lambda _: Nobody(),
    "tokens": lambda web: Tokens({"own.example": "s3cret"}, web.policy),
    "hub": lambda _: HubToken(Accounts(hub="https://own.example", hub_token="s3cret")),  # noqa: S106
    "bucket": lambda _: BucketKeys(
        (account := BucketAccount("https://own.example", "r", "key", "s3cret")),
        bucket_place(account),
        ManualClock(),
    ),
    "registry": lambda web: RegistryLogin(
        located("https://own.example"), {"own.example": Login("me", "s3cret")}, web
    ),
}


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/m",
        "https://own.example.evil.example/m",
        "https://own.example:8443/m",
        "https://evil.example/own.example",
    ],
)
def test_a_secret_goes_to_its_own_host_alone(name: str, url: str) -> None:
    with closing(Web(POLICY)) as web:
        credentials = CREDENTIALS[name](web)
        credentials.learn('Basic realm="r"', located("https://own.example"))
        assert credentials.headers(Ask(located(url))) == {}
        assert not credentials.learn('Basic realm="r"', located(url))
        own = credentials.headers(Ask(located("https://own.example/m")))
        assert bool(own) is (name != "nobody")
