"""Files as they come: interrupted, changed, cut short, too large; and whole in the end."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.errors import Corrupt, Forbidden, NotFound, Refused, TooLarge, WorkFailed
from lichen.fetching.fetching import fetch
from lichen.fetching.parts import Listing
from lichen.fetching.plain import WebFile
from lichen.fetching.replay import Kept, Shelf
from lichen.fetching.web import Tokens, Web

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()
Opener = Callable[..., Web]


def fetched(url: str, web: Web, folder: Path) -> bytes:
    got = fetch(WebFile(url).listing(), web, folder)
    (file,) = got.files.iterdir()
    return file.read_bytes()


def test_a_file_comes_whole_and_its_digest_is_checked(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/a/model.onnx": Kept(BODY)}) as shelf:
        source = WebFile(f"{shelf.url}/a/model.onnx?key=s3cret#sha256={DIGEST}").listing()
        got = fetch(source, opened(), tmp_path)
    assert (got.files / "model.onnx").read_bytes() == BODY
    assert (got.size, got.came_now, got.came_before) == (len(BODY), len(BODY), 0)
    assert source.origin == f"{shelf.url}/a/model.onnx"
    assert source.revision == f"sha256:{DIGEST}"


def test_broken_connections_are_gone_on_from(
    opened: Opener, pauses: list[float], tmp_path: Path
) -> None:
    kept = Kept(BODY, cuts=[1000, 5000, 100_000])
    with Shelf({"/m.onnx": kept}) as shelf:
        assert fetched(f"{shelf.url}/m.onnx", opened(), tmp_path) == BODY
    asked = [one.headers.get("Range") for one in shelf.asked]
    assert asked == [None, "bytes=1000-", "bytes=6000-", "bytes=106000-"]
    assert {one.headers.get("If-Range") for one in shelf.asked[1:]} == {kept.etag}
    assert len(pauses) == 3


def test_a_killed_pull_goes_on_in_the_next_attempt(opened: Opener, tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    def kill(here: int, total: int | None) -> None:
        assert total is None
        if here > 100_000:
            raise KilledError

    with Shelf({"/m.onnx": Kept(BODY)}) as shelf:
        listing = WebFile(f"{shelf.url}/m.onnx#sha256={DIGEST}").listing()
        with pytest.raises(KilledError):
            fetch(listing, opened(), tmp_path, kill)
        got = fetch(listing, opened(), tmp_path)
    assert (got.files / "m.onnx").read_bytes() == BODY
    assert got.came_before > 100_000
    assert got.came_before + got.came_now == len(BODY)


def test_a_file_that_changed_meanwhile_is_fetched_anew(opened: Opener, tmp_path: Path) -> None:
    kept = Kept(BODY, cuts=[1000])
    with Shelf({"/m.onnx": kept}) as shelf:
        web = opened()
        fresh = BODY[::-1]
        pause, swap = web.pause, lambda _seconds: setattr(kept, "body", fresh)
        web.pause = swap
        assert pause is not swap
        assert fetched(f"{shelf.url}/m.onnx", web, tmp_path) == fresh


def test_a_server_without_ranges_starts_over(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m.onnx": Kept(BODY, is_ranged=False, cuts=[1000, 2000])}) as shelf:
        assert fetched(f"{shelf.url}/m.onnx", opened(), tmp_path) == BODY


def test_a_wrong_digest_names_both(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m.onnx": Kept(BODY)}) as shelf:
        url = f"{shelf.url}/m.onnx#sha256={'0' * 64}"
        with pytest.raises(Corrupt, match=f"m.onnx came with the sha256 {DIGEST} .*{'0' * 64}"):
            fetched(url, opened(), tmp_path)


def test_what_a_header_states_is_checked_too(opened: Opener, tmp_path: Path) -> None:
    headers = {"x-amz-checksum-crc32": "AAAAAA=="}
    with Shelf({"/m.onnx": Kept(BODY, headers)}) as shelf, pytest.raises(Corrupt, match="crc32"):
        fetched(f"{shelf.url}/m.onnx", opened(), tmp_path)


def test_a_resumed_file_of_other_bytes_is_fetched_once_more(opened: Opener, tmp_path: Path) -> None:
    """The beginning was of another file; the digest tells, and all of it is asked for anew."""
    with Shelf({"/m.onnx": Kept(BODY[::-1], cuts=[70_000])}) as shelf:
        url = f"{shelf.url}/m.onnx#sha256={DIGEST}"
        web = opened()

        def swap(_seconds: float) -> None:
            shelf.files["/m.onnx"] = Kept(BODY)

        web.pause = swap
        assert fetched(url, web, tmp_path) == BODY


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, Refused, "wants to know who asks"),
        (403, Refused, "refuses"),
        (404, NotFound, "has no"),
        (410, NotFound, "no more"),
        (418, WorkFailed, "answered HTTP 418"),
    ],
)
def test_lasting_refusals_are_said_at_once(
    opened: Opener, pauses: list[float], tmp_path: Path, status: int, kind: type, says: str
) -> None:
    shelf = Shelf({"/m.onnx": Kept(BODY, refusals=[(status, {})])})
    with shelf, pytest.raises(kind, match=says) as error:
        fetched(f"{shelf.url}/m.onnx?X-Secret=s3cret", opened(), tmp_path)
    assert "s3cret" not in str(error.value)
    assert not pauses


def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    opened: Opener, pauses: list[float], tmp_path: Path
) -> None:
    busy: list[tuple[int, dict[str, str]]] = [(503, {})]
    busy += [(429, {"Retry-After": wait}) for wait in ("7", "2")]
    with Shelf({"/m.onnx": Kept(BODY, refusals=busy)}) as shelf:
        assert fetched(f"{shelf.url}/m.onnx", opened(), tmp_path) == BODY
    assert pauses == [0.5, 7.0, 2.0]


def test_a_server_that_wants_an_hour_is_not_waited_for(opened: Opener, tmp_path: Path) -> None:
    refusals = [(429, {"Retry-After": "3600"})]
    shelf = Shelf({"/m.onnx": Kept(BODY, refusals=refusals)})
    with shelf, pytest.raises(WorkFailed, match="a pause of 3600 s"):
        fetched(f"{shelf.url}/m.onnx", opened(), tmp_path)


def test_a_server_that_fails_always_is_given_up(
    opened: Opener, pauses: list[float], tmp_path: Path
) -> None:
    shelf = Shelf({"/m.onnx": Kept(BODY, refusals=[(500, {})] * 9)})
    with shelf, pytest.raises(WorkFailed, match=r"HTTP 500.*6 times in a row: pull again later"):
        fetched(f"{shelf.url}/m.onnx", opened(), tmp_path)
    assert len(pauses) == 5


@pytest.mark.parametrize("is_sized", [True, False])
def test_more_than_a_pull_may_have_is_refused(
    opened: Opener, tmp_path: Path, *, is_sized: bool
) -> None:
    shelf = Shelf({"/m.onnx": Kept(BODY, is_sized=is_sized)})
    with shelf, pytest.raises(TooLarge, match="larger than the setting `pull_bytes` allows"):
        fetched(f"{shelf.url}/m.onnx", opened(most_bytes=1000), tmp_path)


def test_a_token_goes_to_its_host_and_not_where_that_redirects(
    opened: Opener, tmp_path: Path
) -> None:
    with Shelf({"/m.onnx": Kept(BODY)}) as other:
        kept = Kept(redirect=f"{other.url}/m.onnx", token="s3cret")  # noqa: S106 - of nobody
        with Shelf({"/m.onnx": kept}) as shelf:
            trusted = frozenset({("127.0.0.1", shelf.port)})
            web = opened(trusted=trusted)
            host = f"127.0.0.1:{shelf.port}"
            assert (
                fetched(
                    f"{shelf.url}/m.onnx",
                    web.seen_as(Tokens({host: "s3cret"}, web.policy)),
                    tmp_path,
                )
                == BODY
            )
            assert [one.headers.get("Authorization") for one in shelf.asked] == ["Bearer s3cret"]
    assert [one.headers.get("Authorization") for one in other.asked] == [None]


def test_a_token_is_not_sent_without_tls(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m.onnx": Kept(BODY)}) as shelf:
        web = opened()
        seen = web.seen_as(Tokens({f"127.0.0.1:{shelf.port}": "s3cret"}, web.policy))
        with pytest.raises(Forbidden, match="not sent without TLS"):
            fetched(f"{shelf.url}/m.onnx", seen, tmp_path)
        assert not shelf.asked


def test_a_redirect_to_a_closed_address_is_refused(opened: Opener, tmp_path: Path) -> None:
    kept = Kept(redirect="http://169.254.169.254/latest/meta-data/")
    shelf = Shelf({"/m.onnx": kept})
    with shelf, pytest.raises(Forbidden, match=r"169\.254\.169\.254"):
        fetched(f"{shelf.url}/m.onnx", opened(), tmp_path)


def test_redirects_in_a_circle_end(opened: Opener, tmp_path: Path) -> None:
    shelf = Shelf({"/m.onnx": Kept(redirect="/m.onnx")})
    with shelf, pytest.raises(WorkFailed, match="redirects in circles"):
        fetched(f"{shelf.url}/m.onnx", opened(), tmp_path)


def test_without_tls_nothing_is_asked_unless_allowed(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m.onnx": Kept(BODY)}) as shelf:
        with pytest.raises(Forbidden, match="`pull_http`"):
            fetched(f"{shelf.url}/m.onnx", opened(allows_http=False), tmp_path)
        assert not shelf.asked


def test_this_machine_is_not_asked_unless_allowed(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m.onnx": Kept(BODY)}) as shelf:
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1"):
            with pytest.raises(Forbidden, match="`pull_networks`"):
                fetched(f"http://{host}:{shelf.port}/m.onnx", opened(networks=()), tmp_path)
        assert not shelf.asked


def test_an_empty_listing_of_sizes_is_counted_before_anything_is_asked(
    opened: Opener, tmp_path: Path
) -> None:
    with Shelf({}) as shelf:
        part = WebFile(f"{shelf.url}/m.onnx").listing().parts[0]
        big = type(part)(part.path, part.place, size=10**13)
        with pytest.raises(TooLarge, match="10,000,000,000,000 bytes"):
            fetch(Listing("m", "here", (big,)), opened(), tmp_path)
        assert not shelf.asked
