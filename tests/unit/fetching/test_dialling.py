"""Connections: to judged addresses alone, under the name that was asked for, through a proxy."""

import shutil
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from lichen.core.errors import Forbidden, InvalidInput, StorageFailed, WorkFailed
from lichen.fetching.addresses import Address, networks
from lichen.fetching.dialling import opened_pool
from lichen.fetching.fetching import fetch
from lichen.fetching.locations import located
from lichen.fetching.parts import Listing, Part
from lichen.fetching.plain import WebFile
from lichen.fetching.policy import Policy
from lichen.fetching.replay import Kept, Shelf
from lichen.fetching.web import Ask, Web

HERE = networks("127.0.0.0/8")
OPEN = Policy(networks=HERE, allows_http=True)
Opener = Callable[..., Web]


class Certificates(Protocol):
    ca: Path
    server: Path
    server_key: Path


class Names:
    """A resolver of a stranger: another answer each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [[ip_address(one) for one in found] for found in answers]
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        assert port
        self.asked.append(host)
        return self.answers.pop(0)


def test_a_name_is_looked_up_once_for_a_connection() -> None:
    """What it would say the second time, when a library asks again, gains nobody anything."""
    with Shelf({"/m": Kept(b"model")}) as shelf:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        place = located(f"http://model.example:{shelf.port}/m")
        with closing(Web(OPEN, pool=opened_pool(OPEN, names))) as web:
            _, body = web.fetch(Ask(place))
        assert (body, names.asked) == (b"model", ["model.example"])
        assert shelf.asked[0].headers["Host"] == f"model.example:{shelf.port}"


@pytest.mark.parametrize("found", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["::ffff:10.0.0.1"]])
def test_a_name_that_leads_within_is_refused(found: list[str]) -> None:
    web = Web(OPEN, pool=opened_pool(OPEN, Names(found)))
    with closing(web), pytest.raises(Forbidden, match=r"model\.example is (10|::ffff)"):
        web.fetch(Ask(located("http://model.example/m")))


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with Shelf({"/m": Kept(b"model")}) as shelf:
        names = Names(["127.0.0.2", "127.0.0.1"])
        place = located(f"http://model.example:{shelf.port}/m")
        with closing(Web(OPEN, pool=opened_pool(OPEN, names))) as web:
            assert web.fetch(Ask(place))[1] == b"model"


def test_a_name_that_leads_nowhere_is_said() -> None:
    with closing(Web(OPEN)) as web, pytest.raises(WorkFailed, match="leads nowhere"):
        web.fetch(Ask(located("http://nothing.invalid/m")))


def never(seconds: float) -> None:
    """What does not mend itself is not waited for."""
    raise AssertionError(seconds)


def server_tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    return context


def test_tls_is_checked_against_the_name_that_was_asked(certificates: Certificates) -> None:
    trusting = Policy(networks=HERE, ca=certificates.ca)
    with Shelf({"/m": Kept(b"model")}, server_tls(certificates)) as shelf:
        for host, is_named in (("localhost", True), ("model.example", False)):
            place = located(f"https://{host}:{shelf.port}/m")
            pool = opened_pool(trusting, Names(["127.0.0.1"]))
            with closing(Web(trusting, pool=pool, pause=never)) as web:
                if is_named:
                    assert web.fetch(Ask(place))[1] == b"model"
                    continue
                with pytest.raises(WorkFailed, match="`pull_ca`"):
                    web.fetch(Ask(place))


def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="`pull_ca`"):
        opened_pool(Policy(ca=tmp_path / "nothing.pem"))


def test_a_redirect_away_from_tls_is_refused(certificates: Certificates) -> None:
    trusting = Policy(networks=HERE, ca=certificates.ca, allows_http=True)
    files = {"/m": Kept(redirect="http://localhost/m")}
    shelf, web = Shelf(files, server_tls(certificates)), Web(trusting)
    with shelf, closing(web), pytest.raises(Forbidden, match="without TLS"):
        web.fetch(Ask(located(f"https://localhost:{shelf.port}/m")))


class _Proxy(BaseHTTPRequestHandler):
    """Passes plain requests on, to wherever they ask."""

    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        """Ask in its stead."""
        self.seen.append((self.path, self.headers.get("Proxy-Authorization")))
        parts = urlsplit(self.path)
        with closing(HTTPConnection("127.0.0.1", parts.port or 80)) as there:
            there.request("GET", parts.path)
            answer = there.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing."""


@contextmanager
def proxy() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Proxy,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_is_asked_with_its_login_and_looks_names_up() -> None:
    with Shelf({"/m": Kept(b"model")}) as shelf, proxy() as (address, seen):
        policy = Policy(allows_http=True, proxy=f"http://me:s3cret@{address}")
        with closing(Web(policy)) as web:
            _, body = web.fetch(Ask(located(f"http://model.invalid:{shelf.port}/m")))
    assert body == b"model"
    assert seen == [(f"http://model.invalid:{shelf.port}/m", "Basic bWU6czNjcmV0")]
    assert "s3cret" not in repr(policy)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:7f00:1]"])
def test_behind_a_proxy_what_is_known_here_is_judged_here(host: str) -> None:
    with proxy() as (address, seen):
        policy = Policy(allows_http=True, proxy=f"http://{address}")
        with closing(Web(policy)) as web, pytest.raises(Forbidden, match="`pull_networks`"):
            web.fetch(Ask(located(f"http://{host}/m")))
    assert seen == []


@pytest.mark.parametrize("said", ["proxy:3128", "socks5://host:1", "http://"])
def test_what_is_no_proxy_is_said(said: str) -> None:
    with pytest.raises(InvalidInput, match="`pull_proxy`"):
        opened_pool(Policy(proxy=said))


def test_a_disk_without_room_is_said_before_anything_is_written(
    opened: Opener, tmp_path: Path
) -> None:
    size = 2 * shutil.disk_usage(tmp_path).total  # what is free may change meanwhile
    with Shelf({"/m": Kept(b"x", {"Content-Length": str(size)}, is_sized=False)}) as shelf:
        listing = WebFile(f"{shelf.url}/m").listing()
        with pytest.raises(StorageFailed, match=r"needs .* bytes more, .* free"):
            fetch(listing, opened(most_bytes=2 * size), tmp_path)
    assert not any(path.stat().st_size > 1000 for path in tmp_path.rglob("*") if path.is_file())


def test_a_size_that_is_not_the_one_listed_is_refused(opened: Opener, tmp_path: Path) -> None:
    with Shelf({"/m": Kept(b"four")}) as shelf:
        part = Part("m", located(f"{shelf.url}/m"), size=5)
        with pytest.raises(Exception, match=r"has 4 bytes .* should have 5"):
            fetch(Listing("m", "here", (part,)), opened(), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "https://host/a b",
        "https://host\\@evil/m",
        "https://hôst/m",
        "https://host:port/m",
        "https:///m",
        "ftp://host/m",
        "https://ho%73t/m",
        "https://host/\r\nX: y",
        "https://" + "h" * 9000,
    ],
)
def test_addresses_that_two_readers_may_read_differently_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        located(url)
