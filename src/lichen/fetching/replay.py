"""Servers on this machine that tests and trials pull from: files with faults, and a hub.

A `Shelf` answers GET and HEAD of its files with ranges and validators, as RFC 9110 has them, and
misbehaves as it is told. `hub_shelf` lays a repository out as the Hugging Face Hub answers for it.
"""

import hashlib
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import msgspec

_CHUNK = 2**16


@dataclass(slots=True)
class Kept:
    """One file of a shelf.

    Attributes:
        body: its bytes.
        headers: sent with it.
        redirect: where it is in truth.
        is_ranged: whether parts of it are sent; else always all.
        is_sized: whether its size is said.
        knows_if_range: whether a validator is compared before a part is sent.
        chunk_seconds: how long each 64 KiB of it take.
        cuts: after how many bytes each of the next answers breaks off.
        refusals: status and headers of each of the next answers.
        token: without which nobody gets it.
        challenge: what those hear who come without it.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    redirect: str | None = None
    is_ranged: bool = True
    is_sized: bool = True
    knows_if_range: bool = True
    chunk_seconds: float = 0.0
    cuts: list[int] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    token: str | None = None
    challenge: str = "Bearer"

    @property
    def etag(self) -> str:
        """Its strong validator."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Message


class Shelf:
    """A server of files on a port of this machine, until the end of its `with` block."""

    def __init__(self, files: Mapping[str, Kept], tls: ssl.SSLContext | None = None) -> None:
        self.files = dict(files)
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Shelf":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for one shelf."""

        def do_GET(self) -> None:
            """A file, or a part of it."""
            _answer(shelf, self)

        def do_HEAD(self) -> None:
            """What a GET would say."""
            _answer(shelf, self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing."""

    return Handler


def _answer(shelf: Shelf, to: BaseHTTPRequestHandler) -> None:
    shelf.asked.append(Asked(to.command, to.path, to.headers))
    kept = shelf.files.get(to.path) or shelf.files.get(to.path.partition("?")[0])
    status, headers = _refused(kept, to.headers)
    if kept is None or status:
        _send(to, status or 404, {"Content-Length": "0", **headers}, b"")
        return
    if kept.redirect is not None:
        _send(to, 302, {"Content-Length": "0", "Location": kept.redirect, **kept.headers}, b"")
        return
    status, body, told = _ranged(kept, to.headers)
    sent = {"ETag": kept.etag, **told, **kept.headers}
    if kept.is_sized:
        sent["Content-Length"] = str(len(body))
    is_cut = bool(kept.cuts) and to.command == "GET"
    _send(to, status, sent, body[: kept.cuts.pop(0)] if is_cut else body, kept)


def _refused(kept: Kept | None, asked: Message) -> tuple[int, Mapping[str, str]]:
    if kept is None:
        return 404, {}
    if kept.refusals:
        return kept.refusals.pop(0)
    if kept.token is not None and asked.get("Authorization") != f"Bearer {kept.token}":
        return 401, {"WWW-Authenticate": kept.challenge}
    return 0, {}


def _ranged(kept: Kept, asked: Message) -> tuple[int, bytes, Mapping[str, str]]:
    """Status, bytes and headers of a request that may ask for a part."""
    wanted, size = asked.get("Range", ""), len(kept.body)
    is_same = not kept.knows_if_range or asked.get("If-Range", kept.etag) == kept.etag
    if not (wanted and kept.is_ranged and is_same):
        return 200, kept.body, {}
    start = int(wanted.removeprefix("bytes=").partition("-")[0])
    if start >= size:
        return 416, b"", {"Content-Range": f"bytes */{size}"}
    return 206, kept.body[start:], {"Content-Range": f"bytes {start}-{size - 1}/{size}"}


def _send(
    to: BaseHTTPRequestHandler,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    kept: Kept | None = None,
) -> None:
    to.send_response(status)
    for name, value in headers.items():
        to.send_header(name, value)
    with suppress(ConnectionError):  # who asked has gone
        to.end_headers()
        if to.command != "HEAD":
            _write(to, body, kept)
    to.close_connection = True


def _write(to: BaseHTTPRequestHandler, body: bytes, kept: Kept | None) -> None:
    if kept is None or not kept.chunk_seconds:
        to.wfile.write(body)
        return
    for start in range(0, len(body), _CHUNK):
        to.wfile.write(body[start : start + _CHUNK])
        time.sleep(kept.chunk_seconds)


COMMIT = "1" * 40
"""The one commit of a repository of `hub_shelf`."""


def hub_shelf(
    repository: str, files: Mapping[str, bytes], large: Sequence[str] = (), cdn: str = ""
) -> dict[str, Kept]:
    """What the Hub answers for a repository; its `large` files are redirected to `cdn`.

    They are known by the SHA-256 of Git LFS, the others by the digest of their Git blob.
    """
    listed = [_sibling(path, body, is_large=path in large) for path, body in files.items()]
    told = {"id": repository, "sha": COMMIT, "gated": False, "siblings": listed}
    shelf = {
        f"/api/models/{repository}/revision/{revision}": Kept(msgspec.json.encode(told))
        for revision in ("main", COMMIT, "v1")
    }
    for path, body in files.items():
        at = f"/{repository}/resolve/{COMMIT}/{path}"
        shelf[at] = Kept(redirect=f"{cdn}/{path}") if path in large and cdn else Kept(body)
    return shelf


def _sibling(path: str, body: bytes, *, is_large: bool) -> Mapping[str, object]:
    git = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    one: dict[str, object] = {"rfilename": path, "size": len(body), "blobId": git}
    if is_large:
        digest = hashlib.sha256(body).hexdigest()
        one["lfs"] = {"sha256": digest, "size": len(body), "pointerSize": 130}
    return one
