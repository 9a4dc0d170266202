"""One authenticated HTTP session with the control plane that survives its restarts."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from lichen.client.trust import PUBLIC, Trust, refused_by_tls
from lichen.core.errors import InvalidInput, LichenError, Unavailable, named_error
from lichen.protocol.admin import Page, Problem

T = TypeVar("T")
Query = Mapping[str, str | int | None]
Content = Callable[[], bytes | Iterator[bytes]]
"""Makes a request's body anew for each attempt."""

API = "/api/v1"
REFUSED_PATIENCE_SECONDS = 0.5
"""The supervisor holds the port while a plane restarts: refused for so long means no platform."""
RESTART_PATIENCE_SECONDS = 20.0
CLOSED_FOR_GOOD = 5
"""So many connections over TLS in a row, closed without an answer, are no restart."""
_ANSWER_SECONDS = 60.0
_TIMEOUT = httpx.Timeout(_ANSWER_SECONDS, connect=5.0)
_BUSY = 503
_FIRST_ERROR = 400


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


class Session:
    """Calls of the control plane at `url`, with `key` if there is one."""

    def __init__(
        self,
        url: str,
        key: str | None,
        transport: httpx.BaseTransport | None = None,
        trust: Trust = PUBLIC,
    ) -> None:
        self.trust = trust
        self.url = _checked(url)
        self.key = key
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            trust_env=not is_loopback(self.url),
            verify=trust.verification(),
            transport=transport,
        )

    def get(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """The resource at `path`."""
        return _decoded(self.send("GET", path, query), kind)

    def pages(self, path: str, kind: type[T], query: Query | None = None) -> Iterator[T]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            asked = {**(query or {}), "cursor": cursor}
            page = _decoded(self.send("GET", path, asked), Page[kind])  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def put(self, path: str, body: object, kind: type[T]) -> T:
        """Set the resource at `path`."""
        answer = self.send("PUT", path, content=lambda: msgspec.json.encode(body))
        return _decoded(answer, kind)

    def put_file(self, path: str, content: Content, kind: type[T], query: Query | None = None) -> T:
        """Give a file to the resource at `path`; a repetition changes nothing more."""
        return _decoded(self.send("PUT", path, query, content), kind)

    def post(self, path: str, content: Content, kind: type[T], query: Query | None = None) -> T:
        """Create something; a repeated attempt creates it once (`Idempotency-Key`)."""
        return _decoded(self.send("POST", path, query, content), kind)

    def send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        content: Content | None = None,
    ) -> httpx.Response:
        """One answer, attempted again while the control plane restarts.

        Raises:
            Unavailable: no platform answers.
            LichenError: what the platform refused, as its own class.
        """
        headers = {"Idempotency-Key": secrets.token_hex(16)} if method == "POST" else {}
        params = {name: value for name, value in (query or {}).items() if value is not None}
        patience = _Patience(self.url)
        while True:
            try:
                answer = self._http.request(
                    method,
                    API + path,
                    params=params,
                    headers=headers,
                    content=content() if content else None,
                )
            except httpx.TransportError as error:
                patience.wait(error)
                continue
            if answer.status_code == _BUSY and patience.left:
                patience.wait(_problem(answer))
                continue
            if answer.status_code >= _FIRST_ERROR:
                raise _problem(answer)
            return answer

    def download(self, path: str) -> Iterator[bytes]:
        """The bytes of an answer as they come.

        Raises:
            Unavailable: no platform answers, or its answer broke off.
            LichenError: what the platform refused, as its own class.
        """
        try:
            with self._http.stream("GET", API + path) as answer:
                if answer.status_code >= _FIRST_ERROR:
                    answer.read()
                    raise _problem(answer)
                yield from answer.iter_bytes()
        except httpx.ConnectError as error:
            raise refused_by_tls(error, self.url) or _nobody_at(self.url) from error
        except httpx.TransportError as error:
            raise Unavailable(f"the download from {self.url} broke off: {error}") from error

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


class _Patience:
    """How long to try again: briefly when refused, longer when an answer broke off."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._began = time.monotonic()
        self._pause = 0.05
        self._closed = 0

    @property
    def left(self) -> bool:
        """Whether a plane that is restarting may still come back."""
        return time.monotonic() - self._began < RESTART_PATIENCE_SECONDS

    def wait(self, error: Exception) -> None:
        """Pause before the next attempt.

        Raises:
            Unavailable: it took too long already, or no attempt would get further.
        """
        self._closed += isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
        closes_all = self._closed == CLOSED_FOR_GOOD
        refused_for_good = refused_by_tls(error, self._url, closes_all=closes_all)
        if refused_for_good is not None:
            raise refused_for_good from error
        waited = time.monotonic() - self._began
        refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if waited > (REFUSED_PATIENCE_SECONDS if refused else RESTART_PATIENCE_SECONDS):
            if isinstance(error, LichenError):
                raise error
            if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
                raise Unavailable(
                    f"{self._url} did not answer within {_ANSWER_SECONDS:g} s: it may still be at "
                    "work on this; look before you ask again"
                ) from error
            raise _nobody_at(self._url) from error
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, 0.5)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(f"the address {url!r} is not usable: write it as http://127.0.0.1:8090")
    return url.rstrip("/")


def _nobody_at(url: str) -> Unavailable:
    return Unavailable(f"no platform answers at {url}: start one with `lichen up`")


def _decoded(answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise _foreign(answer) from error


def _problem(answer: httpx.Response) -> LichenError:
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return _foreign(answer)
    return named_error(problem.code, problem.detail)


def _foreign(answer: httpx.Response) -> LichenError:
    return LichenError(
        f"{answer.url} answered {answer.status_code}, and not as a Lichen platform of this "
        "release does: check the address"
    )
