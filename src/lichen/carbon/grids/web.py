"""One careful GET: time-outs, a limit of size, no redirects, no secret in any message."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from lichen.carbon.grids.service import ServiceRefused, Throttled
from lichen.core.errors import InvalidInput, Unavailable

TIMEOUT_SECONDS = 10.0
MOST_BYTES = 8 * 2**20
MOST_CLOCK_DIFFERENCE_SECONDS = 600
"""Beyond it, their hours and ours are not the same hours: nothing of the answer is used."""

_REFUSED = frozenset({401, 402, 403})
_CHUNK = 2**16


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would carry the token to whoever it names."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """None: the redirect itself is the answer."""
        del req, fp, code, msg, headers, newurl


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    body: bytes
    host: str

    def document(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidInput: it is none.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            raise InvalidInput(f"{self.host} answered something that is no JSON") from None
        if not isinstance(found, dict):
            raise InvalidInput(f"{self.host} answered JSON that is no object")
        return found


@dataclass(frozen=True, slots=True)
class Web:
    """GET on one service's address."""

    base: str
    timeout_s: float = TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"{self.base!r} is no address: give one such as https://host/path")

    @property
    def host(self) -> str:
        """Whom messages name: never the path or the query, which may hold a token."""
        return urlsplit(self.base).hostname or ""

    def get(
        self,
        path: str,
        query: Mapping[str, str],
        now: datetime,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to one GET.

        Raises:
            ServiceRefused: 401, 402 or 403.
            Throttled: 429.
            Unavailable: no connection, no answer in time, any other status, or the clocks of the
                service and of this machine are more than ten minutes apart.
            InvalidInput: it is too large.
        """
        url = self.base.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        request = Request(url, headers={"User-Agent": "lichen", **(headers or {})})  # noqa: S310 - http(s) alone, see above
        try:
            with _opener().open(request, timeout=self.timeout_s) as answer:
                self._check_clock(answer.headers, now)
                return Reply(self._read(answer), self.host)
        except HTTPError as refusal:
            with refusal:
                raise self._refusal(refusal) from None
        except (OSError, HTTPException) as failure:
            reason = getattr(failure, "reason", None) or failure
            raise Unavailable(f"{self.host} does not answer: {reason}") from None
        except ValueError:  # of http.client, which shows the header: a token
            raise InvalidInput(
                f"the question to {self.host} cannot be sent: a token in the settings holds a "
                "character that no header may"
            ) from None

    def _read(self, answer: HTTPResponse) -> bytes:
        give_up = time.monotonic() + self.timeout_s
        body = bytearray()
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > MOST_BYTES:
                raise InvalidInput(f"{self.host} answered more than {MOST_BYTES} bytes")
            if time.monotonic() > give_up:
                raise Unavailable(f"{self.host} did not end its answer in {self.timeout_s:g} s")
        return bytes(body)

    def _check_clock(self, headers: Message, now: datetime) -> None:
        said = _date_of(headers)
        if said is None:
            return
        ahead = round((now - said).total_seconds())
        if abs(ahead) > MOST_CLOCK_DIFFERENCE_SECONDS:
            where = "ahead of" if ahead > 0 else "behind"
            raise Unavailable(
                f"this machine's clock is {abs(ahead)} s {where} that of {self.host}: "
                "set the one that is wrong"
            )

    def _refusal(self, refusal: HTTPError) -> Unavailable:
        if refusal.code in _REFUSED:
            return ServiceRefused(
                f"{self.host} refuses the token or the account (HTTP {refusal.code}): "
                "make a new token, or see what the account may read"
            )
        if refusal.code == 429:
            wait = _wait_of(refusal.headers)
            return Throttled(f"{self.host} was asked too often (HTTP 429)", wait)
        return Unavailable(f"{self.host} answered HTTP {refusal.code}")


def _opener() -> OpenerDirector:
    return build_opener(_NoRedirects)


def _date_of(headers: Message) -> datetime | None:
    try:
        said = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def _wait_of(headers: Message) -> float | None:
    """Seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3)."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        since = _date_of(headers)
        return None if since is None else max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):
        return None
